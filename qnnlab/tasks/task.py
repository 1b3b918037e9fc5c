"""What every task offers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Origin = Literal["real", "synthetic"]


@dataclass(frozen=True)
class Budget:
    """How much training a profile pays for."""

    epochs: int
    finetune_epochs: int
    batch_size: int = 32
    learning_rate: float = 3e-3
    finetune_learning_rate: float = 1e-3


@dataclass(frozen=True)
class TaskData:
    """The splits. `x_*` are float32 of shape (samples, *input_shape), `y_*` int64 labels.

    `x_calibration` is the representative set for post-training quantization; it is drawn from
    the training samples, so it shares none with the test split.
    """

    x_train: NDArray[np.float32]
    y_train: NDArray[np.int64]
    x_val: NDArray[np.float32]
    y_val: NDArray[np.int64]
    x_test: NDArray[np.float32]
    y_test: NDArray[np.int64]
    x_calibration: NDArray[np.float32]

    def sha256(self) -> str:
        """Digest of every split, in order, with shapes and dtypes."""
        digest = hashlib.sha256()
        for field in fields(self):
            array = np.ascontiguousarray(getattr(self, field.name))
            digest.update(f"{field.name}{array.shape}{array.dtype.str}".encode())
            digest.update(array.tobytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class Task:
    """A task: where its data is from, how it is scored and which model is its reference.

    `load` gives the data and `build` an untrained tf_keras model; both import what they need
    when they are called. `budgets` maps a profile (smoke, quick, full) to its training.
    """

    name: str
    title: str
    origin: Origin
    metric: Literal["accuracy"]
    labels: tuple[str, ...]
    input_shape: tuple[int, ...]
    source: str
    licence: str
    load: Callable[[], TaskData]
    build: Callable[[], Any]
    budgets: Mapping[str, Budget]
