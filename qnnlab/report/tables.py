"""The report's tables: each takes records or fits and gives an exhibit with its provenance."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from qnnlab.lab.comparison import BASELINE
from qnnlab.lab.record import Record
from qnnlab.lab.study import absent_reasons, metric_of
from qnnlab.report.exhibits import Provenance, Table
from qnnlab.report.formatting import format_number, sentence
from qnnlab.report.plots import provenance
from qnnlab.survey import TABLE_II
from qnnlab.targets import KB
from qnnlab.tasks import Task, TaskData
from qnnlab.tasks.metrics import METRIC_TITLES
from qnnlab.values import Value


def _spread(row: pd.Series, name: str, digits: int) -> str:
    low, high = row[f"{name}_min"], row[f"{name}_max"]
    return f"{low:.{digits}f} – {high:.{digits}f}"


def _reasons(
    summary: pd.DataFrame, records: Sequence[Record], columns: dict[str, str]
) -> dict[tuple[str, str], str]:
    """Why a cell is empty, by row label (the method's title) and column."""
    return {
        (summary.loc[method, "title"], column): reason
        for name, column in columns.items()
        for method, reason in absent_reasons(records, name).items()
        if method in summary.index
    }


def task_table(task: Task, data: TaskData) -> Table:
    """The task's data: how many samples each split has, and whether they are real."""
    rows = {
        "training": data.train.x,
        "validation": data.val.x,
        "test": data.test.x,
        "calibration (drawn from training)": data.x_calibration,
    }
    frame = pd.DataFrame(
        [
            {"split": name, "samples": len(x), "shape": "×".join(map(str, x.shape[1:]))}
            for name, x in rows.items()
        ]
    )
    source = f"{task.source}; {task.licence}"
    return Table(
        frame,
        caption=f"{task.title}: {task.origin} data, {len(task.labels)} classes.",
        provenance=[Provenance("samples", "", "measured", source)],
    )


def answers_table(summary: pd.DataFrame, records: Sequence[Record]) -> Table:
    """Does the model run on TFLM, and do the runtimes answer the same?"""
    names = {
        "identical_litert_reference~tflm": "reference = TFLM",
        "identical_litert_reference~litert_xnnpack": "reference = XNNPACK",
        "max_difference_litert_reference~litert_xnnpack": "largest difference to XNNPACK",
        "argmax_flips_litert_reference~litert_xnnpack": "decisions changed by XNNPACK",
    }
    frame = summary.set_index("title")
    runs_on_tflm = frame["arena_bytes"].notna()
    shown = pd.DataFrame({"runs on TFLM": runs_on_tflm, **{c: frame[n] for n, c in names.items()}})
    shown.index.name = "method"
    quantities = {n: c for n, c in names.items() if not n.startswith("max_difference")}
    difference = "in codes (LSB) for integer outputs, in probability for float32 ones"
    sources = provenance(records, quantities)
    sources.append(
        Provenance(
            f"largest difference, {difference}", "", "measured", "the same outputs, worst seed"
        )
    )
    worst = "max_difference_litert_reference~litert_xnnpack"
    shown[names[worst]] = [
        f"{x:.0f} LSB" if float(x).is_integer() else format_number(x) for x in frame[f"{worst}_max"]
    ]
    return Table(
        shown,
        caption=(
            "Before any accuracy: does it run, and is the answer the same? Shares of test samples "
            "whose whole output vector is equal, mean over the seeds."
        ),
        provenance=sources,
        units={c: "%" if n.startswith("identical") else "samples" for n, c in quantities.items()},
        digits={names[n]: 1 for n in names if n.startswith(("identical", "argmax"))},
        reasons=_reasons(summary, records, names),
    )


def figures_table(summary: pd.DataFrame, records: Sequence[Record]) -> Table:
    """The metric, sizes and cost of each method."""
    frame = summary.set_index("title")
    metric = metric_of(records)
    title = METRIC_TITLES[metric]
    shown = pd.DataFrame(
        {
            title: frame[metric],
            "over the seeds": [_spread(row, metric, 1) for _, row in frame.iterrows()],
            "95 % interval of one seed": [
                f"{low:.1f} – {high:.1f}"
                for low, high in zip(frame[f"{metric}_low"], frame[f"{metric}_high"], strict=True)
            ],
            "file": frame["file_bytes"] / KB,
            "gzip": frame["gzip_bytes"] / KB,
            "arena": frame["arena_bytes"] / KB,
            "MACs": frame["macs"].round().astype("Int64"),
        }
    )
    shown.index.name = "method"
    quantities = {metric: title, f"{metric}_low": "interval", "macs": "MACs"}
    sizes = ("file", "gzip", "arena")
    shares = (title, "over the seeds", "95 % interval of one seed")
    return Table(
        shown,
        caption=(
            f"{sentence(title)} and cost of each method, mean over the seeds (1 kB is 1,024 B)."
        ),
        provenance=provenance(records, quantities | {f"{size}_bytes": size for size in sizes}),
        units=dict.fromkeys(shares, "%") | dict.fromkeys(sizes, "kB"),
        digits=dict.fromkeys((title, *sizes), 1),
        reasons=_reasons(summary, records, {"arena_bytes": "arena", "macs": "MACs"}),
    )


def baseline_table(summary: pd.DataFrame, records: Sequence[Record]) -> Table:
    """Each method against float32: points of the metric lost, shares of file and arena kept."""
    metric = metric_of(records)
    title = METRIC_TITLES[metric]
    base = summary.loc[BASELINE]
    frame = summary.drop(index=BASELINE).set_index("title")
    columns = {
        title: frame[metric] - base[metric],
        "file": 100 * frame["file_bytes"] / base["file_bytes"],
        "arena": 100 * frame["arena_bytes"] / base["arena_bytes"],
        "zero weights": frame["weight_zero_pct"],
    }
    quantities = {"weight_zero_pct": "zero weights"}
    if "runtime_saved_bytes" in frame:
        columns["saved by zeros"] = frame["runtime_saved_bytes"]
        quantities["runtime_saved_bytes"] = "saved by zeros"
    shown = pd.DataFrame(columns)
    shown.index.name = "method"
    difference = "difference of means over the same seeds"
    sources = [
        Provenance(title, "points", "measured", difference),
        Provenance("file and arena", "% of float32", "measured", "ratio of the sizes above"),
        *provenance(records, quantities),
    ]
    reasons = _reasons(summary, records, {"arena_bytes": "arena"})
    for method in frame.index[shown.isna().any(axis=1)]:
        reasons.setdefault((method, "saved by zeros"), "not pruned: no unpruned twin to compare")
    return Table(
        shown,
        caption="What each method gives up and saves against the float32 baseline.",
        provenance=sources,
        units={
            title: "points",
            "file": "% of float32",
            "arena": "% of float32",
            "zero weights": "%",
        }
        | ({"saved by zeros": "B"} if "saved by zeros" in shown else {}),
        digits={title: 2, "file": 0, "arena": 0, "zero weights": 1},
        reasons={key: why for key, why in reasons.items() if key[1] in shown},
    )


def fit_sources(fits: pd.DataFrame, arena: Value | None) -> list[Provenance]:
    """Where the figures of a fit check are from."""
    code = sorted({note.split("; ")[-1].split(" (")[0] for note in fits["note"]})
    runtime = "largest build of runtime_code.csv: " + ", ".join(code)
    sources = [
        Provenance("platform sizes", "kB", "quoted", TABLE_II),
        Provenance("model file", "B", "measured", "the .tflite file"),
        Provenance("interpreter's code, static data and stack", "B", "quoted", runtime),
    ]
    return sources if arena is None else [*sources, Provenance.of(arena, "arena")]


def fit_table(fits: pd.DataFrame, candidate: str, sources: Sequence[Provenance]) -> Table:
    """One candidate on every platform: what it needs, what is there, and what is left."""
    rows = fits[fits["candidate"] == candidate].set_index("platform")
    sizes = {
        "flash": "flash_bytes",
        "flash needed": "flash_needed_bytes",
        "flash left": "flash_headroom_bytes",
        "RAM": "ram_bytes",
        "RAM needed": "ram_needed_bytes",
        "RAM left": "ram_headroom_bytes",
    }
    shown = pd.DataFrame(
        {
            "family": rows["family"],
            "fits": rows["fits"].map({True: "yes", False: "no"}).fillna("can't be said"),
            **{label: pd.to_numeric(rows[name]) / KB for label, name in sizes.items()},
        }
    )
    reasons = {
        (platform, label): rows.loc[platform, "note"].split("; TFLM")[0]
        for label, name in sizes.items()
        for platform in rows.index[rows[name].isna()]
    }
    return Table(
        shown,
        caption=f"{candidate} on the 13 platforms; a negative rest is what is missing.",
        provenance=sources,
        units=dict.fromkeys(sizes, "kB"),
        digits=dict.fromkeys(sizes, 0),
        reasons=reasons,
    )
