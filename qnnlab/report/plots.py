"""The report's plots: each takes a table and gives a figure that carries its provenance."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from qnnlab.lab.frame import find_value
from qnnlab.lab.record import Record
from qnnlab.lab.study import metric_of, pareto_front
from qnnlab.methods import RECIPES
from qnnlab.report.exhibits import Figure, Provenance, figure
from qnnlab.report.formatting import sentence
from qnnlab.report.style import colour_map, marker_map, use_style
from qnnlab.targets import KB
from qnnlab.tasks import Metric
from qnnlab.tasks.metrics import METRIC_TITLES

_LINEAR_RATIO = 20
_COST_LABEL = {"file_bytes": "file in flash (kB)", "arena_bytes": "arena in RAM (kB)"}


def provenance(records: Iterable[Record], quantities: dict[str, str]) -> list[Provenance]:
    """Where the figures called by the keys of `quantities` are from, under the names given."""
    records = list(records)
    found = ((find_value(records, name), label) for name, label in quantities.items())
    return [Provenance.of(value, label) for value, label in found if value is not None]


def _scatter(axes: Any, summary: pd.DataFrame, cost: str, metric: Metric) -> None:
    known = dict.fromkeys([*RECIPES, *map(str, summary.index)])
    colours, markers = colour_map(known), marker_map(known)
    front = pareto_front(summary, cost, metric)
    x, y = front[cost] / KB, front[metric]
    axes.step(x, y, where="post", color="#999999", linewidth=1, zorder=1, label="Pareto front")
    for method, row in summary.dropna(subset=[cost]).iterrows():
        low, high = row[f"{metric}_min"], row[f"{metric}_max"]
        spread = [[row[metric] - low], [high - row[metric]]]
        axes.errorbar(
            row[cost] / KB,
            row[metric],
            yerr=spread,
            fmt=markers[str(method)],
            color=colours[str(method)],
            markersize=8 if method in front.index else 6,
            markerfacecolor=colours[str(method)] if method in front.index else "white",
            elinewidth=1,
            capsize=2,
            label=row["title"],
        )
    axes.set_xlabel(_COST_LABEL[cost])


def _size_axis(axes: Any, sizes: pd.Series) -> None:
    """From zero, so that lengths compare; logarithmic where the sizes differ by too much."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    if sizes.max() <= _LINEAR_RATIO * sizes.min():
        axes.set_xlim(left=0)
        return
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def accuracy_against_cost(summary: pd.DataFrame, records: Sequence[Record]) -> Figure:
    """The metric against the file's size and against the arena, with the Pareto front of each."""
    from matplotlib import pyplot as plt

    metric = metric_of(records)
    title = METRIC_TITLES[metric]
    with use_style():
        fig, panels = plt.subplots(1, 2, figsize=(9, 4.6), sharey=True)
        for axes, cost in zip(panels, _COST_LABEL, strict=True):
            _scatter(axes, summary, cost, metric)
            _size_axis(axes, summary[cost].dropna())
        panels[0].set_ylabel(f"{title} (%)")
        handles, labels = panels[0].get_legend_handles_labels()
        fig.legend(handles, labels, loc="outside lower center", ncols=3)
        runs = int(summary["runs"].max())
        spread = f"bars span {runs} seeds" if runs > 1 else "one seed"
        return figure(
            fig,
            caption=(
                f"{sentence(title)} against the two memories that a microcontroller has. Filled "
                f"markers are on the Pareto front: no method is both smaller and better; {spread}."
            ),
            provenance=provenance(
                records,
                {metric: title, "file_bytes": "file size", "arena_bytes": "arena"},
            ),
            alt=f"Scatter plot of {title} against file size and arena size, one marker a method",
        )


def stored_bytes(summary: pd.DataFrame, records: Sequence[Record]) -> Figure:
    """What a method stores: the file that a runtime needs in flash, and its gzip."""
    from matplotlib import pyplot as plt

    with use_style():
        fig, axes = plt.subplots(figsize=(7.2, 0.42 * len(summary) + 1.3))
        y = np.arange(len(summary))
        bars = {"file_bytes": ("file, used in place by the runtime", "#0072B2", -0.2)}
        bars["gzip_bytes"] = ("the same file, gzip (for a download only)", "#56B4E9", 0.2)
        for name, (label, colour, shift) in bars.items():
            drawn = axes.barh(y + shift, summary[name] / KB, 0.38, color=colour, label=label)
            axes.bar_label(drawn, fmt="%.1f", padding=3, fontsize=8)
        axes.set_yticks(y, summary["title"])
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("kB")
        axes.margins(x=0.1)
        fig.legend(loc="outside lower center", ncols=2)
        return figure(
            fig,
            caption=(
                "Bytes stored. Pruning makes the compressed file small, but a runtime that "
                "executes densely keeps every zero in flash."
            ),
            provenance=provenance(
                records, {"file_bytes": "file size", "gzip_bytes": "compressed size"}
            ),
            alt="Bar chart of file size and gzip size, one pair of bars a method",
        )


def _short(kilobytes: float) -> str:
    size = abs(kilobytes)
    text = f"{size / KB:.1f} M" if size >= KB else f"{size:.0f} k"
    return f"−{text}" if kilobytes < 0 else text


def headroom_map(fits: pd.DataFrame, sources: Sequence[Provenance]) -> Figure:
    """Candidates × platforms: what is left of (or missing in) the scarcer of flash and RAM."""
    from matplotlib import pyplot as plt
    from matplotlib.colors import ListedColormap

    order = list(dict.fromkeys(fits["candidate"]))
    chips = list(dict.fromkeys(fits["platform"]))
    verdict = fits["fits"].map({True: 2, False: 0}).fillna(1).astype(int)
    grid = fits.assign(verdict=verdict).pivot_table(
        index="candidate", columns="platform", values="verdict", sort=False
    )
    rooms = fits.pivot(index="candidate", columns="platform", values="headroom_bytes")
    with use_style():
        fig, axes = plt.subplots(figsize=(0.72 * len(chips) + 2.6, 0.36 * len(order) + 1.9))
        colours = ListedColormap(["#E7A27F", "#E3E3E3", "#9CC9E3"])
        axes.imshow(grid.loc[order, chips], cmap=colours, vmin=0, vmax=2, aspect="auto")
        for i, candidate in enumerate(order):
            for j, chip in enumerate(chips):
                room = rooms.loc[candidate, chip]
                text = "?" if pd.isna(room) else _short(float(room) / KB)
                axes.text(j, i, text, ha="center", va="center", fontsize=9)
        axes.set_xticks(range(len(chips)), chips, rotation=40, ha="right")
        axes.set_yticks(range(len(order)), order)
        axes.grid(visible=False)
        return figure(
            fig,
            caption=(
                "Who fits where. Blue fits, orange does not, grey can't be said; the number is "
                "what is left in the scarcer of flash and RAM, or missing where it is negative "
                "(k: kB, M: MB)."
            ),
            provenance=sources,
            alt="Matrix of models against platforms, coloured by whether the model fits",
        )
