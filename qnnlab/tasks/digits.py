"""Handwritten digits: 1,797 real 8×8 scans that ship with scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np

from qnnlab.errors import MissingExtra
from qnnlab.tasks.architectures import cnn_2d
from qnnlab.tasks.previews import one_a_class
from qnnlab.tasks.task import Budget, Preview, Split, Task, TaskData

_SPLIT_SEED = 20250820
_TEST_SHARE = 0.25
_VALIDATION_SHARE = 0.15
_SHAPE = (8, 8, 1)
_LABELS = tuple("0123456789")


def load(profile: str) -> TaskData:
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
    return TaskData.of(
        train=Split(x[train], y[train]), val=Split(x[val], y[val]), test=Split(x[test], y[test])
    )


def build() -> Any:
    """A small CNN with one depthwise convolution and batch norms."""
    return cnn_2d(_SHAPE, len(_LABELS))


def preview() -> Preview:
    """One training scan a digit."""
    return one_a_class(load("smoke"), _LABELS, "image")


TASKS = (
    Task(
        name="digits",
        title="Handwritten digits, 8×8",
        origin="real",
        metric="accuracy",
        labels=_LABELS,
        input_shape=_SHAPE,
        x_unit="grey level from 0 to 1",
        source="scikit-learn load_digits: UCI Optical Recognition of Handwritten Digits, test part",
        licence="CC BY 4.0 (UCI Machine Learning Repository)",
        load=load,
        build=build,
        preview=preview,
        budgets={
            "smoke": Budget(epochs=4, finetune_epochs=2),
            "quick": Budget(epochs=30, finetune_epochs=15),
            "full": Budget(epochs=100, finetune_epochs=50),
        },
    ),
)
