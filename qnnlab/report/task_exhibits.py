"""The tasks as tables and figures: data, balance, reference models, learning curves, difficulty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from qnnlab.graph.costs import GraphCosts, graph_costs
from qnnlab.graph.tflite import read_tflite
from qnnlab.lab.difficulty import (
    FLOAT_RANGE_PCT,
    INT8_LOSS_AT_MOST,
    LADDER,
    TWO_BIT_LOSS_AT_LEAST,
    difficulty_frame,
)
from qnnlab.lab.experiment import MODEL
from qnnlab.lab.record import Record
from qnnlab.lab.reference import Reference, seed_spread
from qnnlab.report.exhibits import Figure, Provenance, Table, figure
from qnnlab.report.formatting import sentence
from qnnlab.report.plots import provenance
from qnnlab.report.samples import data_provenance
from qnnlab.report.style import PALETTE, use_style
from qnnlab.survey import load_table
from qnnlab.targets import KB
from qnnlab.tasks import SPLITS, TASKS, Task, TaskData
from qnnlab.tasks.metrics import METRIC_TITLES

_MLPERF = "mlcommons/tiny, data/mlperf_tiny/models.csv"


def tasks_table(tasks: Sequence[Task], data: Mapping[str, TaskData]) -> Table:
    """The tasks side by side: where their data is from, how it is shaped, split and scored."""
    rows = []
    for task in tasks:
        held = data[task.name]
        sizes = " / ".join(f"{len(split):,}" for split in held.splits().values())
        groups = held.train.groups
        rows.append(
            {
                "task": task.name,
                "what": task.title,
                "data": task.origin,
                "classes": len(task.labels),
                "sample": "×".join(map(str, task.input_shape)),
                "a number is": task.x_unit,
                "train / val / test": sizes,
                "kept apart": "not known" if groups is None else f"{_groups(held)} groups",
                "metric": METRIC_TITLES[task.metric],
                "licence": task.licence,
            }
        )
    return Table(
        pd.DataFrame(rows).set_index("task"),
        caption="The tasks. A group (a voice, a subject, a machine) lies in one split only.",
        provenance=[data_provenance(task, f"samples of {task.name}") for task in tasks],
        sortable=True,
    )


def _groups(data: TaskData) -> int:
    return sum(
        len(np.unique(split.groups)) for split in data.splits().values() if split.groups is not None
    )


def balance_figure(tasks: Sequence[Task], data: Mapping[str, TaskData]) -> Figure:
    """How many samples each class has, one panel a task, one bar a split."""
    from matplotlib import pyplot as plt

    columns = min(4, len(tasks))
    rows = -(-len(tasks) // columns)
    with use_style():
        fig, axes = plt.subplots(
            rows, columns, figsize=(2.6 * columns, 2.2 * rows + 0.4), squeeze=False
        )
        for cell in axes.flat[len(tasks) :]:
            cell.set_axis_off()
        for cell, task in zip(axes.flat, tasks, strict=False):
            x = np.arange(len(task.labels))
            for shift, (name, split) in enumerate(data[task.name].splits().items()):
                counts = np.bincount(split.y, minlength=len(x))
                cell.bar(x + 0.27 * (shift - 1), counts, 0.27, label=name, color=PALETTE[shift])
            cell.set_xticks(x, task.labels, rotation=60, ha="right", fontsize=6)
            cell.tick_params(axis="y", labelsize=7)
            cell.set_title(task.name, fontsize=9)
            cell.grid(axis="x", visible=False)
        axes[0][0].set_ylabel("samples")
        handles, labels = axes[0][0].get_legend_handles_labels()
        fig.legend(handles, labels, loc="outside lower center", ncols=len(SPLITS))
        return figure(
            fig,
            caption="Samples of each class, by split.",
            provenance=[data_provenance(task, f"samples of {task.name}") for task in tasks],
            alt="Bar charts of the number of samples a class and split, one panel a task",
        )


def _costs(reference: Reference) -> GraphCosts:
    return graph_costs(read_tflite(reference.store.path(reference.record.key, MODEL)))


def mlperf_table(references: Sequence[Reference]) -> Table:
    """Each reference's MACs and weights, counted here, beside those of MLPerf Tiny's model."""
    published = load_table("mlperf_tiny_models").set_index("file")
    rows = []
    for reference in references:
        task, costs = TASKS[reference.record.spec.task], _costs(reference)
        row: dict[str, Any] = {
            "task": task.name,
            "MACs": costs.macs_total,
            "weights": costs.weight_params,
        }
        if task.mlperf_model is not None:
            known = published.loc[task.mlperf_model]
            row |= {"MLPerf MACs": known["macs_total"], "MLPerf weights": known["weight_params"]}
            same = (costs.macs_total, costs.weight_params) == (
                int(known["macs_total"]),
                int(known["weight_params"]),
            )
            row["equal"] = "yes" if same else "no"
        rows.append(row)
    columns = ["task", "MACs", "MLPerf MACs", "weights", "MLPerf weights", "equal"]
    frame = pd.DataFrame(rows, columns=columns).set_index("task")
    for name in columns[1:-1]:
        frame[name] = frame[name].astype("Int64")
    none = "MLPerf Tiny has no such benchmark"
    return Table(
        frame,
        caption="The reference models: multiply-accumulates of one inference, and weights.",
        provenance=[
            Provenance("MACs and weights", "", "measured", "counted from the .tflite files here"),
            Provenance("MLPerf MACs and MLPerf weights", "", "quoted", _MLPERF),
        ],
        reasons={(task, c): none for task in frame.index for c in columns[1:]},
    )


def model_figure(reference: Reference) -> Figure:
    """The reference model drawn as the sequence of its operators, each with its cost."""
    from matplotlib import pyplot as plt

    costs = _costs(reference)
    task = TASKS[reference.record.spec.task]
    operators = [cost for cost in costs.operators if cost.name != "DELEGATE"]
    labels = [
        f"{cost.name.lower()}  {'×'.join(map(str, cost.output_shapes[0][1:]))}"
        for cost in operators
    ]
    panels = {
        "MACs (thousands)": [(cost.macs or 0) / 1000 for cost in operators],
        "weights (kB, float32)": [cost.weight_bytes / KB for cost in operators],
        "output (kB, float32)": [
            4 * float(np.prod(cost.output_shapes[0])) / KB for cost in operators
        ],
    }
    with use_style():
        height = 0.2 * len(operators) + 1.0
        fig, axes = plt.subplots(1, len(panels), figsize=(9, height), sharey=True)
        y = np.arange(len(operators))
        for cell, (title, values), colour in zip(axes, panels.items(), PALETTE, strict=False):
            cell.barh(y, values, 0.75, color=colour)
            cell.set_title(title, fontsize=9)
            cell.grid(axis="y", visible=False)
            cell.tick_params(axis="x", labelsize=7)
        axes[0].set_yticks(y, labels, fontsize=7)
        axes[0].invert_yaxis()
        return figure(
            fig,
            caption=(
                f"The reference model of {task.name}, from input to output: each operator with "
                "the shape of what it gives, and what it costs."
            ),
            provenance=[
                Provenance("MACs", "thousands", "measured", "counted from the .tflite file"),
                Provenance("weights and outputs", "kB", "measured", "the same file's tensors"),
            ],
            alt=f"Bar charts of MACs, weights and output size, one row an operator of {task.name}",
        )


def curves_figure(references: Sequence[Reference]) -> Figure:
    """Training and validation loss by epoch, one panel a task, one pair of lines a seed."""
    from matplotlib import pyplot as plt

    tasks = list(dict.fromkeys(reference.record.spec.task for reference in references))
    columns = min(4, len(tasks))
    rows = -(-len(tasks) // columns)
    with use_style():
        fig, axes = plt.subplots(
            rows, columns, figsize=(2.6 * columns, 2.1 * rows + 0.4), squeeze=False
        )
        for cell in axes.flat[len(tasks) :]:
            cell.set_axis_off()
        for cell, name in zip(axes.flat, tasks, strict=False):
            for reference in references:
                if reference.record.spec.task == name:
                    _draw_curves(cell, reference.history)
            cell.set_title(name, fontsize=9)
            cell.tick_params(labelsize=7)
        axes[-1][0].set_xlabel("epoch")
        axes[0][0].set_ylabel("loss")
        handles, labels = axes[0][0].get_legend_handles_labels()
        fig.legend(handles[:2], labels[:2], loc="outside lower center", ncols=2)
        return figure(
            fig,
            caption=(
                "Learning curves of the float models: cross-entropy, or squared error for the "
                "autoencoder. The dot marks the best validation loss; training that stops early "
                "keeps the weights of that epoch."
            ),
            provenance=[
                Provenance("loss", "", "measured", f"training here on {TASKS[t].origin} data ({t})")
                for t in tasks
            ],
            alt="Line charts of training and validation loss by epoch, one panel a task",
        )


def _draw_curves(axes: Any, history: Mapping[str, Sequence[float]]) -> None:
    for name, label, colour in (("loss", "training", 0), ("val_loss", "validation", 1)):
        curve = np.asarray(history.get(name, []))
        axes.plot(np.arange(1, len(curve) + 1), curve, color=PALETTE[colour], label=label)
    best = int(np.argmin(history["val_loss"]))
    axes.plot(best + 1, history["val_loss"][best], "o", markersize=4, color=PALETTE[1])
    # The first epochs can be a hundred times worse and would flatten all that follows.
    axes.set_ylim(0, 1.1 * max(np.percentile(history["val_loss"], 80), *history["loss"][:1]))


def references_table(references: Sequence[Reference]) -> Table:
    """The float models' quality on the test split, over the seeds, and the published target."""
    rows = []
    records = [reference.record for reference in references]
    for name in dict.fromkeys(record.spec.task for record in records):
        task = TASKS[name]
        mine = [reference for reference in references if reference.record.spec.task == name]
        spread = seed_spread([reference.record for reference in mine])
        first = mine[0].record
        low, high = first[f"{task.metric}_low"].value, first[f"{task.metric}_high"].value
        rows.append(
            {
                "task": name,
                "metric": METRIC_TITLES[task.metric],
                "mean": spread["mean"],
                "over the seeds": f"{spread['min']:.1f} – {spread['max']:.1f}",
                "seeds": int(spread["runs"]),
                "95 % interval of one seed": f"{low:.1f} – {high:.1f}",
                "epochs": max(len(reference.history["loss"]) for reference in mine),
                "MLPerf target": task.target,
            }
        )
    metrics = {task.metric for task in (TASKS[record.spec.task] for record in records)}
    names: dict[str, str] = {metric: METRIC_TITLES[metric] for metric in sorted(metrics)}
    none = "MLPerf Tiny sets none"
    frame = pd.DataFrame(rows).set_index("task")
    return Table(
        frame,
        caption=(
            "The float32 reference models on their test splits. The target is MLPerf Tiny's for "
            "the real data set; it is no promise for a synthetic one."
        ),
        provenance=[
            *provenance(records, names),
            Provenance("MLPerf target", "%", "quoted", _MLPERF),
        ],
        units=dict.fromkeys(("mean", "over the seeds", "95 % interval of one seed"), "%")
        | {"MLPerf target": "%"},
        digits={"mean": 1, "MLPerf target": 0},
        reasons={(name, "MLPerf target"): none for name in frame.index},
    )


