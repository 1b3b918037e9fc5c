"""Published comparisons of frameworks: EdgeMark and TinyEngine's table."""

from __future__ import annotations

from typing import Any

import pandas as pd

from qnnlab.report.atlas.axes import log_axis
from qnnlab.report.exhibits import Figure, Provenance, figure
from qnnlab.report.style import colour_map, use_style

EDGEMARK = "Black3rror/EdgeMark, Experiments.xlsx"
TINYENGINE = "mit-han-lab/tinyengine, README"
_BOARDS = {"NUCLEO-L4R5ZI": "STM32L4R5", "RenesasRX65N": "RX65N"}
_TOOLS = {"EI": "Edge Impulse"}
_OTHERS = "recurrent and others"
_KINDS = {"FC": "fully connected", "CNN": "convolutional", "TinyMLPerf": "MLPerf Tiny"}
_VARIANTS = {
    "basic": "float32",
    "native": "the tool's own",
    "q_dynamic": "dynamic range",
    "q_full_int": "int8, float in and out",
    "q_full_int_only": "int8",
    "q_16x8": "int16x8, float in and out",
    "q_16x8_int_only": "int16x8",
    "p_50": "half of the weights pruned",
    "c_16": "weights in 16 clusters",
}
_PANELS = {"latency_ratio": "latency", "flash_ratio": "flash"}
_LIBRARIES = {
    "tflm": "TFLM",
    "cmsis_nn": "TFLM + CMSIS-NN",
    "st_edge_ai": "X-CUBE-AI",
    "tinyengine": "TinyEngine",
}
_METRICS = {
    "latency_ms": "latency (ms)",
    "peak_sram_kb": "peak SRAM (kB)",
    "flash_kb": "flash (kB)",
}


def _kind(model: str) -> str:
    return next((name for start, name in _KINDS.items() if model.startswith(start)), _OTHERS)


def _place(framework: str, board: str, build: str) -> str:
    suffix = "" if build == "default" else f", {build}"
    return f"{_TOOLS.get(framework, framework)}, {_BOARDS.get(board, board)}{suffix}"


def _rows(pairs: pd.DataFrame, comparison: str) -> pd.DataFrame:
    """The pairs of one comparison as ratios to the base: below 1 is better."""
    rows = pairs[pairs["comparison"] == comparison]
    places = map(_place, rows["framework"], rows["board"], rows["build"])
    return rows.assign(
        place=list(places),
        kind=rows["model"].map(_kind),
        latency_ratio=1 / rows["speedup"].astype(float),
    )


def _strips(rows: pd.DataFrame, against: str) -> Any:
    """Latency and flash side by side, a line a place, a marker a model, a bar the median."""
    from matplotlib import pyplot as plt
    from matplotlib.lines import Line2D

    kinds = [*_KINDS.values(), _OTHERS]
    found = [kind for kind in kinds if kind in set(rows["kind"])]
    counted = rows.groupby("place").size()
    places = sorted(counted.index)
    colours = colour_map(kinds)
    fig, grid = plt.subplots(1, 2, figsize=(8.4, 0.34 * len(places) + 1.3), sharey=True)
    for axes, name in zip(grid, _PANELS, strict=True):
        for y, place in enumerate(places):
            part = rows[rows["place"] == place].dropna(subset=[name])
            for position, kind in enumerate(found):
                points = part.loc[part["kind"] == kind, name]
                shift = 0.4 * (position / max(len(found) - 1, 1) - 0.5)
                axes.scatter(
                    points, [y + shift] * len(points), s=14, color=colours[kind], alpha=0.8
                )
            if len(part):
                axes.plot([part[name].median()] * 2, [y - 0.36, y + 0.36], color="#222222", lw=2)
        axes.axvline(1, color="#666666", linewidth=1, linestyle="--", zorder=0)
        log_axis(axes)
        axes.set_xlabel(f"{_PANELS[name]} / {against}")
        axes.set_yticks(range(len(places)), [f"{p} ({counted[p]})" for p in places])
        axes.set_ylim(len(places) - 0.4, -0.6)
    handles = [
        Line2D([], [], color=colours[kind], marker="o", linestyle="", label=kind) for kind in found
    ]
    handles.append(Line2D([], [], color="#222222", lw=2, label="median"))
    fig.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return fig


def _ratio_figure(rows: pd.DataFrame, against: str, caption: str) -> Figure:
    with use_style():
        fig = _strips(rows, against)
        return figure(
            fig,
            caption=(
                f"{caption} One marker a model; left of the dashed line is better. In brackets: "
                "how many models."
            ),
            provenance=[
                Provenance("ratios of latency and of flash", "", "quoted", EDGEMARK),
            ],
            alt="Two panels of ratios on logarithmic axes, one line a framework or variant",
        )


def edgemark_int8(pairs: pd.DataFrame) -> Figure:
    """int8 against float32 of the same model, framework, board and build."""
    rows = _rows(pairs, "int8_vs_float")
    caption = "What int8 gains over float32 within each framework, board and build."
    return _ratio_figure(rows, "float32", caption)


