"""Memory and verdicts as figures: what each operator needs, where buffers lie, what will run."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from qnnlab.graph.memory import MemoryPlan, memory_timeline
from qnnlab.graph.model import Graph
from qnnlab.lab.verdict import RUN, SAME, Verdict
from qnnlab.report.exhibits import Figure, Provenance, Table, figure
from qnnlab.report.style import PALETTE, use_style
from qnnlab.targets import KB

_COLOURS = {"green": "●", "yellow": "◐", "red": "○"}


def timeline_figure(graph: Graph, model: str) -> Figure:
    """Bytes that live while each operator runs: read, made, waiting for later ones."""
    from matplotlib import pyplot as plt

    steps = memory_timeline(graph)
    places = [step.operator for step in steps]
    peak = max(steps, key=lambda step: step.total)
    with use_style():
        fig, axes = plt.subplots(figsize=(7.6, 4.2))
        base = [0.0] * len(steps)
        for label, colour in (("reads", PALETTE[5]), ("makes", PALETTE[0]), ("waits", "#BBBBBB")):
            sizes = [getattr(step, label) / KB for step in steps]
            names = {"reads": "it reads", "makes": "it makes", "waits": "waits for a later one"}
            axes.bar(places, sizes, bottom=base, label=names[label], color=colour)
            base = [low + size for low, size in zip(base, sizes, strict=True)]
        axes.axhline(peak.total / KB, ls="--", lw=1, color="#333333")
        axes.annotate(
            f"peak {peak.total:,} B: operator {peak.operator} {peak.name}",
            (places[-1], peak.total / KB),
            ha="right",
            va="bottom",
            fontsize=8,
        )
        axes.set_xlabel("operator")
        axes.set_ylabel("activations alive (kB)")
        axes.legend()
        return figure(
            fig,
            caption=f"{model}: activations that must exist at once (1 kB is 1,024 B).",
            provenance=[Provenance("activations alive", "kB", "measured", "the .tflite file")],
            alt=f"Stacked bars of live activation bytes for {len(steps)} operators",
        )


def plan_figure(plan: MemoryPlan, graph: Graph, model: str) -> Figure:
    """Buffers as rectangles: from operator to operator, from address to address."""
    from matplotlib import pyplot as plt
    from matplotlib.patches import Rectangle

    with use_style():
        fig, axes = plt.subplots(figsize=(7.6, 4.2))
        for place, (buffer, offset) in enumerate(zip(plan.buffers, plan.offsets, strict=True)):
            span = buffer.last - buffer.first + 1
            box = Rectangle(
                (buffer.first - 0.5, offset / KB),
                span,
                buffer.n_bytes / KB,
                facecolor=PALETTE[place % len(PALETTE)],
                edgecolor="white",
                alpha=0.85,
            )
            axes.add_patch(box)
            if buffer.n_bytes > 0.06 * plan.peak_bytes:
                middle = buffer.first - 0.5 + span / 2, (offset + buffer.n_bytes / 2) / KB
                axes.annotate(
                    ", ".join(map(str, buffer.tensors)),
                    middle,
                    ha="center",
                    va="center",
                    fontsize=7,
                    color="white",
                )
        axes.set_xlim(-0.5, len(graph.operators) + 0.5)
        axes.set_ylim(0, plan.peak_bytes / KB * 1.05)
        axes.set_xlabel("operator")
        axes.set_ylabel("address in the arena (kB)")
        return figure(
            fig,
            caption=(
                f"{model}: our plan, {plan.peak_bytes:,} B. Each rectangle is a buffer, with the "
                "tensors that lie in it; several share one where an operator works in place."
            ),
            provenance=[Provenance("addresses", "kB", "estimated", "qnnlab memory planner")],
            alt=f"Rectangles of {len(plan.buffers)} buffers over time and address",
        )


def plans_table(rows: Sequence[tuple[str, int | None, MemoryPlan]], version: str) -> Table:
    """Model, what TFLM plans itself, and our plan."""
    frame = pd.DataFrame(
        {
            "TFLM's own plan": [theirs for _, theirs, _ in rows],
            "our plan": [plan.peak_bytes for _, _, plan in rows],
            "least possible": [plan.bound_bytes for _, _, plan in rows],
        },
        index=pd.Index([name for name, _, _ in rows], name="model"),
    )
    return Table(
        frame,
        caption="Bytes for activations; no plan of the same buffers can be below the last column.",
        provenance=[
            Provenance("TFLM's own plan", "B", "measured", f"tflm {version}"),
            Provenance("our plan", "B", "estimated", "qnnlab memory planner"),
        ],
        units=dict.fromkeys(frame.columns, "B"),
        digits=dict.fromkeys(frame.columns, 0),
        reasons={
            (name, "TFLM's own plan"): "TFLM refuses the model"
            for name, theirs, _ in rows
            if theirs is None
        },
    )


def verdicts_table(verdicts: Sequence[Verdict]) -> Table:
    """A row a model: both lights and the worst finding of each question."""
    rows = []
    for found in verdicts:
        row: dict[str, str] = {"model": found.file}
        for question in (RUN, SAME):
            light = found.light(question)
            row[question] = f"{_COLOURS[light]} {light}"
            told = [c.finding for c in found.checks if (c.question, c.light) == (question, light)]
            row[f"{question}: why"] = "" if light == "green" else told[0]
        rows.append(row)
    target = next((found.target for found in verdicts if found.target), "no target")
    return Table(
        pd.DataFrame(rows).set_index("model"),
        caption=f"Verdicts for {target}, with the first finding behind a light that is not green.",
        provenance=[
            Provenance("answers", "", "measured", "TFLM, LiteRT on random inputs"),
            Provenance("operators", "", "quoted", "data/runtimes/policy.csv"),
        ],
    )


def checks_table(found: Verdict) -> Table:
    """Every check of one verdict."""
    frame = pd.DataFrame(
        [
            {
                "question": check.question,
                "check": check.name,
                "light": f"{_COLOURS[check.light]} {check.light}",
                "finding": check.finding,
                "what to do": check.remedy,
            }
            for check in found.checks
        ]
    )
    kinds = sorted({(check.kind, check.source) for check in found.checks})
    return Table(
        frame,
        caption=f"{found.file} on {found.target or 'no target'}: every check.",
        provenance=[Provenance("findings", "", kind, source) for kind, source in kinds],
    )
