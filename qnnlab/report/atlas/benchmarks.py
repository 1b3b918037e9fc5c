"""MLPerf Tiny results by core and runtime: latency, energy at a voltage, cycles per MAC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from qnnlab.report.atlas.axes import log_axis
from qnnlab.report.exhibits import Figure, Provenance, Table, figure
from qnnlab.report.style import BASELINE_COLOUR, colour_map, marker_map, use_style

MLPERF = "MLPerf Tiny v0.5 to v1.2, mlcommons/tiny_results_*"
BENCHMARKS = {
    "kws": "keyword spotting",
    "vww": "visual wake words",
    "ic": "image classification",
    "ad": "anomaly detection",
}
_OTHER = "others"
_RUNTIMES = (
    ("X-CUBE-AI", "X-CUBE-AI"),
    ("Plumerai", "Plumerai"),
    ("Bosch HALE", "Bosch HALE"),
    ("microTVM", "microTVM"),
    ("ONNC", "ONNC"),
)
RUNTIME_FAMILIES = (
    *(name for _, name in _RUNTIMES),
    "TFLM + CMSIS-NN",
    "TFLM, other kernels",
    _OTHER,
)
_SETS = {"A_energyrunner": "set A (energy runner)", "B_tiny_eval": "set B (tiny evaluation)"}
_IC_TARGET = 85.0


def once(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows that resubmit none before them."""
    return frame[frame["duplicate_of"].isna()]


def runtime_family(runtime: str) -> str:
    """The runtime without its version, or "others"."""
    for start, name in _RUNTIMES:
        if runtime.startswith(start):
            return name
    if runtime.startswith("TFLM"):
        return "TFLM + CMSIS-NN" if "CMSIS-NN" in runtime else "TFLM, other kernels"
    return _OTHER


def processor(row: pd.Series) -> str:
    """What computes: the core, or what stands in for it."""
    accelerator = row.get("npu_or_accelerator", row.get("accelerator"))
    kind = str(row["device_class"])
    if kind.startswith("FPGA acc"):
        return "FPGA"
    if kind == "MCU + accelerator" and not pd.isna(accelerator):
        return str(accelerator)
    note = {"MCU": "", "linux MPU": " (Linux)", "mobile SoC": " (phone)"}.get(kind, " (on FPGA)")
    return f"{row['core_family']}{note}"


def _prepared(frame: pd.DataFrame, value: str) -> pd.DataFrame:
    rows = once(frame).dropna(subset=[value])
    return rows.assign(
        processor=[processor(row) for _, row in rows.iterrows()],
        runtime_family=[runtime_family(str(name)) for name in rows["runtime"]],
    )


def _order(rows: pd.DataFrame, value: str) -> list[str]:
    """Processors from fast to slow: by their median rank over the benchmarks they ran."""
    ranks = rows.groupby("benchmark")[value].rank(pct=True)
    medians = ranks.groupby(rows["processor"]).median()
    return list(medians.sort_values(kind="stable").index)


def _points(
    axes: Any,
    part: pd.DataFrame,
    value: str,
    group: str,
    look: Mapping[str, tuple[Any, str]],
    places: Sequence[str],
) -> None:
    """One panel's markers, hollow where the result is not int8."""
    for position, (name, (colour, marker)) in enumerate(look.items()):
        points = part[part[group] == name]
        # Groups stand a little apart, so that equal results do not hide each other.
        shift = 0.5 * (position / max(len(look) - 1, 1) - 0.5)
        y = [places.index(place) + shift for place in points["processor"]]
        faces = [colour if plain else "white" for plain in points["precision"] == "int8"]
        x = points[value].astype(float)
        axes.scatter(x, y, s=20, marker=marker, c=faces, edgecolors=[colour])


