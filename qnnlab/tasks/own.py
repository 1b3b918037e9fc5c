"""One's own data as a task: arrays, a file or a folder in, a task `own.<name>` out.

What is given is split, written below the data folder as plain arrays and read back by name, so
that worker processes and later sessions find the task as they find any other.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qnnlab.errors import DatasetError, unknown_name
from qnnlab.files import replacing_folder
from qnnlab.tasks.architectures import ARCHITECTURES
from qnnlab.tasks.previews import one_a_class
from qnnlab.tasks.storage import data_folder
from qnnlab.tasks.task import PROFILES, SPLITS, Budget, Metric, Preview, Split, Task, TaskData

PREFIX = "own."
_ARRAYS, _ABOUT = "data.npz", "task.json"
_ARCHITECTURE_BY_RANK = {1: "mlp", 2: "cnn_1d", 3: "cnn_2d"}
_SHARES = (0.65, 0.15)  # of training and validation; the rest tests
_LEAST_A_CLASS = 5
_SPLIT_SEED = 20250820
# Passes over single samples that a profile pays for, kept between a floor and a cap of epochs.
_PASSES = {"smoke": 2_000, "quick": 60_000, "full": 400_000}
_EPOCHS = {"smoke": (2, 5), "quick": (10, 60), "full": (30, 200)}


def task_from_arrays(
    name: str,
    x: ArrayLike,
    y: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    architecture: str | None = None,
    metric: Metric = "accuracy",
    source: str = "own data",
) -> Task:
    """A classification task `own.<name>` of `x` (samples, …) and `y` (samples,), kept on disk.

    `x` is feature vectors (samples, features), signals (samples, time, channels) or images
    (samples, height, width, channels); bytes are scaled to 0 to 1, other numbers to mean 0 and
    deviation 1 a channel of the training split. `y` holds whole numbers or names. `groups`
    (samples,) says who a sample is from: a group then lies in one split only; without it the
    split is stratified. `architecture` is one of `qnnlab.tasks.architectures.ARCHITECTURES`; by
    default the shape chooses. An earlier task of that name is replaced. Raises DatasetError on
    arrays that can't be a task.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name):
        raise DatasetError(f"task name {name!r} is not made of a-z, 0-9, '_' and '-'")
    values, labels, names = _checked(name, x, y)
    rank = values.ndim - 1
    architecture = architecture or _ARCHITECTURE_BY_RANK[rank]
    if architecture not in ARCHITECTURES or architecture == "autoencoder":
        known = [known for known in ARCHITECTURES if known != "autoencoder"]
        raise DatasetError(unknown_name("architecture", architecture, known))
    owners = None if groups is None else np.asarray(groups).astype(np.str_)
    if owners is not None and owners.shape != labels.shape:
        raise DatasetError(f"{name}: {owners.shape} groups for {len(labels)} samples")
    parts = _split(name, labels, owners)
    values, unit = _scaled(values, parts[0])
    splits = {
        split: Split(values[part], labels[part], None if owners is None else owners[part])
        for split, part in zip(SPLITS, parts, strict=True)
    }
    about = {
        "name": name,
        "labels": names,
        "input_shape": list(values.shape[1:]),
        "architecture": architecture,
        "metric": metric,
        "x_unit": unit,
        "source": source,
        "training_samples": len(parts[0]),
    }
    _keep(name, splits, about)
    return read_own(name)


def _checked(
    name: str, x: ArrayLike, y: ArrayLike
) -> tuple[NDArray[Any], NDArray[np.int64], list[str]]:
    values, given = np.asarray(x), np.asarray(y)
    if values.dtype.kind not in "buif" or values.ndim - 1 not in _ARCHITECTURE_BY_RANK:
        raise DatasetError(
            f"{name}: x is {values.dtype}{values.shape}; it must be numbers shaped (samples, "
            "features), (samples, time, channels) or (samples, height, width, channels)"
        )
    if given.shape != (len(values),) or given.dtype.kind not in "buiUS":
        raise DatasetError(
            f"{name}: y is {given.dtype}{given.shape}; it must be one whole number or name for "
            f"each of {len(values)} samples"
        )
    wrong = np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(axis=1))
    if len(wrong):
        raise DatasetError(f"{name}: sample {wrong[0]} of x holds a number that is not finite")
    classes, labels, counts = np.unique(given, return_inverse=True, return_counts=True)
    if len(classes) < 2 or counts.min() < _LEAST_A_CLASS:
        few = {str(c): int(n) for c, n in zip(classes, counts, strict=True) if n < _LEAST_A_CLASS}
        raise DatasetError(
            f"{name}: at least 2 classes of {_LEAST_A_CLASS} samples are needed; "
            f"{len(classes)} classes, too few samples in {few or 'none'}"
        )
    return values, labels.astype(np.int64), [str(c) for c in classes]


