"""Methods × tasks × seeds in one table: the score, what it loses, integers against fake_quant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from qnnlab.lab.record import Record
from qnnlab.lab.reference import seed_spread
from qnnlab.lab.spec import Spec
from qnnlab.tasks import TASKS

BASELINE = "float32"

#: From 8 bits down to 1, a method or more for each step: what `qnnlab compare` compares unasked.
COMPARED = (
    "ptq_w8a8_pc_minmax",
    "ptq_w4a8_pc_minmax",
    "ptq_w4a8_pc_mse_bias",
    "ptq_gptq_w4a8_pc_mse",
    "ptq_adaround_w4a8_pc_mse",
    "ptq_brecq_w4a8_pc_mse",
    "ptq_adaround_w2a8_pc_mse",
    "qat_tfmot_w8a8",
    "qat_ste_w4a4",
    "qat_lsq_w4a4",
    "qat_lsq_w2a8",
    "qat_twn_w2a8",
    "qat_xnor_w1a8",
)


def comparison_specs(
    tasks: Iterable[str],
    methods: Sequence[str] = COMPARED,
    seeds: Iterable[int] = (0,),
    profile: str = "quick",
) -> list[Spec]:
    """One spec a task, method and seed; float32 first, which every loss is counted from.

    Raises SpecError on unknown names.
    """
    seeds = list(seeds)
    return [
        Spec(task, method, seed=seed, profile=profile).check()
        for task in dict.fromkeys(tasks)
        for method in dict.fromkeys((BASELINE, *methods))
        for seed in seeds
    ]


def comparison_frame(records: Sequence[Record]) -> pd.DataFrame:
    """One row a task and method, in the order of the records.

    `runs` finished; `mean` and `deviation` (of a sample, over the seeds) of the task's `metric`
    in percent; `above_float` in points, the mean over the seeds that both have; `gap_low` and
    `gap_high`: the least and the greatest `integer_gap` of a run, in points. Missing: what no
    run has.
    """
    by_task = {record.spec.task: TASKS[record.spec.task] for record in records}
    rows = []
    for name, task in by_task.items():
        here = [record for record in records if record.spec.task == name]
        floats = _by_seed([r for r in here if r.spec.method == BASELINE], task.metric)
        for method in dict.fromkeys(record.spec.method for record in here):
            mine = [record for record in here if record.spec.method == method]
            gaps = _by_seed(mine, "integer_gap")
            scores = _by_seed(mine, task.metric)
            rows.append(
                {
                    "task": name,
                    "origin": task.origin,
                    "method": method,
                    "metric": task.metric,
                    **seed_spread(mine)[["runs", "mean", "deviation"]],
                    "above_float": (scores - floats).mean(),
                    "gap_low": gaps.min(),
                    "gap_high": gaps.max(),
                }
            )
    return pd.DataFrame(rows).astype({"runs": int})


def _by_seed(records: Iterable[Record], figure: str) -> pd.Series:
    """The figure of each run that has it."""
    found = {
        record.spec.seed: value.value
        for record in records
        for value in record.results
        if value.name == figure and value.value is not None
    }
    return pd.Series(found, dtype=float)
