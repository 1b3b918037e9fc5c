"""Frameworks that run here: who takes which model, answers, bytes, time, emulated cores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from qnnlab.lab.frameworks import FRAMEWORKS, Cell, Comparison, Timing
from qnnlab.lab.frameworks.cores import OURS, PEER, SOURCE
from qnnlab.lab.frameworks.timing import WARNING
from qnnlab.report.atlas.axes import log_axis
from qnnlab.report.exhibits import Figure, Provenance, Table, figure
from qnnlab.report.matrices import draw_matrix
from qnnlab.report.style import colour_map, marker_map, use_style
from qnnlab.values import Value

# Light enough for black text; each cell says its verdict in words, too.
VERDICTS = {
    "equal": "#BFE5D8",
    "differs": "#FFE2A8",
    "runs": "#E3E3E3",
    "compiles": "#C9E3F5",
    "refused": "#F0C4B4",
}
_FIGURES = {
    "equal_answers": "equal answers",
    "same_class": "same class",
    "max_difference": "largest difference",
    "stored_bytes": "stored",
    "arena_bytes": "arena",
}
_NO_ANSWER = "the tool computes no answer here"
_TIME = "time ÷ LiteRT reference"
_REFUSED = "refused: see the reasons"


def _title(name: str) -> str:
    return FRAMEWORKS[name].title


def _compared(found: Comparison) -> Provenance:
    references = sorted({cell.reference for cell in found.cells if cell.reference})
    case = found.cases[0]
    count = "zeros" if case.inputs is None else f"{len(case.inputs)} random inputs"
    tools = {(cell.framework.split("_")[0], cell.version) for cell in found.cells}
    versions = {f"{tool} {version}" for tool, version in tools if version}
    told = (", ".join(sorted(versions)), "; ".join(references) or "no reference")
    source = f"{told[0]} against {told[1]}; {count}, seed {case.seed}"
    return Provenance("agreement of answers", "", "measured", source)


def acceptance_figure(found: Comparison) -> Figure:
    """Frameworks × models: equal, differs and by how much, compiles, or refused."""
    from matplotlib import pyplot as plt

    names, models = found.frameworks, found.models
    cells = [[found[name, model] for model in models] for name in names]
    verdicts = [[cell.verdict for cell in row] for row in cells]
    with use_style():
        fig, axes = plt.subplots(figsize=(2.6 + 1.25 * len(models), 0.9 + 0.36 * len(names)))
        draw_matrix(axes, verdicts, VERDICTS, [_title(name) for name in names], models)
        for row, column in np.ndindex(len(names), len(models)):
            text = _words(cells[row][column])
            axes.text(column, row, text, ha="center", va="center", fontsize=8)
        return figure(
            fig,
            caption=(
                "Which framework takes which model. Equal: all answers are those of the integer "
                "executor, number by number. Differs: the largest difference, in steps of the "
                "model's output. Compiles: accepted by a tool that computes no answer here."
            ),
            provenance=[_compared(found)],
            alt=f"Matrix of {len(names)} frameworks and {len(models)} models with a verdict each",
        )


def _words(cell: Cell) -> str:
    apart = cell.value("max_difference")
    if cell.verdict != "differs" or apart is None:
        return cell.verdict
    assert isinstance(apart.value, float)
    if apart.unit != "steps":
        return f"{apart.value:.3g}"
    return "1 step" if apart.value == 1 else f"{apart.value:.3g} steps"


def results_table(found: Comparison, timings: Sequence[Timing] = ()) -> Table:
    """One row a framework and model: agreement, bytes, operators, time as a ratio."""
    times = {(timing.framework, timing.model): timing for timing in timings}
    rows, reasons, remarks = {}, {}, {}
    for cell in found.cells:
        label = (cell.model, _title(cell.framework))
        if cell.trial is not None and cell.trial.uncovered:
            remarks[label, "operators"] = f"without {', '.join(cell.trial.uncovered)}"
        row, absent = _row(cell, times.get((cell.framework, cell.model)), bool(timings))
        rows[label] = row
        reasons.update({(label, column): reason for column, reason in absent.items()})
    frame = pd.DataFrame.from_dict(rows, orient="index")
    frame.index = pd.MultiIndex.from_tuples(list(rows), names=["model", "framework"])
    return Table(
        frame,
        caption=(
            "Each framework with each model. Stored: the model file, or the constants in generated "
            "C; code comes on top. Operators: those that run on what the framework is about; of a "
            "quantizer, those with weights that it narrows."
            + (" Time is that of this computer." if timings else "")
        ),
        provenance=[_compared(found)],
        digits={"equal answers": 1, "same class": 1} | ({_TIME: 3} if timings else {}),
        reasons=reasons,
        remarks=remarks,
        sortable=True,
    )


def _row(cell: Cell, timing: Timing | None, timed: bool) -> tuple[dict[str, Any], dict[str, str]]:
    """The cells of a row, and by column why one is empty."""
    values = {value.name: value for value in cell.values()}
    missing = _REFUSED if cell.trial is None else _NO_ANSWER
    row: dict[str, Any] = {"verdict": cell.verdict}
    row |= {shown: values.get(name) for name, shown in _FIGURES.items()}
    trial = cell.trial
    row["operators"] = None if trial is None else f"{trial.covered} of {trial.operators}"
    if timed:
        ratio = None if timing is None else list(timing.values())[1]
        row[_TIME] = ratio
    return row, {column: missing for column, value in row.items() if value is None}


def refusals_table(found: Comparison) -> Table:
    """Each refusal with its reason in the framework's own words, where it has any."""
    rows = [
        {"framework": _title(cell.framework), "model": cell.model, "reason": cell.reason}
        for cell in found.cells
        if not cell.accepted
    ]
    frame = pd.DataFrame(rows, columns=["framework", "model", "reason"])
    source = ", ".join(dict.fromkeys(row["framework"] or "" for row in rows)) or "no refusals"
    return Table(
        frame.set_index("framework"),
        caption="What was refused, and why.",
        provenance=[Provenance("refusals", "", "measured", source)],
        sortable=True,
    )


