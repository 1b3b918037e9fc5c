"""Methods against bits and bytes: figures of any records of one task, one seed or several."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from qnnlab.errors import SpecError
from qnnlab.graph.integer.file import load_graph
from qnnlab.graph.integer.model import IntegerGraph
from qnnlab.lab.comparison import BASELINE
from qnnlab.lab.experiment import GRAPH
from qnnlab.lab.record import Record
from qnnlab.lab.reference import Reference, read_history
from qnnlab.lab.store import RunStore
from qnnlab.lab.study import metric_of
from qnnlab.methods import RECIPES
from qnnlab.methods.network.nodes import as_matrix
from qnnlab.methods.network.reading import read_network
from qnnlab.methods.qat import upright
from qnnlab.report.exhibits import Figure, Provenance, figure
from qnnlab.report.formatting import sentence
from qnnlab.report.method_exhibits import (
    Ladders,
    figures_of,
    methods_of,
    origin_text,
    score_sources,
    scores,
    spread_text,
)
from qnnlab.report.plots import provenance
from qnnlab.report.style import BASELINE_COLOUR, MARKERS, PALETTE, use_style
from qnnlab.targets import KB
from qnnlab.tasks.metrics import METRIC_TITLES

_WIDTHS = re.compile(r"W(\d+)A(\d+)")
#: What the weights take, form by form, as drawn; the runtime's is a bar.
STORED_FORMS = {
    "stored_dense_bytes": "dense values",
    "stored_packed_bytes": "packed to their bits",
    "stored_lut_bytes": "indices into a table",
    "stored_bitmap_bytes": "bitmap and codes that are not 0",
    "stored_huffman_bytes": "Huffman code",
    "stored_gzip_bytes": "gzip",
}
RUNTIME = "stored_runtime_bytes"
# Rows and columns of a kernel that a picture shows.
_MOST_ROWS, _MOST_COLUMNS = 8, 10


def bits_figure(records: Sequence[Record], lines: Ladders) -> Figure:
    """The task's metric against the bits, one line a method with its spread; float32 is dashed.

    Lines join widths that share the activations' bits, or whose weights and activations have
    equal bits; what can't be compared step by step is not joined.
    """
    from matplotlib import pyplot as plt

    found = scores(records)
    widths = list(dict.fromkeys(w for methods in lines.values() for w in methods))
    with use_style():
        fig, axes = plt.subplots(figsize=(7.6, 4.4))
        if BASELINE in found.index:
            base = found.loc[BASELINE]
            axes.axhline(base["mean"], color=BASELINE_COLOUR, linestyle="--", label="float32")
            axes.axhspan(base["low"], base["high"], color=BASELINE_COLOUR, alpha=0.1, linewidth=0)
        for place, (line, methods) in enumerate(lines.items()):
            shift = 0.6 * ((place + 0.5) / len(lines) - 0.5)
            _draw_line(axes, place, line, _points(found, methods, widths, shift))
        axes.set_xticks(range(len(widths)), widths)
        axes.set_xlim(-0.5, len(widths) - 0.5)
        axes.grid(axis="x", visible=False)
        axes.set_xlabel("bits of weights (W) and activations (A)")
        axes.set_ylabel(f"{METRIC_TITLES[metric_of(records)]} (%)")
        if len(found):
            fig.legend(loc="outside lower center", ncols=3)
        missing = [name for name in methods_of(lines) if name not in found.index]
        left_out = f" Without a score: {', '.join(missing)}." if missing else ""
        what = sentence(origin_text(records))
        return figure(
            fig,
            caption=f"{what} against bits; {spread_text(records)}.{left_out}",
            provenance=score_sources(records),
            alt="Line chart of the score against bits of weights and activations, a line a method",
        )


def _points(
    found: pd.DataFrame, methods: Mapping[str, str], widths: Sequence[str], shift: float
) -> list[list[tuple[float, float, float, float]]]:
    """Runs of points (place, mean, below, above) that a line may join."""
    parts: list[list[tuple[float, float, float, float]]] = []
    before = None
    for place, width in enumerate(widths):
        name = methods.get(width)
        if name not in found.index:
            continue
        row = found.loc[name]
        if before is None or not _joined(before, width):
            parts.append([])
        below, above = row["mean"] - row["low"], row["high"] - row["mean"]
        parts[-1].append((place + shift, row["mean"], below, above))
        before = width
    return parts


def _joined(one: str, other: str) -> bool:
    (w1, a1), (w2, a2) = (_WIDTHS.fullmatch(text).groups() for text in (one, other))  # type: ignore[union-attr]
    return bool(a1 == a2 or (w1 == a1 and w2 == a2))


def _draw_line(axes: Any, place: int, label: str, parts: Sequence[Sequence[Any]]) -> None:
    for number, part in enumerate(parts):
        x, y, below, above = np.array(part).T
        axes.errorbar(
            x,
            y,
            # A spread that is not known draws no bar.
            yerr=np.nan_to_num([below, above]).clip(min=0),
            fmt=f"{MARKERS[place % len(MARKERS)]}-",
            color=PALETTE[place % len(PALETTE)],
            elinewidth=1,
            capsize=2,
            linewidth=1.2,
            label=label if number == 0 else None,
        )


def stored_figure(records: Sequence[Record]) -> Figure:
    """Bytes of the weights: a bar for what the runtime keeps, a marker a storage form.

    Runs without the figures are named in the caption. Raises SpecError where none has them.
    """
    from matplotlib import pyplot as plt

    rows = {}
    for method in dict.fromkeys(record.spec.method for record in records):
        found = [figures_of(record) for record in records if record.spec.method == method]
        values = [[f[name] for f in found if name in f] for name in (RUNTIME, *STORED_FORMS)]
        if all(values):
            rows[method] = [float(np.mean(each)) / KB for each in values]
    if not rows:
        raise SpecError("no run has the bytes of its weights by storage form")
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=[RUNTIME, *STORED_FORMS])
    missing = [m for m in dict.fromkeys(r.spec.method for r in records) if m not in rows]
    with use_style():
        fig, axes = plt.subplots(figsize=(8.4, 0.42 * len(frame) + 1.6))
        y = np.arange(len(frame))
        axes.barh(y, frame[RUNTIME], 0.6, color="#DDDDDD", label="in flash, as the runtime reads")
        for place, (name, label) in enumerate(STORED_FORMS.items()):
            # Forms of equal size would hide each other on one height.
            shift = 0.4 * (place / (len(STORED_FORMS) - 1) - 0.5)
            marker, colour = MARKERS[place], PALETTE[place]
            axes.plot(frame[name], y + shift, marker, color=colour, markersize=5, label=label)
        axes.set_yticks(y, [_title(name) for name in frame.index])
        axes.invert_yaxis()
        axes.set_xlim(left=0)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("weights (kB)")
        fig.legend(loc="outside lower center", ncols=3)
        left_out = f" Without these figures: {', '.join(missing)}." if missing else ""
        return figure(
            fig,
            caption=(
                "What the weights take, by storage form (mean over the seeds). No runtime here "
                f"reads the compressed forms; the bar is what lies in flash.{left_out}"
            ),
            provenance=provenance(records, {RUNTIME: "runtime's bytes"} | STORED_FORMS),
            alt="Bars of the runtime's bytes with markers of six storage forms, a row a method",
        )


def _title(method: str) -> str:
    return RECIPES[method].title if method in RECIPES else method


def curves_figure(records: Sequence[Record], store: RunStore, lines: Mapping[str, str]) -> Figure:
    """Validation loss by epoch of fine-tuning, one line a method: `lines` by label.

    Of a method run with several seeds the first is drawn; one without curves is left out.
    Distilled training has another loss and does not compare.
    """
    from matplotlib import pyplot as plt
    from matplotlib.ticker import MaxNLocator

    task = records[0].spec.task
    with use_style():
        fig, axes = plt.subplots(figsize=(7.2, 3.8))
        for place, (label, method) in enumerate(lines.items()):
            run = next((r for r in records if r.ok and r.spec.method == method), None)
            curve = read_history(run, store).get("val_loss", []) if run is not None else []
            marker, colour = MARKERS[place % len(MARKERS)], PALETTE[place % len(PALETTE)]
            epochs = np.arange(1, len(curve) + 1)
            axes.plot(epochs, curve, f"{marker}-", color=colour, markersize=4, label=label)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("epoch of fine-tuning")
        axes.set_ylabel("validation loss")
        fig.legend(loc="outside right upper")
        return figure(
            fig,
            caption=(
                f"Fine-tuning with quantization in place on {task}: the validation split's loss, "
                "one seed. All start from the same float model."
            ),
            provenance=[Provenance("loss", "", "measured", "the runs' training curves")],
            alt="Line chart of validation loss by epoch, one line a method",
        )


@dataclass(frozen=True, eq=False)
class Picture:
    """A kernel as a grid: one row an output channel, one column a weight that it sums over."""

    title: str
    values: NDArray[Any]


def float_picture(reference: Reference, layer: str) -> Picture:
    """The trained float kernel of `layer`, turned as QAT starts from it.

    Raises SpecError on a layer that has no kernel.
    """
    network = upright(read_network(reference.model()))
    nodes = {network.nodes[index].name: network.nodes[index] for index in network.computing()}
    if layer not in nodes:
        raise SpecError(f"layer {layer!r} has no kernel; those that have: {', '.join(nodes)}")
    node = nodes[layer]
    return Picture("float32", as_matrix(node.weights, node.channels).T)


def integer_picture(record: Record, store: RunStore, layer: str) -> Picture:
    """The integers of `layer` in the run's integer graph, by their greatest common divisor.

    Raises as `load_graph`, and SpecError on a layer without weights.
    """
    values = layer_integers(load_graph(store.path(record.key, GRAPH)), layer).astype(np.int64)
    # Few-bit values stand in the graph times a factor, for finer sums.
    return Picture(_title(record.spec.method), values // max(1, int(np.gcd.reduce(values.ravel()))))


def layer_integers(graph: IntegerGraph, layer: str) -> NDArray[np.int8]:
    """The values of a layer's weights, (output channels, what each sums over).

    Raises SpecError on a layer without weights.
    """
    for op in graph.ops:
        if op.name == layer and op.weights is not None:
            values = op.weights.values()
            if op.kind == "depthwise":
                return values.reshape(-1, values.shape[-1]).T
            return values.reshape(len(values), -1)
    raise SpecError(f"layer {layer!r} of {graph.name} has no weights")


def codes_figure(pictures: Sequence[Picture], layer: str) -> Figure:
    """Kernels side by side, one panel each: reals as colours, integers with their numbers."""
    from matplotlib import pyplot as plt

    columns = min(3, len(pictures))
    rows = -(-len(pictures) // columns)
    with use_style():
        fig, axes = plt.subplots(rows, columns, figsize=(3.2 * columns, 2.9 * rows), squeeze=False)
        for cell in axes.flat[len(pictures) :]:
            cell.set_axis_off()
        for cell, picture in zip(axes.flat, pictures, strict=False):
            _draw_kernel(cell, picture)
        return figure(
            fig,
            caption=(
                f"The first weights of layer {layer}, before and after: a row is an output "
                "channel. Blue is below zero, orange above, white is zero; the integers are "
                "divided by a factor that all share, which belongs to the scale of a channel."
            ),
            provenance=[
                Provenance("weights", "", "measured", "trained models and integer graphs here")
            ],
            alt=f"Grids of the weights of layer {layer}: float32, and each method's integers",
        )


def _draw_kernel(axes: Any, picture: Picture) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    values = picture.values[:_MOST_ROWS, :_MOST_COLUMNS]
    colours = LinearSegmentedColormap.from_list("sign", [PALETTE[0], "#FFFFFF", PALETTE[1]])
    # A scale a channel: what counts is a weight's share of its row's largest.
    largest = np.maximum(np.abs(picture.values.astype(float)).max(axis=1, keepdims=True), 1e-12)
    axes.imshow(values / largest[:_MOST_ROWS], cmap=colours, vmin=-1, vmax=1, aspect="auto")
    if picture.values.dtype.kind == "i":
        for (row, column), value in np.ndenumerate(values):
            text = f"{value:d}".replace("-", "\N{MINUS SIGN}")
            axes.text(column, row, text, ha="center", va="center", fontsize=7)
    axes.set_title(picture.title, fontsize=8)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
