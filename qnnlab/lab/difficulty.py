"""Is a task hard enough to tell methods apart? Float, int8, few-bit weights by rounding alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from qnnlab.lab.comparison import comparison_specs
from qnnlab.lab.record import Record
from qnnlab.lab.spec import Spec
from qnnlab.tasks import PROFILES, TASKS

# A ladder of precision: each rung is a method, named as the table's column.
LADDER = {
    "float32": "float",
    "ptq_w8a8_pc_minmax": "int8",
    "ptq_w4a8_pc_minmax": "4-bit",
    "ptq_w3a8_pc_minmax": "3-bit",
    "ptq_w2a8_pc_minmax": "2-bit",
}
LADDER_REPEATS = dict(zip(PROFILES, (1, 1, 3), strict=True))

FLOAT_RANGE_PCT = (75.0, 97.0)
INT8_LOSS_AT_MOST = 1.5
TWO_BIT_LOSS_AT_LEAST = 15.0


def difficulty_specs(tasks: Iterable[str], seed: int = 0, profile: str = "quick") -> list[Spec]:
    """Every rung of the ladder on every task, for as many seeds as the profile repeats."""
    seeds = range(seed, seed + LADDER_REPEATS[profile])
    return comparison_specs(tasks, tuple(LADDER), seeds, profile)


def difficulty_frame(records: Sequence[Record]) -> pd.DataFrame:
    """One row a task: the metric in percent on each rung, mean over the seeds, and the verdict.

    `int8_loss` and `two_bit_loss` are in points below float. `hard_enough`: float lies in
    `FLOAT_RANGE_PCT`, int8 loses at most `INT8_LOSS_AT_MOST` points and 2-bit weights at least
    `TWO_BIT_LOSS_AT_LEAST`. Rungs whose runs failed are missing, and so is the verdict.
    """
    rows = []
    for name in dict.fromkeys(record.spec.task for record in records):
        task = TASKS[name]
        scores = {
            rung: pd.Series(
                [
                    record[task.metric].value
                    for record in records
                    if record.ok and record.spec.task == name and record.spec.method == method
                ],
                dtype=float,
            ).mean()
            for method, rung in LADDER.items()
        }
        losses = (scores["float"] - scores["int8"], scores["float"] - scores["2-bit"])
        low, high = FLOAT_RANGE_PCT
        right = (
            low <= scores["float"] <= high
            and losses[0] <= INT8_LOSS_AT_MOST
            and losses[1] >= TWO_BIT_LOSS_AT_LEAST
        )
        known = not any(pd.isna(loss) for loss in losses)
        rows.append(
            {
                "task": name,
                "origin": task.origin,
                "metric": task.metric,
                **scores,
                "int8_loss": losses[0],
                "two_bit_loss": losses[1],
                "hard_enough": bool(right) if known else None,
            }
        )
    if not rows:
        return pd.DataFrame()
    frame = pd.DataFrame(rows).set_index("task", drop=False)
    return frame.astype({"hard_enough": object})
