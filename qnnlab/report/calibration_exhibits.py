"""Calibration and granularity as tables and figures: where a range ends, and who shares a scale.

`source` says what tensor of which network the numbers are of. All figures are computed here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from qnnlab.errors import ReportError
from qnnlab.numerics.affine import Affine, CodeRange, fake_quantize, quantize
from qnnlab.numerics.distortion import cosine, kl_divergence, mse, sqnr_db
from qnnlab.numerics.observers import OBSERVERS, observe
from qnnlab.report.exhibits import Figure, Provenance, Table, figure
from qnnlab.report.formatting import sentence
from qnnlab.report.quantizer_exhibits import measured
from qnnlab.report.style import PALETTE, use_style

Floats = NDArray[np.floating]

_TITLES = {
    "minmax": "min–max",
    "mse": "least squares",
    "moving_average": "moving average",
    "kl": "KL",
    "octav": "OCTAV",
}


def observer_title(name: str) -> str:
    """An observer as it is written in words."""
    return _TITLES.get(name, name)


def _reach(affine: Affine) -> tuple[float, float]:
    """The lowest and highest real number that a quantizer of one scale stands for."""
    ends = np.array([affine.codes.low, affine.codes.high]) - affine.zero_point
    low, high = (ends * affine.scale).tolist()
    return low, high


def observer_ranges_figure(activations: Mapping[str, Floats], bits: int, source: str) -> Figure:
    """Histograms of activations with the upper end that each observer sets, one panel a node."""
    from matplotlib import pyplot as plt

    if not activations:
        raise ReportError("give the activations to draw, by name")
    with use_style():
        rows = -(-len(activations) // 2)
        fig, axes = plt.subplots(rows, 2, figsize=(9, 2.3 * rows + 0.6), squeeze=False)
        for cell in axes.flat[len(activations) :]:
            cell.set_axis_off()
        for cell, (name, values) in zip(axes.flat, activations.items(), strict=False):
            cell.hist(values.ravel(), 120, color="#BBBBBB", log=True)
            for place, observer in enumerate(OBSERVERS):
                high = _reach(observe(values, CodeRange(bits), observer, symmetric=False))[1]
                cell.axvline(
                    high,
                    color=PALETTE[place],
                    linestyle=("-", "--", ":", "-.")[place % 4],
                    label=observer_title(observer),
                )
            cell.set_title(name, fontsize=9)
        handles, labels = axes[0][0].get_legend_handles_labels()
        fig.legend(handles, labels, loc="outside lower center", ncols=len(OBSERVERS))
        return figure(
            fig,
            caption=(
                f"Activations of the trained network over its calibration samples (how many "
                f"values, logarithmic), and where each observer ends the range at {bits} bits. "
                "What lies beyond a line becomes the highest code."
            ),
            provenance=measured(source, ("activations and ends of ranges", "")),
            alt="Histograms of activations with a vertical line for each observer, one a layer",
        )


def observer_table(values: Floats, widths: Sequence[int], source: str) -> Table:
    """Error of one activation by bits and observer, in four measures."""
    rows = []
    for bits in widths:
        for observer in OBSERVERS:
            affine = observe(values, CodeRange(bits), observer, symmetric=False)
            moved = fake_quantize(values, affine)
            rows.append(
                {
                    "bits": bits,
                    "observer": observer_title(observer),
                    "upper end": _reach(affine)[1],
                    "MSE": mse(values, moved),
                    "SQNR": sqnr_db(values, moved),
                    "cosine": cosine(values, moved),
                    "KL": kl_divergence(values, moved),
                }
            )
    return Table(
        pd.DataFrame(rows),
        caption="One activation under each observer. The KL divergence is over 256 even bins.",
        provenance=measured(source, ("upper end, MSE and cosine", ""), ("SQNR", "dB"))
        + measured(source, ("KL", "nats")),
        units={"SQNR": "dB", "KL": "nats"},
        digits={"SQNR": 1, "cosine": 4, "KL": 2, "upper end": 2},
        sortable=True,
    )


def codes_figure(values: Floats, bits: int, source: str) -> Figure:
    """How often each code occurs under min–max and under least squares."""
    from matplotlib import pyplot as plt

    codes = CodeRange(bits, signed=False)
    with use_style():
        fig, panels = plt.subplots(1, 2, figsize=(9, 3), sharey=True)
        for axes, observer in zip(panels, ("minmax", "mse"), strict=True):
            affine = observe(values, codes, observer, symmetric=False)
            counts = np.bincount(quantize(values, affine).ravel(), minlength=codes.high + 1)
            axes.bar(np.arange(codes.high + 1), 100 * counts / values.size, color=PALETTE[0])
            sqnr = sqnr_db(values, fake_quantize(values, affine))
            axes.set_title(f"{observer_title(observer)}: SQNR {sqnr:.1f} dB")
            axes.set_yscale("log")
            axes.set_xlabel("code")
        panels[0].set_ylabel("share of values (%)")
        return figure(
            fig,
            caption=(
                f"What {bits} bits are spent on: the share of values that each code stands for "
                "(logarithmic). Under min–max a few outliers hold the upper codes."
            ),
            provenance=measured(source, ("share of values", "%"), ("SQNR", "dB")),
            alt="Two bar charts of how often each code occurs, min–max and least squares",
        )


def zero_bin_figure(values: Floats, bits: int, source: str) -> Figure:
    """Where the KL observer cuts an activation, with its exact zeros and without them."""
    from matplotlib import pyplot as plt

    flat = values.ravel()
    zeros = 100 * float((flat == 0).mean())
    ends = {
        o: _reach(observe(flat, CodeRange(bits), o, symmetric=False))[1]
        for o in ("minmax", "mse", "kl")
    }
    with use_style():
        fig, panels = plt.subplots(1, 2, figsize=(9, 3.2))
        for axes, shown in zip(panels, (flat, flat[flat != 0]), strict=True):
            axes.hist(shown, 100, range=(0, float(flat.max())), color="#BBBBBB")
            for place, (observer, end) in enumerate(ends.items()):
                label = observer_title(observer)
                axes.axvline(
                    end, color=PALETTE[place], label=label, linestyle=("-", "--", ":")[place]
                )
            axes.set_xlabel("activation")
        panels[0].set_title(f"all values ({zeros:.0f} % are 0)")
        panels[1].set_title("without the zeros")
        panels[0].set_ylabel("values")
        handles, labels = panels[0].get_legend_handles_labels()
        fig.legend(handles, labels, loc="outside lower center", ncols=len(ends))
        return figure(
            fig,
            caption=(
                f"The bin of zero: a ReLU makes {zeros:.0f} % of this activation exactly 0, so one "
                "bin towers over all others. The KL observer gives that bin its neighbour's count, "
                f"and looks at the right picture to choose the end of {bits} bits."
            ),
            provenance=measured(source, ("values and ends of ranges", ""), ("zeros", "%")),
            alt="Two histograms of an activation, with and without its zeros, and range ends",
        )


def granularity_figure(
    kernels: Mapping[str, tuple[Floats, int]], bits: int, group: int, source: str
) -> Figure:
    """SQNR of each kernel with one scale a tensor, a channel and a group; kernels by name.

    A kernel comes with the axis of its output channels.
    """
    from matplotlib import pyplot as plt

    names = ("one scale a tensor", "one a channel", f"one a group of {group}")
    codes = CodeRange(bits, narrow=True)
    with use_style():
        fig, axes = plt.subplots(figsize=(7.2, 3.6))
        x = np.arange(len(kernels))
        for shift, label in enumerate(names):
            heights = []
            for kernel, axis in kernels.values():
                affine = observe(
                    kernel,
                    codes,
                    symmetric=True,
                    axis=axis if shift else None,
                    group=group if shift == 2 else None,
                )
                heights.append(sqnr_db(kernel, fake_quantize(kernel, affine)))
            axes.bar(x + 0.27 * (shift - 1), heights, 0.27, label=label, color=PALETTE[shift])
        axes.set_xticks(x, list(kernels), rotation=30, ha="right")
        axes.set_ylabel("SQNR (dB)")
        axes.grid(axis="x", visible=False)
        fig.legend(loc="outside upper center", ncols=3)
        return figure(
            fig,
            caption=f"Granularity: SQNR of each kernel at {bits} bits, min–max, symmetric.",
            provenance=measured(source, ("SQNR", "dB")),
            alt="Bar chart of SQNR by kernel, three bars each: per tensor, per channel, per group",
        )


def accuracy_figure(
    summary: pd.DataFrame, metric: str, title: str, sources: Sequence[Provenance]
) -> Figure:
    """The metric of each method as a dot, its seeds as a bar; `summary` is from `summarise`."""
    from matplotlib import pyplot as plt

    with use_style():
        fig, axes = plt.subplots(figsize=(7.6, 0.34 * len(summary) + 1.2))
        y = np.arange(len(summary))
        low = summary[metric] - summary[f"{metric}_min"]
        high = summary[f"{metric}_max"] - summary[metric]
        axes.errorbar(summary[metric], y, xerr=[low, high], fmt="o", capsize=2)
        axes.set_yticks(y, summary["title"], fontsize=8)
        axes.invert_yaxis()
        axes.set_xlabel(f"{title} (%)")
        return figure(
            fig,
            caption=f"{sentence(title)} of the networks; bars span the seeds.",
            provenance=sources,
            alt=f"Dot chart of {title}, one row a method",
        )
