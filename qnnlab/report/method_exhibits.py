"""Methods against bits and bytes: tables of any records of one task, one seed or several."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from qnnlab.errors import SpecError
from qnnlab.lab.comparison import BASELINE
from qnnlab.lab.record import Record
from qnnlab.lab.study import metric_of
from qnnlab.methods import RECIPES
from qnnlab.report.exhibits import Provenance, Ranked, Table
from qnnlab.report.formatting import format_number, sentence
from qnnlab.survey import load_table
from qnnlab.tasks.metrics import METRIC_TITLES

#: By line of a figure, then by widths such as W4A8, the method's name.
Ladders = Mapping[str, Mapping[str, str]]

_NOT_RUN = "not run"


@dataclass(frozen=True)
class Column:
    """One figure of the records as a table's column; shown divided by `divisor`."""

    figure: str
    header: str
    unit: str = ""
    digits: int = 1
    divisor: float = 1.0


def ladders(patterns: Mapping[str, str], widths: Sequence[str]) -> dict[str, dict[str, str]]:
    """The methods of each line: `patterns` by line, in which {} stands for each of `widths`.

    `{"LSQ": "qat_lsq_{}"}` with w4a4 gives qat_lsq_w4a4 under LSQ and W4A4. A name that no
    recipe has and the grammar refuses, such as three-bit ternary weights, is left out. Raises
    SpecError where nothing is left.
    """
    found = {
        line: {w.upper(): pattern.format(w) for w in widths if pattern.format(w) in RECIPES}
        for line, pattern in patterns.items()
    }
    found = {line: methods for line, methods in found.items() if methods}
    if not found:
        raise SpecError(f"no method is left of {', '.join(patterns.values())} at {widths}")
    return found


def methods_of(lines: Ladders) -> list[str]:
    """Every method of the ladders, each once."""
    return list(dict.fromkeys(name for line in lines.values() for name in line.values()))


def figures_of(record: Record) -> dict[str, Any]:
    """The figures that `record` has, by name; none where it failed."""
    return {v.name: v.value for v in record.results if v.value is not None}


def scores(records: Sequence[Record]) -> pd.DataFrame:
    """By method: `runs`, `mean` of the task's metric (%), `low` and `high`.

    With one seed low and high bound its 95 % interval; with more they are mean ∓ deviation of a
    sample, and missing for a method that finished once. Methods without a score are left out.
    Raises SpecError on records of several tasks.
    """
    metric = metric_of(records)
    several = len({record.spec.seed for record in records}) > 1
    rows = {}
    for method in dict.fromkeys(record.spec.method for record in records):
        found = [figures_of(record) for record in records if record.spec.method == method]
        found = [figures for figures in found if metric in figures]
        if not found:
            continue
        values = np.array([figures[metric] for figures in found], np.float64)
        low, high = (found[0].get(f"{metric}_{end}", np.nan) for end in ("low", "high"))
        if several:
            spread = values.std(ddof=1) if len(values) > 1 else np.nan
            low, high = values.mean() - spread, values.mean() + spread
        rows[method] = {"runs": len(values), "mean": values.mean(), "low": low, "high": high}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["runs", "mean", "low", "high"])


def spread_text(records: Sequence[Record]) -> str:
    """What `low` and `high` of `scores` are, in words."""
    seeds = len({record.spec.seed for record in records})
    if seeds > 1:
        return f"mean ± one standard deviation of {seeds} seeds"
    return "one seed with its 95 % interval over the test samples"


def failures(records: Iterable[Record]) -> dict[str, str]:
    """Why a method has no run that finished, by method."""
    records = list(records)
    finished = {record.spec.method for record in records if record.ok}
    return {r.spec.method: str(r.reason) for r in records if r.spec.method not in finished}


def _score_cell(row: pd.Series) -> Ranked:
    mean, spread = float(row["mean"]), float(row["high"]) - float(row["mean"])
    text = format_number(mean, 1)
    # One seed's interval is not symmetric; the figures draw it.
    if row["runs"] > 1:
        text += f" ± {format_number(spread, 1)}"
    return Ranked(text, mean)


def origin_text(records: Sequence[Record]) -> str:
    """The metric, the task and what its data is, for captions."""
    data = next((r.provenance["origin"] for r in records if "origin" in r.provenance), "")
    task = records[0].spec.task
    title = METRIC_TITLES[metric_of(records)]
    return f"{title} on {task}" + (f" ({data} data)" if data else "")


