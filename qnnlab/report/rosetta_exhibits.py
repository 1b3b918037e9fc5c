"""Same model, different answers: matrices, the layers where two part, rules on one example."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from qnnlab.graph.integer.rounding import ROUNDING, Rounding
from qnnlab.lab.rosetta import Rosetta
from qnnlab.report.exhibits import Figure, Provenance, Table, figure
from qnnlab.report.style import MARKERS, use_style

_SHORT = {
    "litert_reference": "LiteRT reference",
    "litert_optimized": "LiteRT optimized",
    "litert_xnnpack": "LiteRT XNNPACK",
    "tflm": "TFLM",
}
_QUANTITIES = {
    "identical_pct": ("samples whose outputs are identical", "%"),
    "codes_identical_pct": ("output codes that are identical", "%"),
    "max_lsb": ("largest difference of output codes", "codes"),
    "argmax_flips": ("samples whose largest output is another", "samples"),
}


def contender_name(name: str) -> str:
    """How figures name a runtime, or our executor with a rule."""
    return _SHORT.get(name, name.replace("ours_", "qnnlab: "))


def _sources(table: Rosetta) -> str:
    runtimes = [a.source for a in table.answered if not a.name.startswith("ours_")]
    return f"{', '.join(runtimes)}; {table.samples.source}"


def matrix_figure(table: Rosetta, quantity: str, model: str) -> Figure:
    """Contenders × contenders: one column of `Rosetta.pairs` as a heat map with its numbers."""
    from matplotlib import pyplot as plt

    what, unit = _QUANTITIES[quantity]
    frame = table.matrix(quantity)
    names = [contender_name(name) for name in frame.index]
    values = frame.to_numpy(float)
    bright = quantity.endswith("pct")
    with use_style():
        fig, axes = plt.subplots(figsize=(7.6, 6.2))
        axes.imshow(values, cmap="Blues" if bright else "Oranges", aspect="auto")
        axes.grid(False)
        axes.set_xticks(range(len(names)), names, rotation=40, ha="right")
        axes.set_yticks(range(len(names)), names)
        middle = (values.max() + values.min()) / 2
        for row, column in np.ndindex(*values.shape):
            value = values[row, column]
            text = f"{value:.1f}" if bright and value < 100 else f"{value:.0f}"
            colour = "white" if value > middle and values.max() > values.min() else "black"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8)
        return figure(
            fig,
            caption=f"{model}: {what} ({unit}), each contender against each.",
            provenance=[Provenance(what, unit, "measured", _sources(table))],
            alt=f"Heat map of {what} for {len(names)} runtimes and rounding rules",
        )


def contenders_table(table: Rosetta, model: str) -> Table:
    """A row each: against TFLM, and the accuracy where classes are known."""
    against = {name: table.matrix(name)["tflm"] for name in _QUANTITIES}
    scores = table.accuracy()
    rows = []
    for answer in table.answered:
        row = {"contender": contender_name(answer.name), "rounding": _rule(answer.name)}
        row |= {_QUANTITIES[name][0]: column[answer.name] for name, column in against.items()}
        if len(scores):
            row["accuracy"] = scores[answer.name]
        rows.append(row)
    units = dict(_QUANTITIES.values())
    digits = {what: 2 if unit == "%" else 0 for what, unit in _QUANTITIES.values()}
    if len(scores):
        units["accuracy"], digits["accuracy"] = "%", 2
    return Table(
        pd.DataFrame(rows).set_index("contender"),
        caption=f"{model}: each contender against TFLM.",
        provenance=[
            Provenance(
                "agreement" + (" and accuracy" if len(scores) else ""),
                "",
                "measured",
                _sources(table),
            ),
        ],
        units=units,
        digits=digits,
    )


def _rule(name: str) -> str:
    return ROUNDING[name.removeprefix("ours_")].title if name.startswith("ours_") else "its own"


def layers_figure(frames: Mapping[str, pd.DataFrame], model: str, source: str) -> Figure:
    """How many codes differ behind each operator, a line for each pair of contenders."""
    from matplotlib import pyplot as plt

    with use_style():
        fig, axes = plt.subplots(figsize=(7.6, 4.4))
        for (label, frame), marker in zip(frames.items(), MARKERS, strict=False):
            axes.plot(frame["operator"], frame["differing_pct"], marker=marker, label=label)
            first = frame[frame["arises"]]
            axes.plot(
                first["operator"], first["differing_pct"], "o", ms=13, mfc="none", color="black"
            )
        some = next(iter(frames.values()))
        ticks = [f"{row.operator} {row.name.lower()}" for row in some.itertuples(index=False)]
        axes.set_xticks(some["operator"], ticks, rotation=60, ha="right", fontsize=7)
        axes.set_ylabel("codes that differ (%)")
        axes.legend()
        return figure(
            fig,
            caption=(
                f"{model}: output codes of each operator that differ between two contenders. "
                "Circles: the inputs were still equal, the difference arises there."
            ),
            provenance=[Provenance("codes that differ", "%", "measured", source)],
            alt="Line chart of the share of differing codes, operator by operator",
        )


def rules_figure(multiplier: float = 0.0371, names: Sequence[str] = tuple(ROUNDING)) -> Figure:
    """What each rule makes of accumulators around a half: the error against the real product."""
    from matplotlib import pyplot as plt

    accumulators = np.arange(-60, 61, dtype=np.int64)
    real = accumulators * multiplier
    with use_style():
        fig, panels = plt.subplots(1, 2, figsize=(8.4, 3.8), width_ratios=(2, 1))
        panels[0].plot(accumulators, real, color="#888888", lw=1, label="real product")
        steps = [name for name in names if name != "litert_reference"]
        for offset, name in enumerate(steps):
            codes = _applied(ROUNDING[name], accumulators, multiplier)
            panels[0].step(accumulators, codes + 0.04 * offset, where="mid", lw=1.1, label=name)
        panels[0].set_xlabel("accumulator")
        panels[0].set_ylabel("output code, before the zero point")
        panels[0].legend(fontsize=7)
        shares = _disagreement(np.arange(-20000, 20000, dtype=np.int64), steps)
        near = [name for name in steps if name not in ("tflm", "power_of_two")]
        bars = panels[1].barh(range(len(near)), [shares[name] for name in near])
        panels[1].bar_label(bars, fmt="%.2f", padding=3, fontsize=8)
        panels[1].margins(x=0.25)
        panels[1].set_yticks(range(len(near)), near, fontsize=8)
        panels[1].set_xlabel("codes unlike TFLM's (%)")
        return figure(
            fig,
            caption=(
                f"Left: what the rules make of accumulators times {multiplier} (lines are set "
                "apart). Right: how often a rule's code is not TFLM's, over 40,000 accumulators "
                "and 200 multipliers from 0.0005 to 0.05; of power_of_two it is "
                f"{shares['power_of_two']:.0f} %."
            ),
            provenance=[
                Provenance("output codes", "codes", "emulated", "qnnlab's integer executor"),
                Provenance("codes unlike TFLM's", "%", "emulated", "qnnlab's integer executor"),
            ],
            alt="Step chart of five rounding rules, and a bar chart of how often they differ",
        )


def _applied(rule: Rounding, accumulators: np.ndarray, multiplier: float) -> np.ndarray:
    return rule.rule(accumulators, np.array(multiplier), False)


def _disagreement(accumulators: np.ndarray, names: Sequence[str]) -> dict[str, float]:
    multipliers = np.geomspace(0.0005, 0.05, 200)
    shares = dict.fromkeys(names, 0.0)
    for multiplier in multipliers:
        mine = _applied(ROUNDING["tflm"], accumulators, float(multiplier))
        for name in names:
            other = _applied(ROUNDING[name], accumulators, float(multiplier))
            shares[name] += 100 * float((other != mine).mean()) / len(multipliers)
    return shares