def _strips(
    rows: pd.DataFrame, value: str, label: str, group: str, look: Mapping[str, tuple[Any, str]]
) -> Any:
    """A panel a benchmark, a line a processor, a marker a result in its group's look."""
    from matplotlib import pyplot as plt
    from matplotlib.lines import Line2D

    places = _order(rows, value)
    names = [name for name in look if name in set(rows[group])]
    fig, grid = plt.subplots(
        2, 2, figsize=(8.4, 2 * (0.235 * len(places) + 0.75) + 0.5), sharey=True
    )
    for axes, (key, title) in zip(grid.flat, BENCHMARKS.items(), strict=True):
        part = rows[rows["benchmark"] == key]
        _points(axes, part, value, group, {name: look[name] for name in names}, places)
        if len(part):
            log_axis(axes)
        else:
            axes.set_xticks([])
        axes.set_title(f"{title} ({len(part)})")
        axes.set_yticks(range(len(places)), places)
        axes.set_ylim(len(places) - 0.4, -0.6)
    for axes in grid[1]:
        axes.set_xlabel(label)
    handles = [
        Line2D([], [], color=look[name][0], marker=look[name][1], linestyle="", label=name)
        for name in names
    ]
    hollow: dict[str, Any] = {"color": BASELINE_COLOUR, "markerfacecolor": "white"}
    if (rows["precision"] != "int8").any():
        handles.append(Line2D([], [], marker="o", linestyle="", label="hollow: not int8", **hollow))
    fig.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 5))
    return fig


def _runtime_look() -> dict[str, tuple[Any, str]]:
    colours = colour_map(RUNTIME_FAMILIES, baselines=[_OTHER])
    markers = marker_map(RUNTIME_FAMILIES)
    return {name: (colours[name], markers[name]) for name in RUNTIME_FAMILIES}


def _resubmitted(frame: pd.DataFrame) -> str:
    count = int(frame["duplicate_of"].notna().sum())
    return f"{count} resubmitted rows are counted once" if count else "no row is a resubmission"


def mlperf_latency(results: pd.DataFrame) -> Figure:
    """Latency of each result by processor and runtime."""
    rows = _prepared(results, "latency_ms")
    with use_style():
        fig = _strips(rows, "latency_ms", "latency (ms)", "runtime_family", _runtime_look())
        return figure(
            fig,
            caption=(
                f"Latency by processor and runtime: {len(rows)} results; {_resubmitted(results)}. "
                "Runtimes are pooled over their versions, processors over their clocks."
            ),
            provenance=[Provenance("latency", "ms", "quoted", MLPERF)],
            alt="Four panels of latency by processor, coloured by runtime, one panel a benchmark",
        )


def mlperf_energy(results: pd.DataFrame) -> Figure:
    """Energy of each result whose voltage is stated, by processor and voltage."""
    from matplotlib import colormaps

    measured = _prepared(results, "energy_uj")
    rows = measured.dropna(subset=["voltage_v"])
    rows = rows.assign(voltage=[f"{volts:.2f} V" for volts in rows["voltage_v"].astype(float)])
    volts = sorted(set(rows["voltage"]), key=lambda text: float(text.split()[0]))
    ramp = colormaps["viridis"]
    markers = marker_map(volts)
    look = {
        name: (ramp(0.92 * position / max(len(volts) - 1, 1)), markers[name])
        for position, name in enumerate(volts)
    }
    with use_style():
        fig = _strips(rows, "energy_uj", "energy per inference (µJ)", "voltage", look)
        return figure(
            fig,
            caption=(
                f"Energy by processor and supply voltage (of the core where two are stated): "
                f"{len(rows)} results. {len(measured) - len(rows)} more were measured at a voltage "
                f"that nobody stated; they can't be placed here. {_resubmitted(results)}."
            ),
            provenance=[Provenance("energy", "µJ", "quoted", MLPERF)],
            alt="Four panels of energy by processor, coloured by voltage, one panel a benchmark",
        )


def mlperf_cycles(cycles: pd.DataFrame) -> Figure:
    """Clock cycles per MAC on plain cores, by core and runtime."""
    rows = _prepared(cycles, "cycles_per_mac")
    plain = rows[rows["device_class"].isin(["MCU", "FPGA-emulated MCU core"])]
    with use_style():
        look = _runtime_look()
        fig = _strips(plain, "cycles_per_mac", "cycles per MAC", "runtime_family", look)
        return figure(
            fig,
            caption=(
                f"Clock cycles per multiply-accumulate of the dense model: {len(plain)} results. "
                f"{len(rows) - len(plain)} of accelerators, FPGA designs and Linux machines are "
                f"left to the latency figure: their MACs do not run on the core whose clock is "
                f"stated. {_resubmitted(cycles)}."
            ),
            provenance=[Provenance("cycles per MAC", "", "quoted", f"latency × clock of {MLPERF}")],
            alt="Four panels of cycles per MAC by core, coloured by runtime, one panel a benchmark",
        )


