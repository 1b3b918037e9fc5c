"""One way to train, for baselines and for fine-tuning."""

from __future__ import annotations

import math
from typing import Any

from qnnlab import backend
from qnnlab.methods.method import Job


def steps_per_epoch(job: Job) -> int:
    """Optimizer steps in one pass over the training split."""
    return math.ceil(len(job.data.x_train) / job.budget.batch_size)


def fit(model: Any, job: Job, epochs: int, learning_rate: float, callbacks: Any = ()) -> None:
    """Train `model` in place: Adam with cosine decay to zero, cross-entropy on softmax outputs."""
    keras = backend.keras()
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, epochs * steps_per_epoch(job))
    model.compile(keras.optimizers.Adam(schedule), "sparse_categorical_crossentropy")
    model.fit(
        job.data.x_train,
        job.data.y_train,
        batch_size=job.budget.batch_size,
        epochs=epochs,
        verbose=0,
        callbacks=list(callbacks),
    )
