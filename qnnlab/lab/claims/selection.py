"""Which rows of a table a check looks at, and what they say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qnnlab.errors import DataError, unknown_name
from qnnlab.lab.claims.registry import Facts
from qnnlab.values import Kind

if TYPE_CHECKING:
    import pandas as pd

Conditions = Mapping[str, Any]
_OPERATORS = ("not", "matches", "known")


def column(frame: pd.DataFrame, name: str, table: str) -> pd.Series:
    """A column by name; raises DataError with the nearest name."""
    if name not in frame.columns:
        raise DataError(unknown_name(f"column of table {table}", name, map(str, frame.columns)))
    return frame[name]


def split(value: str) -> tuple[str, str]:
    """Table and column of `table.column`."""
    table, dot, name = value.partition(".")
    if not dot:
        raise DataError(f"{value!r} does not read table.column")
    return table, name


def _text(cell: Any) -> str:
    """A cell as a condition writes it: 8.0 is "8", an unknown one is "", yes and no are words."""
    import numpy as np
    import pandas as pd

    if pd.isna(cell):
        return ""
    if isinstance(cell, bool | np.bool_):
        return "yes" if cell else "no"
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def matches(cells: pd.Series, condition: Any) -> pd.Series:
    """Which cells a condition holds for.

    A value or a list of values to equal; or {not: …}, {matches: a regular expression for the
    whole cell}, {known: true or false}.
    """
    texts = cells.map(_text)
    if not isinstance(condition, Mapping):
        wanted = condition if isinstance(condition, list) else [condition]
        return texts.isin([_text(value) for value in wanted])
    if len(condition) != 1 or next(iter(condition)) not in _OPERATORS:
        raise DataError(f"condition {condition!r} has not one of {', '.join(_OPERATORS)}")
    if "not" in condition:
        return ~matches(cells, condition["not"])
    if "known" in condition:
        return (texts != "") == bool(condition["known"])
    return texts.map(lambda text: re.fullmatch(condition["matches"], text) is not None)


def rows(facts: Facts, table: str, conditions: Conditions | None) -> pd.DataFrame:
    """The rows of `table` for which all conditions hold."""
    frame = facts.tables(table)
    for name, condition in (conditions or {}).items():
        frame = frame[matches(column(frame, name, table), condition).astype(bool)]
    return frame


def kind_of(table: str) -> Kind:
    """What figures of a table are: a compiler's estimates, or quoted from who measured them."""
    return "estimated" if table.endswith("_estimates") else "quoted"


def short_source(source: str) -> str:
    """A row's source without the path of the file: the repository and its commit, shortened."""
    repository = source.split(":", maxsplit=1)[0] if "@" in source else source
    return re.sub(r"@([0-9a-f]{10})[0-9a-f]+", r"@\1", repository)


def source_of(frame: pd.DataFrame, table: str) -> str:
    """The table, its number of rows and where they are from; the rows hold the paths."""
    text = f"table {table}, {len(frame)} row{'s' if len(frame) != 1 else ''}"
    if "source" not in frame.columns or frame.empty:
        return text
    sources = list(dict.fromkeys(map(short_source, frame["source"])))
    more = f" and {len(sources) - 1} more" if len(sources) > 1 else ""
    return f"{text}: {sources[0]}{more}"