def score_sources(records: Sequence[Record]) -> list[Provenance]:
    """Where the scores and, with one seed, their intervals are from."""
    metric = metric_of(records)
    names: dict[str, str] = {metric: METRIC_TITLES[metric]}
    if len({record.spec.seed for record in records}) == 1:
        names[f"{metric}_low"] = "intervals"
    none = [Provenance(METRIC_TITLES[metric], "%", "measured", "no run finished")]
    return sources_of(records, names) or none


def sources_of(records: Sequence[Record], names: Mapping[str, str]) -> list[Provenance]:
    """Every source that the figures called by the keys have, under the names given."""
    found = {
        (value.name, value.source): Provenance.of(value, names[value.name])
        for record in records
        for value in record.results
        if value.name in names and value.value is not None
    }
    return list(found.values())


def bits_table(records: Sequence[Record], lines: Ladders) -> Table:
    """Lines × widths: the task's metric; a cell without a run says why."""
    found, why = scores(records), failures(records)
    widths = list(dict.fromkeys(w for methods in lines.values() for w in methods))
    frame = pd.DataFrame(index=pd.Index(lines, name="method"), columns=widths, dtype=object)
    reasons = {}
    for line, methods in lines.items():
        for width in widths:
            name = methods.get(width)
            if name in found.index:
                frame.at[line, width] = _score_cell(found.loc[name])
            else:
                never = "no such method" if name is None else _NOT_RUN
                reasons[line, width] = why.get(str(name), never)
    caption = f"{sentence(origin_text(records))} by method and widths of weights and activations"
    if BASELINE in found.index:
        caption += f"; the float32 model scores {_score_cell(found.loc[BASELINE]).text} %"
    several = f"; {spread_text(records)}" if found["runs"].max() > 1 else ""
    return Table(
        frame,
        caption=f"{caption}{several}.",
        provenance=score_sources(records),
        units=dict.fromkeys(widths, "%"),
        reasons=reasons,
        sortable=True,
    )


def method_table(
    records: Sequence[Record], columns: Sequence[Column], caption: str, score: bool = True
) -> Table:
    """One row a method: its score, if asked for, and the `columns`, each the seeds' mean.

    Texts are those of the first run. A figure that a run has not is absent with its reason, and
    so is every figure of a method that failed.
    """
    metric = metric_of(records)
    title = METRIC_TITLES[metric]
    names = list(dict.fromkeys(record.spec.method for record in records))
    rows = {}
    reasons: dict[tuple[str, str], str] = {}
    for name in names:
        mine = [record for record in records if record.spec.method == name]
        row = {column.header: _mean(mine, column) for column in columns}
        if score:
            found = scores(mine)
            row = {title: _score_cell(found.iloc[0]) if len(found) else None} | row
        label = RECIPES[name].title if name in RECIPES else name
        rows[label] = row
        figures = {title: metric, **{column.header: column.figure for column in columns}}
        reasons |= {
            (label, header): _reason(mine, figures[header]) for header in row if row[header] is None
        }
    frame = pd.DataFrame.from_dict(rows, orient="index", dtype=object)
    frame.index.name = "method"
    quantities = {column.figure: column.header for column in columns}
    return Table(
        frame,
        caption=caption,
        provenance=[*(score_sources(records) if score else []), *sources_of(records, quantities)],
        units={column.header: column.unit for column in columns} | ({title: "%"} if score else {}),
        digits={column.header: column.digits for column in columns},
        reasons=reasons,
        sortable=True,
    )


def _mean(records: Sequence[Record], column: Column) -> Any:
    values = [f[column.figure] for f in map(figures_of, records) if column.figure in f]
    if not values:
        return None
    if isinstance(values[0], str | bool):
        return values[0]
    # What rounds to zero is shown as zero, not as a power of ten.
    return round(float(np.mean(values)) / column.divisor, column.digits)


def _reason(records: Sequence[Record], figure_name: str) -> str:
    """Why none of a method's records has the figure."""
    said = [str(r.reason) for r in records if not r.ok]
    said += [str(v.reason) for r in records for v in r.results if v.name == figure_name]
    return said[0] if said else "not a figure of this method"