def edgemark_frameworks(pairs: pd.DataFrame) -> Figure:
    """Each framework against TFLM on the same model, variant and board."""
    rows = _rows(pairs, "framework_vs_tflm")
    variants = rows["variant"].map(lambda name: _VARIANTS.get(name, name))
    caption = "Frameworks against TFLM on the same model, number format and board."
    return _ratio_figure(rows.assign(place=rows["place"] + ", " + variants), "TFLM", caption)


def edgemark_variants(edgemark: pd.DataFrame) -> Figure:
    """Each way to convert against float32, all by TFLM with its default build."""
    tflm = edgemark[(edgemark["framework"] == "TFLM") & (edgemark["build"] == "default")]
    base = tflm.loc[tflm["variant"] == "basic", ["model", "board", "latency_ms", "flash_kb"]]
    rows = tflm[tflm["variant"] != "basic"].merge(
        base, on=["model", "board"], suffixes=("", "_base"), validate="m:1"
    )
    variants = rows["variant"].map(lambda name: _VARIANTS.get(name, name))
    boards = rows["board"].map(lambda name: _BOARDS.get(name, name))
    rows = rows.assign(
        place=variants + ", " + boards,
        kind=rows["model"].map(_kind),
        latency_ratio=(rows["latency_ms"] / rows["latency_ms_base"]).astype(float),
        flash_ratio=(rows["flash_kb"] / rows["flash_kb_base"]).astype(float),
    )
    return _ratio_figure(rows, "float32", "What each kind of conversion does on TFLM.")


def _bar_group(axes: Any, part: pd.DataFrame, models: list[str], metric: str) -> list[str]:
    """One panel of bars; returns which figures are doubtful, and why."""
    colours = colour_map(_LIBRARIES.values())
    height, notes = 0.8 / len(_LIBRARIES), []
    for position, (key, library) in enumerate(_LIBRARIES.items()):
        rows = part[part["framework_key"] == key].set_index("model").reindex(models)
        y = [i + (position - (len(_LIBRARIES) - 1) / 2) * height for i in range(len(models))]
        doubtful = rows["note"].notna() & rows["value"].notna()
        axes.barh(
            y,
            rows["value"].astype(float).fillna(0),
            height,
            color=["white" if doubt else colours[library] for doubt in doubtful],
            edgecolor=colours[library],
            linewidth=0.8,
        )
        for place, (_, row) in zip(y, rows.iterrows(), strict=True):
            if pd.isna(row["value"]):
                axes.annotate(
                    "out of memory" if row["note"] == "OOM" else "no value",
                    (0, place),
                    (3, 0),
                    textcoords="offset points",
                    xycoords=("axes fraction", "data"),
                    va="center",
                    size=6.5,
                    color=colours[library],
                )
        if doubtful.any():
            why = "; ".join(sorted(set(rows.loc[doubtful, "note"])))
            notes.append(f"{_METRICS[metric]} of {', '.join(rows.index[doubtful])}: {why}.")
    return notes


def tinyengine_bars(tinyengine: pd.DataFrame) -> Figure:
    """Latency, peak SRAM and flash of four libraries on the same models and board."""
    from matplotlib import pyplot as plt
    from matplotlib.patches import Patch

    models = list(dict.fromkeys(tinyengine["model"]))
    notes: list[str] = []
    with use_style():
        fig, grid = plt.subplots(
            1, len(_METRICS), figsize=(8.4, 0.5 * len(models) + 1.3), sharey=True
        )
        for axes, (metric, label) in zip(grid, _METRICS.items(), strict=True):
            part = tinyengine[tinyengine["metric"] == metric]
            notes += _bar_group(axes, part, models, metric)
            axes.set_xlabel(label)
            axes.set_yticks(range(len(models)), models)
            axes.grid(axis="y", visible=False)
            axes.set_ylim(len(models) - 0.5, -0.5)
        # Latencies differ by two orders of magnitude; sizes compare as lengths from zero.
        log_axis(grid[0])
        grid[0].set_xlim(left=10)
        colours = colour_map(_LIBRARIES.values())
        patches = [Patch(color=colours[name], label=name) for name in _LIBRARIES.values()]
        fig.legend(handles=patches, loc="outside lower center", ncols=len(patches))
        return figure(
            fig,
            caption=(
                "Four libraries on the same int8 models and the same STM32H743, as published by "
                "the authors of TinyEngine. Latency has a logarithmic axis from 10 ms on. Hollow "
                "bars are doubtful: see the note."
            ),
            provenance=[
                Provenance("latency", "ms", "quoted", TINYENGINE),
                Provenance("peak SRAM and flash", "kB", "quoted", TINYENGINE),
            ],
            alt="Bars of latency, peak SRAM and flash, four a model, one a library",
            notes={"hollow": " ".join(dict.fromkeys(notes))} if notes else None,
        )