def difficulty_table(records: Sequence[Record]) -> Table:
    """The ladder of precision on each task, and whether the task tells its rungs apart."""
    frame = difficulty_frame(records)
    low, high = FLOAT_RANGE_PCT
    shown = pd.DataFrame(
        {
            "data": frame["origin"],
            "metric": frame["metric"].map(METRIC_TITLES),
            **{rung: frame[rung] for rung in LADDER.values()},
            "int8 loses": frame["int8_loss"],
            "2-bit loses": frame["two_bit_loss"],
            "hard enough": frame["hard_enough"].map({True: "yes", False: "no"}),
        }
    )
    failed = {
        (record.spec.task, LADDER[record.spec.method]): str(record.reason)
        for record in records
        if not record.ok
    }
    runs = f"LiteRT reference kernels, {max(r.spec.seed for r in records) + 1} seeds at most"
    return Table(
        shown,
        caption=(
            f"How hard the tasks are. Hard enough: float between {low:.0f} and {high:.0f} %, int8 "
            f"within {INT8_LOSS_AT_MOST} points of it, 2-bit weights by rounding alone at least "
            f"{TWO_BIT_LOSS_AT_LEAST:.0f} points below."
        ),
        provenance=[
            Provenance("scores", "%", "measured", f"{runs}; few-bit weights emulated in int8"),
            Provenance("losses", "points", "measured", "float minus the rung, means of the seeds"),
        ],
        units=dict.fromkeys(LADDER.values(), "%")
        | dict.fromkeys(("int8 loses", "2-bit loses"), "points"),
        digits=dict.fromkeys((*LADDER.values(), "int8 loses", "2-bit loses"), 1),
        reasons=failed,
    )


def difficulty_figure(records: Sequence[Record]) -> Figure:
    """The same ladder as lines, so that the step at which a task breaks is seen."""
    from matplotlib import pyplot as plt

    frame = difficulty_frame(records)
    rungs = list(LADDER.values())
    with use_style():
        fig, axes = plt.subplots(figsize=(7.2, 3.8))
        for place, (name, row) in enumerate(frame.iterrows()):
            colour = PALETTE[place % len(PALETTE)]
            label = f"{name} ({METRIC_TITLES[row['metric']]})"
            axes.plot(rungs, row[rungs].astype(float), "o-", color=colour, label=label)
        axes.set_ylabel("score (%)")
        axes.set_ylim(0, 100)
        fig.legend(loc="outside right upper")
        return figure(
            fig,
            caption=sentence(
                "what precision costs on each task when weights are simply rounded. A task whose "
                "line stays flat can't tell methods apart."
            ),
            provenance=[
                Provenance("scores", "%", "measured", f"{row['task']}: {row['origin']} data")
                for _, row in frame.iterrows()
            ],
            alt="Line chart of the score from float to 2-bit weights, one line a task",
        )
