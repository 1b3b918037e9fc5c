"""Small models with uneven batch norms, and jobs of a few steps on blobs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from qnnlab import backend
from qnnlab.methods import Job
from qnnlab.tasks import Budget, Split, TaskData

Build = Callable[[Sequence[int], int], Any]


def residual(shape: Sequence[int], classes: int) -> Any:
    """Two convolutions, a depthwise one and an addition over them; flattened, not pooled."""
    keras = backend.keras()
    layers = keras.layers
    inputs = layers.Input(tuple(shape))
    x = first = _normed(layers.Conv2D(8, 3, padding="same", name="first"), inputs)
    x = _normed(layers.DepthwiseConv2D(3, padding="same", name="depthwise"), x)
    x = layers.Conv2D(8, 1, name="second")(x)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU()(layers.Add(name="add")([first, x]))
    x = _normed(layers.Conv2D(6, 3, strides=2, name="third"), x)
    outputs = layers.Dense(classes, activation="softmax", name="last")(layers.Flatten()(x))
    return keras.Model(inputs, outputs, name="residual")


def _normed(layer: Any, x: Any) -> Any:
    layers = backend.keras().layers
    return layers.ReLU()(layers.BatchNormalization()(layer(x)))


def tiny_job(
    build: Build, shape: tuple[int, ...] = (8, 8, 4), epochs: int = 1, samples: int = 64
) -> Job:
    """A job on two classes; the model's batch norms have statistics as if it were trained."""
    backend.fresh_session(3)
    rng = np.random.default_rng(0)
    y = np.arange(samples, dtype=np.int64) % 2
    x = rng.standard_normal((samples, *shape)) + y.reshape(-1, *[1] * len(shape))
    split = Split(x.astype(np.float32), y)
    data = TaskData.of(split, split, split, calibration=32)
    return Job(unevened(build(shape, 2)), data, Budget(1, epochs, batch_size=16), 3)


def unevened(model: Any) -> Any:
    """`model` with drawn statistics, γ of both signs and β in its batch norms."""
    rng = np.random.default_rng(1)
    for layer in model.layers:
        if type(layer).__name__ == "BatchNormalization":
            size = layer.get_weights()[0].size
            gamma = rng.uniform(0.5, 1.5, size) * rng.choice([-1, 1], size, p=[0.2, 0.8])
            beta, mean = rng.normal(0, 0.3, (2, size))
            layer.set_weights([gamma, beta, mean, rng.uniform(0.5, 2, size)])
    return model