def best_table(records: Sequence[Record], kinds: Mapping[str, Ladders], widths: Any) -> Table:
    """By widths, the best method of each of two kinds and how far the second is ahead.

    The best of several, chosen by the test split, is a little better than it would be on new
    data; the more methods a kind has, the more so.
    """
    found = scores(records)
    first, second = kinds
    rows = {}
    reasons: dict[tuple[str, str], str] = {}
    for width in [text.upper() for text in widths]:
        best = {kind: _best(found, lines, width) for kind, lines in kinds.items()}
        row: dict[str, Any] = {}
        for kind, (line, cell) in best.items():
            row |= {f"best {kind}": line, f"{kind} scores": cell}
        known = [cell.key for _, cell in best.values() if cell is not None]
        row["ahead"] = known[1] - known[0] if len(known) == len(kinds) else None
        rows[width] = row
        reasons |= {(width, header): _NOT_RUN for header, cell in row.items() if cell is None}
    frame = pd.DataFrame.from_dict(rows, orient="index", dtype=object)
    frame.index.name = "bits"
    return Table(
        frame,
        caption=(
            f"{sentence(origin_text(records))}: the best {first} and the best {second} at the same "
            "bits, both chosen by the test split, which flatters the kind with more methods."
        ),
        provenance=[
            *score_sources(records),
            Provenance("ahead", "points", "measured", f"{second} minus {first}"),
        ],
        units={f"{kind} scores": "%" for kind in kinds} | {"ahead": "points"},
        digits={"ahead": 1},
        reasons=reasons,
    )


def _best(found: pd.DataFrame, lines: Ladders, width: str) -> tuple[str | None, Ranked | None]:
    there = {line: name for line, m in lines.items() if (name := m.get(width)) in found.index}
    if not there:
        return None, None
    line = max(there, key=lambda each: float(found.loc[there[each], "mean"]))
    return line, _score_cell(found.loc[there[line]])


def quoted_table(
    records: Sequence[Record], lines: Ladders, keys: Mapping[str, Sequence[str]]
) -> Table:
    """What each line loses against float32 here, beside what publications report of it.

    `keys` names by line its `method_key`s in the table of published methods; rows of other
    widths than the line's, and those without a baseline, are left out; so is a method of which
    there are none.
    """
    found, why = scores(records), failures(records)
    known = load_table("method_bench").dropna(subset=["delta"])
    rows, labels = [], []
    reasons: dict[tuple[str, str], str] = {}
    for line, methods in lines.items():
        for width, name in methods.items():
            label = f"{line}, {width}"
            here = name in found.index and BASELINE in found.index
            ours = found.at[name, "mean"] - found.at[BASELINE, "mean"] if here else None
            mine = known["method_key"].isin(list(keys.get(line, ())))
            quoted = known[mine & ("W" + known["bits_w"] + "A" + known["bits_a"] == width)]
            if quoted.empty:
                continue
            labels.append(label)
            rows.append({"here": ours, **_quoted(quoted)})
            reasons[label, "here"] = why.get(name, _NOT_RUN)
    columns = ["here", "published", "rows", "models", "benchmarks"]
    frame = pd.DataFrame(rows, index=pd.Index(labels, name="method"), columns=columns)
    return Table(
        frame,
        caption=(
            f"Points above (+) or below float32: {origin_text(records)} here; published figures "
            "are of other networks and data sets, so their order counts and their size does not."
        ),
        provenance=[
            Provenance("here", "points", "measured", "difference of the means, the same seeds"),
            Provenance("published", "points", "quoted", "table method_bench, top-1 as printed"),
        ],
        units=dict.fromkeys(("here", "published"), "points"),
        digits={"here": 1},
        reasons=reasons,
    )


def _quoted(rows: pd.DataFrame) -> dict[str, Any]:
    """The span of the published differences, of how many rows, on what, and whose."""
    low, high = float(rows["delta"].min()), float(rows["delta"].max())
    ends = [format_number(round(end, 1), 1) for end in (low, high)]
    models = dict.fromkeys(f"{row.model} ({row.dataset})" for row in rows.itertuples())
    return {
        "published": Ranked(ends[0] if low == high else f"{ends[0]} to {ends[1]}", low),
        "rows": len(rows),
        "models": ", ".join(models),
        "benchmarks": ", ".join(sorted(set(rows["bench"]))),
    }
