"""What every task offers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Origin = Literal["real", "synthetic"]
Metric = Literal["accuracy", "macro_f1", "auc"]
Objective = Literal["classify", "reconstruct"]
Augment = Callable[[NDArray[np.float32], np.random.Generator], NDArray[np.float32]]

PROFILES: tuple[str, ...] = ("smoke", "quick", "full")
SPLITS: tuple[str, ...] = ("train", "val", "test")
CALIBRATION_SAMPLES = 128
_CALIBRATION_SEED = 20250820


@dataclass(frozen=True)
class Budget:
    """How much training a profile pays for.

    `patience`: epochs without a better validation loss after which training of the reference
    stops; None trains all `epochs`.
    """

    epochs: int
    finetune_epochs: int
    batch_size: int = 32
    learning_rate: float = 3e-3
    finetune_learning_rate: float = 1e-3
    patience: int | None = None


@dataclass(frozen=True, eq=False)
class Split:
    """One split: `x` (samples, *input_shape) and `y` (samples,) int64 labels.

    `x` is float32 wherever a task is used; kept data may be uint8. `groups` (samples,) says who or
    what a sample is from (speaker, subject, machine unit, photo), None where nobody knows; a
    group lies in one split only. `clips` (samples,) numbers the recordings that windows were cut
    from, where a recording is scored and not each window.
    """

    x: NDArray[Any]
    y: NDArray[np.int64]
    groups: NDArray[np.str_] | None = None
    clips: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True, eq=False)
class TaskData:
    """The splits, and the representative set for post-training quantization.

    `x_calibration` is drawn from the training samples, so it shares none with the test split.
    """

    train: Split
    val: Split
    test: Split
    x_calibration: NDArray[np.float32]

    @classmethod
    def of(
        cls, train: Split, val: Split, test: Split, calibration: int = CALIBRATION_SAMPLES
    ) -> TaskData:
        """Data whose representative set is `calibration` training samples, classes in turn."""
        rng = np.random.default_rng(_CALIBRATION_SEED)
        order = rng.permutation(len(train))
        turn = np.zeros(len(train), np.int64)
        for label in np.unique(train.y):
            mine = order[train.y[order] == label]
            turn[mine] = np.arange(len(mine))
        chosen = order[np.argsort(turn[order], kind="stable")][:calibration]
        return cls(train, val, test, train.x[np.sort(chosen)])

    def splits(self) -> dict[str, Split]:
        """The splits by name."""
        return {name: getattr(self, name) for name in SPLITS}

    def sha256(self) -> str:
        """Digest of every array, in order, with shapes and dtypes."""
        digest = hashlib.sha256()
        arrays = {
            f"{name}.{part}": getattr(split, part)
            for name, split in self.splits().items()
            for part in ("x", "y", "groups", "clips")
        }
        for name, array in {**arrays, "x_calibration": self.x_calibration}.items():
            if array is None:
                continue
            digest.update(f"{name}{array.shape}{array.dtype.str}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class Preview:
    """Samples for a person to see or hear, one or more a class.

    `samples` are images (height, width[, 3]) in 0 to 1, waveforms (samples,) in -1 to 1, or traces
    (time, channels) in `unit`; `labels` names each. `rate_hz` is that of waveforms and traces.
    """

    kind: Literal["image", "audio", "trace"]
    samples: tuple[NDArray[np.float32], ...]
    labels: tuple[str, ...]
    rate_hz: float | None = None
    unit: str = ""
    channels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Task:
    """A task: where its data is from, how it is scored and which model is its reference.

    `load(profile)` gives the data and `build()` an untrained tf_keras model; both import what they
    need when they are called. `x_unit` says what the numbers in `x` are. `budgets` maps a profile
    to its training. `augment(x, rng)` gives a changed copy of a training batch. `preview()` gives
    samples to see or hear. `objective` "reconstruct" trains an autoencoder on its own input.

    A task on a real data set names it: `dataset` is its row in `data/datasets.csv`, and
    `fingerprint()` what identifies the data beyond the code (checksums): it goes into each run's
    key.
    `mlperf_model` is the file of the MLPerf Tiny reference whose MACs and weights `build` has;
    `target` the quality that MLPerf Tiny asks for, in percent of the metric.
    """

    name: str
    title: str
    origin: Origin
    metric: Metric
    labels: tuple[str, ...]
    input_shape: tuple[int, ...]
    x_unit: str
    source: str
    licence: str
    load: Callable[[str], TaskData]
    build: Callable[[], Any]
    budgets: Mapping[str, Budget]
    preview: Callable[[], Preview]
    objective: Objective = "classify"
    augment: Augment | None = None
    dataset: str | None = None
    fingerprint: Callable[[], str] = field(default=str)
    mlperf_model: str | None = None
    target: float | None = None
