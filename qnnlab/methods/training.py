"""One way to train, for references and for fine-tuning."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from qnnlab import backend
from qnnlab.methods.method import Job
from qnnlab.steps import tell

_LOSS = {"classify": "sparse_categorical_crossentropy", "reconstruct": "mse"}

History = dict[str, list[float]]


def steps_per_epoch(job: Job) -> int:
    """Optimizer steps in one pass over the training split."""
    return math.ceil(len(job.data.train) / job.budget.batch_size)


def fit(
    model: Any,
    job: Job,
    epochs: int,
    learning_rate: float,
    callbacks: Sequence[Any] = (),
    patience: int | None = None,
) -> History:
    """Train `model` in place: Adam with cosine decay to zero; returns the curves by name.

    Batches pass through the task's augmentation. With `patience`, training stops after as many
    epochs without a better validation loss, and the weights of the best epoch are kept. The test
    split plays no part.
    """
    keras = backend.keras()
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, epochs * steps_per_epoch(job))
    classify = job.objective == "classify"
    metrics = ["accuracy"] if classify else []
    model.compile(keras.optimizers.Adam(schedule), _LOSS[job.objective], metrics=metrics)
    val = job.data.val
    stopping = (
        [keras.callbacks.EarlyStopping("val_loss", patience=patience, restore_best_weights=True)]
        if patience
        else []
    )
    history = model.fit(
        _batches(job),
        epochs=epochs,
        shuffle=False,  # the batches are drawn anew each epoch
        verbose=0,
        validation_data=(val.x, val.y if classify else val.x),
        validation_batch_size=256,
        callbacks=[*callbacks, *stopping, _telling(epochs)],
    )
    return {name: [float(value) for value in curve] for name, curve in history.history.items()}


def _telling(epochs: int) -> Any:
    """A callback that tells how far training is."""

    def told(epoch: int, _: Any) -> None:
        tell("training", (epoch + 1) / epochs)

    return backend.keras().callbacks.LambdaCallback(on_epoch_end=told)


def _batches(job: Job) -> Any:
    """Batches of the training split in an order drawn anew each epoch, augmented."""
    train, size = job.data.train, job.budget.batch_size
    classify = job.objective == "classify"

    # Keras has no type information, so its class is Any to the checker.
    class Batches(backend.keras().utils.Sequence):  # type: ignore[misc]
        def __init__(self) -> None:
            self.rng = np.random.default_rng(job.seed)
            self.order = self.rng.permutation(len(train))

        def __len__(self) -> int:
            return steps_per_epoch(job)

        def __getitem__(self, index: int) -> tuple[Any, Any]:
            chosen = self.order[index * size : (index + 1) * size]
            x = train.x[chosen]
            if job.augment is not None:
                x = job.augment(x, self.rng)
            return x, train.y[chosen] if classify else x

        def on_epoch_end(self) -> None:
            self.order = self.rng.permutation(len(train))

    return Batches()
