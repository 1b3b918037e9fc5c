"""Samples for a person to see, picked from a task's own data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from qnnlab.tasks.task import Preview, TaskData


def one_a_class(
    data: TaskData,
    labels: Sequence[str],
    kind: Literal["image", "trace"],
    *,
    each: int = 1,
    rate_hz: float | None = None,
    unit: str = "",
    channels: tuple[str, ...] = (),
) -> Preview:
    """The first `each` training samples of each class."""
    chosen = [
        index
        for label in range(len(labels))
        for index in np.flatnonzero(data.train.y == label)[:each]
    ]
    return Preview(
        kind,
        tuple(data.train.x[index] for index in chosen),
        tuple(labels[int(data.train.y[index])] for index in chosen),
        rate_hz,
        unit,
        channels,
    )