def _labelled(rows: Mapping[tuple[str, str], Any], columns: list[str], what: str) -> pd.DataFrame:
    """Rows by model and `what`; the columns are there without rows, too."""
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    if rows:
        frame.index = pd.MultiIndex.from_tuples(list(rows), names=["model", what])
    return frame


def quantizers_table(found: Comparison) -> Table:
    """Recipes of quantizers: what they cost against the float network that they start from."""
    names = {
        "stored_bytes": "stored",
        "arena_bytes": "TFLM arena",
        "max_difference_to_twin": "largest difference to float",
        "same_class_as_twin": "same class as float",
    }
    rows, reasons = {}, {}
    for cell in found.cells:
        values = {value.name: value for value in cell.values()}
        if "same_class_as_twin" not in values:
            continue
        label = (cell.model, _title(cell.framework))
        rows[label] = {shown: values.get(name) for name, shown in names.items()}
        arena = values["arena_bytes"]
        reasons[label, "TFLM arena"] = arena.reason or ""
    return Table(
        _labelled(rows, list(names.values()), "recipe"),
        caption=(
            "Each recipe against the float network that it was given. Without an arena, TFLM "
            "refuses the file."
        ),
        provenance=[_compared(found)],
        digits={"largest difference to float": 2, "same class as float": 1},
        reasons={key: reason for key, reason in reasons.items() if reason},
        sortable=True,
    )


def estimates_table(found: Comparison) -> Table:
    """What compilers for accelerators estimate; nothing of it was executed."""
    names = {
        "npu_seconds": "time",
        "npu_cycles": "cycles",
        "arena_bytes": "SRAM",
        "stored_bytes": "flash",
    }
    rows = {}
    for cell in found.cells:
        values = {value.name: value for value in cell.values()}
        if "npu_cycles" in values and cell.trial is not None:
            row: dict[str, Any] = {shown: values[name] for name, shown in names.items()}
            row["on the NPU"] = f"{cell.trial.covered} of {cell.trial.operators}"
            rows[cell.model, _title(cell.framework)] = row
    return Table(
        _labelled(rows, [*names.values(), "on the NPU"], "compiler"),
        caption=(
            "The vendor's estimates for one inference. Operators are those of the compiler's own "
            "graph, which splits and joins those of the file."
        ),
        provenance=[Provenance("operators on the NPU", "", "measured", "what the compiler tells")],
        digits={"time": 6, "cycles": 0},
        sortable=True,
    )


