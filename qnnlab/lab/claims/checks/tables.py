"""Checks over the survey's tables: rows compared with rows that differ in one respect only."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qnnlab.errors import DataError
from qnnlab.lab.claims.checks.records import subtract
from qnnlab.lab.claims.registry import Evidence, Facts, Member, NotTestable, check
from qnnlab.lab.claims.selection import (
    Conditions,
    column,
    kind_of,
    matches,
    rows,
    short_source,
    source_of,
    split,
)
from qnnlab.values import Value

if TYPE_CHECKING:
    import pandas as pd

_REDUCE = ("mean", "median", "min", "max")
ALL = "all rows"


def _side(
    facts: Facts, value: str, where: Conditions | None, side: Conditions, match: list[str]
) -> tuple[dict[tuple[Any, ...], float], pd.DataFrame]:
    """The side's value by match key (rows of one key reduced to one), and its rows.

    `reduce` among the side's conditions says how; without it a key may have one value only.
    """
    table, name = split(value)
    conditions = {**(where or {}), **{k: v for k, v in side.items() if k != "reduce"}}
    frame = rows(facts, table, conditions)
    frame = frame[column(frame, name, table).notna()]
    how = side.get("reduce")
    if how is not None and how not in _REDUCE:
        raise DataError(f"reduce is {how!r}, not one of {', '.join(_REDUCE)}")
    for key in match:
        column(frame, key, table)
    found = {}
    for key, group in frame.groupby(match, sort=False, dropna=False):
        if how is None and len(group) > 1:
            raise DataError(f"{len(group)} rows of {table} share {key}; say how to reduce them")
        found[key if isinstance(key, tuple) else (key,)] = float(group[name].agg(how or "mean"))
    return found, frame


def _compare(
    facts: Facts,
    value: str,
    sides: tuple[Conditions, Conditions],
    match: list[str],
    rest: tuple[Conditions | None, str | None],
    join: tuple[Callable[[float, float], float], str],
) -> tuple[Member, ...]:
    where, case = rest
    table, _ = split(value)
    first, first_rows = _side(facts, value, where, sides[0], match)
    second, second_rows = _side(facts, value, where, sides[1], match)
    if case is not None and case not in match:
        raise DataError(f"case {case!r} is not among the columns to match")
    operation, unit = join
    source = f"{source_of(first_rows, table)}; against {source_of(second_rows, table)}"
    members = []
    for key, number in first.items():
        if key not in second:
            continue
        label = ", ".join(str(part) for part in key)
        group = ALL if case is None else str(key[match.index(case)])
        result = operation(number, second[key])
        members.append(Member(group, Value(label, result, unit, kind_of(table), source)))
    return tuple(members)


@check("table_ratio")
def table_ratio(
    facts: Facts,
    *,
    value: str,
    of: Conditions,
    over: Conditions,
    match: list[str],
    where: Conditions | None = None,
    case: str | None = None,
) -> Evidence:
    """`value` (table.column) of some rows over that of others with equal `match` columns."""

    def divide(a: float, b: float) -> float:
        if b == 0:
            raise NotTestable(f"a {value} to divide by is zero")
        return a / b

    members = _compare(facts, value, (of, over), match, (where, case), (divide, "×"))
    return Evidence(members, ratio=True)


@check("table_difference")
def table_difference(
    facts: Facts,
    *,
    value: str,
    of: Conditions,
    minus: Conditions,
    match: list[str],
    where: Conditions | None = None,
    case: str | None = None,
) -> Evidence:
    """`value` of some rows minus that of others with equal `match` columns."""
    unit = facts.claim.expectation.unit
    members = _compare(facts, value, (of, minus), match, (where, case), (subtract, unit))
    return Evidence(members)


@check("table_values")
def table_values(
    facts: Facts,
    *,
    value: str,
    label: list[str],
    minus_value: str | None = None,
    where: Conditions | None = None,
    case: str | None = None,
) -> Evidence:
    """`value` of each row, less its `minus_value` where one is named."""
    table, name = split(value)
    frame = rows(facts, table, where)
    known = column(frame, name, table).notna()
    other = None if minus_value is None else split(minus_value)[1]
    if other is not None:
        known &= column(frame, other, table).notna()
    members = []
    for _, row in frame[known].iterrows():
        number = float(row[name])
        if other is not None:
            number = subtract(number, float(row[other]))
        text = ", ".join(str(row[key]) for key in label)
        source = (
            f"table {table}: {short_source(row['source'])}" if "source" in row else f"table {table}"
        )
        shown = Value(text, number, facts.claim.expectation.unit, kind_of(table), source)
        members.append(Member(ALL if case is None else str(row[case]), shown))
    return Evidence(tuple(members), noun="rows")


@check("table_extremes")
def table_extremes(
    facts: Facts, *, value: list[str], label: list[str], where: Conditions | None = None
) -> Evidence:
    """The lowest and the highest of one or more columns, with the rows that hold them."""
    members: list[Member] = []
    for one in value:
        members += table_values(facts, value=one, label=label, where=where).members
    if not members:
        return Evidence(())
    low = min(members, key=lambda member: member.number)
    high = max(members, key=lambda member: member.number)
    return Evidence((Member("lowest", low.value), Member("highest", high.value)), noun="rows")


@check("table_share")
def table_share(
    facts: Facts, *, table: str, holds: Conditions, where: Conditions | None = None
) -> Evidence:
    """The share of rows, in percent, for which all of `holds` is so."""
    frame = rows(facts, table, where)
    if frame.empty:
        return Evidence(())
    kept = frame
    for name, condition in holds.items():
        kept = kept[matches(column(kept, name, table), condition).astype(bool)]
    source, kind = source_of(frame, table), kind_of(table)
    share = Value("share of rows", 100 * len(kept) / len(frame), "%", kind, source)
    counts = (
        Value("rows that hold", len(kept), f"of {len(frame)}", kind, source),
        Value("rows", len(frame), "rows", kind, source),
    )
    return Evidence((Member(ALL, share),), counts, noun="rows")


@check("table_count_ratio")
def table_count_ratio(
    facts: Facts, *, table: str, of: Conditions, over: Conditions, match: str
) -> Evidence:
    """How many rows are as `of` says, over how many are as `over` says, by the column `match`."""
    first, second = rows(facts, table, of), rows(facts, table, over)
    column(first, match, table)
    members = []
    for key, group in second.groupby(match, sort=False):
        count = int((first[match] == key).sum())
        source = f"{count} rows over {len(group)} rows of table {table}"
        ratio = Value(str(key), count / len(group), "×", kind_of(table), source)
        members.append(Member(ALL, ratio))
    return Evidence(tuple(members), noun=f"values of {match}")


@check("table_spread")
def table_spread(
    facts: Facts,
    *,
    value: str,
    across: str,
    match: list[str],
    where: Conditions | None = None,
    case: str | None = None,
) -> Evidence:
    """The largest minus the smallest `value` over `across`, for equal `match` columns."""
    table, name = split(value)
    frame = rows(facts, table, where)
    frame = frame[column(frame, name, table).notna()]
    unit, members = facts.claim.expectation.unit, []
    for key, group in frame.groupby(match, sort=False):
        variants = group[across].nunique()
        if variants < 2:
            continue
        parts = key if isinstance(key, tuple) else (key,)
        spread = subtract(float(group[name].max()), float(group[name].min()))
        text = f"{', '.join(map(str, parts))} ({variants} values of {across})"
        shown = Value(text, spread, unit, kind_of(table), source_of(group, table))
        members.append(Member(ALL if case is None else str(group[case].iloc[0]), shown))
    return Evidence(tuple(members))
