"""Handwritten digits: 1,797 real 8×8 scans that ship with scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np

from qnnlab import backend
from qnnlab.errors import MissingExtra
from qnnlab.tasks.task import Budget, Task, TaskData

_SPLIT_SEED = 20250820
_TEST_SHARE = 0.25
_VALIDATION_SHARE = 0.15
_CALIBRATION_SAMPLES = 100
_MOMENTUM = 0.9  # Keras's 0.99 needs more steps than 1,144 scans give in a short training


def load() -> TaskData:
    """Stratified and fixed: 1,144 training, 203 validation and 450 test scans in [0, 1]."""
    try:
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split
    except ImportError as error:
        raise MissingExtra(f"task digits needs scikit-learn: qnnlab[train] ({error})") from None
    digits = load_digits()
    x = (digits.images / 16.0).astype(np.float32)[..., np.newaxis]
    y = digits.target.astype(np.int64)
    rest, test = train_test_split(
        np.arange(len(y)), test_size=_TEST_SHARE, stratify=y, random_state=_SPLIT_SEED
    )
    train, val = train_test_split(
        rest, test_size=_VALIDATION_SHARE, stratify=y[rest], random_state=_SPLIT_SEED
    )
    calibration = train[:_CALIBRATION_SAMPLES]
    return TaskData(x[train], y[train], x[val], y[val], x[test], y[test], x[calibration])


def build() -> Any:
    """A small CNN (15,562 parameters) with one depthwise convolution and batch norms."""
    layers = backend.keras().layers

    def block(convolution: Any) -> list[Any]:
        return [convolution, layers.BatchNormalization(momentum=_MOMENTUM), layers.ReLU()]

    return backend.keras().Sequential(
        [
            layers.Input((8, 8, 1)),
            *block(layers.Conv2D(16, 3, padding="same", use_bias=False)),
            *block(layers.DepthwiseConv2D(3, padding="same", use_bias=False)),
            *block(layers.Conv2D(32, 1, use_bias=False)),
            layers.MaxPooling2D(),
            *block(layers.Conv2D(48, 3, padding="same", use_bias=False)),
            layers.AveragePooling2D(4),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ],
        name="digits_cnn",
    )


TASK = Task(
    name="digits",
    title="Handwritten digits, 8×8",
    origin="real",
    metric="accuracy",
    labels=tuple("0123456789"),
    input_shape=(8, 8, 1),
    source="scikit-learn load_digits: UCI Optical Recognition of Handwritten Digits, test part",
    licence="CC BY 4.0 (UCI Machine Learning Repository)",
    load=load,
    build=build,
    budgets={
        "smoke": Budget(epochs=4, finetune_epochs=2),
        "quick": Budget(epochs=30, finetune_epochs=15),
        "full": Budget(epochs=100, finetune_epochs=50),
    },
)