def times_figure(timings: Sequence[Timing]) -> Figure:
    """Time of one inference as a ratio to LiteRT's reference kernels, a marker a model."""
    from matplotlib import pyplot as plt

    known = [timing for timing in timings if timing.ratio is not None]
    names = list(dict.fromkeys(timing.framework for timing in known))
    models = list(dict.fromkeys(timing.model for timing in known))
    colours, markers = colour_map(models), marker_map(models)
    with use_style():
        fig, axes = plt.subplots(figsize=(7.6, 1.2 + 0.34 * max(1, len(names))))
        for model in models:
            part = [timing for timing in known if timing.model == model]
            axes.plot(
                [float(timing.ratio or 0) for timing in part],
                [names.index(timing.framework) for timing in part],
                linestyle="",
                marker=markers[model],
                color=colours[model],
                label=model,
            )
        axes.axvline(1, color="#666666", linewidth=1, linestyle="--", zorder=0)
        if known:
            log_axis(axes)
        axes.set_yticks(range(len(names)), [_title(name) for name in names])
        axes.set_ylim(max(len(names), 1) - 0.5, -0.5)
        axes.set_xlabel("time of one inference ÷ LiteRT reference")
        if known:
            fig.legend(loc="outside lower center", ncols=len(models))
        return figure(
            fig,
            caption=(
                "One inference on this computer; left is faster. Calls from Python are included, "
                "which weighs on small models. Host time is no time of a microcontroller: kernels "
                "for this CPU are not those of a Cortex-M."
            ),
            provenance=[
                Provenance("ratio of times", "", "measured", _machine(timings)),
            ],
            alt=f"Time ratios of {len(names)} frameworks on a logarithmic axis",
        )


def _machine(timings: Sequence[Timing]) -> str:
    if not timings:
        return "nothing timed"
    rounds = f"median of {timings[0].repeats} alternated rounds"
    return f"{timings[0].cpu}, {rounds}; {WARNING}"


def emulated_table(rows: pd.DataFrame) -> Table:
    """`core_rows` as a table: our C and TFLM with CMSIS-NN on the same emulated cores."""
    lines, reasons = {}, {}
    base = rows[rows["framework"] == PEER].set_index(["model", "core"])["instructions"]
    for row in rows.to_dict("records"):
        label = (row["model"], row["core"], row["framework"])
        source = str(row["source"])
        told = str(row["reason"]) or None
        peer = base.get((row["model"], row["core"]))
        ratio = None if told or peer is None else row["instructions"] / peer
        lines[label] = {
            "executed": _emulated("instructions", row, "instructions", source, told),
            "flash": _emulated("flash_bytes", row, "B", source, told),
            "RAM": _emulated("ram_bytes", row, "B", source, told),
            "÷ TFLM + CMSIS-NN": ratio,
        }
        reasons[label, "÷ TFLM + CMSIS-NN"] = "no such row of TFLM to compare with"
    frame = pd.DataFrame.from_dict(lines, orient="index")
    frame.index = pd.MultiIndex.from_tuples(list(lines), names=["model", "core", "framework"])
    return Table(
        frame,
        caption=(
            "Executed instructions of one inference; flash and RAM of the whole image, stack and "
            f"buffers of input and output among them. {PEER} is quoted from a table of "
            "emulated runs."
        ),
        provenance=[Provenance("ratio of instructions", "", "emulated", f"{OURS}; {SOURCE}")],
        digits={"executed": 0, "flash": 0, "RAM": 0, "÷ TFLM + CMSIS-NN": 2},
        reasons=reasons,
        sortable=True,
    )


def _emulated(name: str, row: dict[str, Any], unit: str, source: str, reason: str | None) -> Value:
    value = None if reason is not None else int(row[name])
    return Value(name, value, unit, "emulated", source, reason)