def _split(
    name: str, labels: NDArray[np.int64], owners: NDArray[np.str_] | None
) -> list[NDArray[np.intp]]:
    """Indices of the three splits: whole groups where there are any, else class by class."""
    rng = np.random.default_rng(_SPLIT_SEED)
    if owners is not None:
        who = rng.permutation(np.unique(owners))
        if len(who) < len(SPLITS):
            raise DatasetError(f"{name}: {len(who)} groups can't fill three splits")
        cuts = [max(1, round(_SHARES[0] * len(who))), max(2, round(sum(_SHARES) * len(who)))]
        cuts = [min(cuts[0], len(who) - 2), min(max(cuts), len(who) - 1)]
        parts = [np.flatnonzero(np.isin(owners, part)) for part in np.split(who, cuts)]
    else:
        pieces: list[list[NDArray[np.intp]]] = [[], [], []]
        for label in np.unique(labels):
            mine = rng.permutation(np.flatnonzero(labels == label))
            last = len(mine) - 1
            first = min(max(1, round(_SHARES[0] * len(mine))), last - 1)
            cut = min(max(first + 1, round(sum(_SHARES) * len(mine))), last)
            for piece, indices in zip(pieces, np.split(mine, [first, cut]), strict=True):
                piece.append(indices)
        parts = [np.sort(np.concatenate(piece)) for piece in pieces]
    for split, part in zip(SPLITS, parts, strict=True):
        absent = set(np.unique(labels)) - set(np.unique(labels[part]))
        if absent:
            raise DatasetError(
                f"{name}: split {split} has no sample of class {min(absent)}: "
                "too few groups hold it"
            )
    return parts


def _scaled(values: NDArray[Any], train: NDArray[np.intp]) -> tuple[NDArray[np.float32], str]:
    if values.dtype == np.uint8:
        return (values / np.float32(255)).astype(np.float32), "bytes over 255"
    over = tuple(range(values.ndim - 1))
    known = values[train].astype(np.float64)
    mean, deviation = known.mean(axis=over), known.std(axis=over)
    scaled = (values - mean) / np.where(deviation > 0, deviation, 1.0)
    return scaled.astype(np.float32), "as given, standardized a channel by the training split"


def _keep(name: str, splits: dict[str, Split], about: dict[str, Any]) -> None:
    stream = io.BytesIO()
    arrays = {
        f"{split}.{part}": getattr(splits[split], part)
        for split in SPLITS
        for part in ("x", "y", "groups")
        if getattr(splits[split], part) is not None
    }
    np.savez(stream, allow_pickle=False, **arrays)
    about["sha256"] = hashlib.sha256(stream.getvalue()).hexdigest()
    folder = data_folder() / "own" / name
    try:
        with replacing_folder(folder) as scratch:
            (scratch / _ARRAYS).write_bytes(stream.getvalue())
            (scratch / _ABOUT).write_text(json.dumps(about, indent=1), encoding="utf-8")
    except OSError as error:
        raise DatasetError(f"{folder}: not written: {error.strerror or error}") from None


def own_tasks() -> dict[str, Task]:
    """Every task of one's own that is kept below the data folder, by name.

    One that is damaged is left out, with a warning: the other tasks do not depend on it.
    """
    tasks = {}
    for path in sorted((data_folder() / "own").glob(f"[a-z0-9]*/{_ABOUT}")):
        try:
            task = read_own(path.parent.name)
        except DatasetError as error:
            warnings.warn(f"left out: {error}", stacklevel=2)
        else:
            tasks[task.name] = task
    return tasks


def read_own(name: str) -> Task:
    """The task `own.<name>` as `task_from_arrays` kept it. Raises DatasetError."""
    path = data_folder() / "own" / name / _ABOUT
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        shape, labels = tuple(about["input_shape"]), tuple(about["labels"])
        build = ARCHITECTURES[about["architecture"]]
        digest, metric, count = about["sha256"], about["metric"], int(about["training_samples"])
        unit, source = str(about["x_unit"]), str(about["source"])
    except FileNotFoundError:
        raise DatasetError(f"there is no task {PREFIX}{name}: {path} does not exist") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{path}: damaged ({error!r}); add the data again") from None

    def load(profile: str) -> TaskData:
        return _load(path.with_name(_ARRAYS), digest)

    def preview() -> Preview:
        return one_a_class(load("quick"), labels, "image" if len(shape) == 3 else "trace")

    return Task(
        name=f"{PREFIX}{name}",
        title=f"Own data: {name}",
        origin="real",
        metric=metric,
        labels=labels,
        input_shape=shape,
        x_unit=unit,
        source=source,
        licence="its owner's",
        load=load,
        build=lambda: build(shape, len(labels)),
        preview=preview,
        budgets={profile: _budget(profile, count) for profile in PROFILES},
        fingerprint=lambda: digest,
    )


def _load(path: Path, digest: str) -> TaskData:
    try:
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != digest:
            raise DatasetError(f"{path}: changed since it was added; add the data again")
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            kept = {key: archive[key] for key in archive.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise DatasetError(f"{path}: can't be read: {error}") from None
    train, val, test = (
        Split(kept[f"{split}.x"], kept[f"{split}.y"], kept.get(f"{split}.groups"))
        for split in SPLITS
    )
    return TaskData.of(train, val, test)


def _budget(profile: str, samples: int) -> Budget:
    low, high = _EPOCHS[profile]
    epochs = int(np.clip(_PASSES[profile] // max(samples, 1), low, high))
    return Budget(epochs, max(1, epochs // 2), patience=max(5, epochs // 3))


def forget_own(names: Sequence[str]) -> None:
    """Remove tasks of one's own from disk. Raises DatasetError on one that is not there."""
    for name in names:
        folder = data_folder() / "own" / name
        if not (folder / _ABOUT).exists():
            raise DatasetError(f"there is no task {PREFIX}{name} in {folder.parent}")
        shutil.rmtree(folder)