def mlperf_sets(results: pd.DataFrame) -> Figure:
    """Accuracy of image classification, the two test sets kept apart."""
    from matplotlib import pyplot as plt

    rows = once(results)
    rows = rows[(rows["benchmark"] == "ic") & rows["ic01_set"].notna()]
    rows = rows.dropna(subset=["accuracy_value"])
    with use_style():
        fig, axes = plt.subplots(figsize=(7.2, 2.6))
        for base, (key, _) in enumerate(_SETS.items()):
            part = rows[rows["ic01_set"] == key]
            counts = part.groupby("accuracy_value").size()
            axes.scatter(counts.index, [base] * len(counts), s=26 * counts, alpha=0.7)
            for accuracy, count in counts.items():
                axes.annotate(str(count), (accuracy, base), ha="center", va="center", size=8)
        named = [f"{name}: {int((rows['ic01_set'] == k).sum())}" for k, name in _SETS.items()]
        axes.set_yticks(range(len(_SETS)), named)
        axes.set_ylim(len(_SETS) - 0.4, -0.6)
        axes.axvline(_IC_TARGET, color="#666666", linewidth=1, linestyle="--", zorder=0)
        axes.annotate("target", (_IC_TARGET, -0.5), (3, -4), textcoords="offset points", size=8)
        axes.set_xlabel("top-1 accuracy (%)")
        return figure(
            fig,
            caption=(
                "Image classification was scored on two different sets of 200 pictures. The area "
                "of a disc, and the figure in it, is the number of results; "
                f"{_resubmitted(results)}."
            ),
            provenance=[Provenance("top-1 accuracy", "%", "quoted", MLPERF)],
            alt="Two rows of discs by accuracy, one row a test set",
        )


def mlperf_counts(results: pd.DataFrame) -> Table:
    """Rows by round: submitted, resubmitted, with energy, with energy at a stated voltage."""
    rows = []
    for name, part in [*results.groupby("round"), ("all", results)]:
        new = once(part)
        rows.append(
            {
                "round": name,
                "rows": len(part),
                "resubmitted": len(part) - len(new),
                "counted": len(new),
                "with energy": int(new["energy_uj"].notna().sum()),
                "and voltage": int((new["energy_uj"].notna() & new["voltage_v"].notna()).sum()),
                "open division": int((new["division"] == "open").sum()),
            }
        )
    return Table(
        pd.DataFrame(rows),
        caption="MLPerf Tiny results in the tables; a row is one submission to one benchmark.",
        provenance=[Provenance("rows", "", "quoted", MLPERF)],
    )


def fastest_table(results: pd.DataFrame, classes: Sequence[str] = ("MCU",)) -> Table:
    """The fastest int8 result of each processor and benchmark, with its runtime."""
    rows = _prepared(results, "latency_ms")
    rows = rows[rows["device_class"].isin(list(classes)) & (rows["precision"] == "int8")]
    best = rows.loc[rows.groupby(["processor", "benchmark"])["latency_ms"].idxmin()]
    shown = pd.DataFrame(
        {
            "processor": best["processor"],
            "benchmark": best["benchmark"].map(BENCHMARKS),
            "latency": best["latency_ms"],
            "clock": best["clock_mhz"],
            "runtime": best["runtime"],
            "board": best["board"],
            "round": best["round"],
        }
    ).reset_index(drop=True)
    return Table(
        shown,
        caption="The fastest int8 result of each plain core on each benchmark.",
        provenance=[
            Provenance("latency", "ms", "quoted", MLPERF),
            Provenance("clock", "MHz", "quoted", MLPERF),
        ],
        units={"latency": "ms", "clock": "MHz"},
        digits={"latency": 2, "clock": 0},
        sortable=True,
    )
