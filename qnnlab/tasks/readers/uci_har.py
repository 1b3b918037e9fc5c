"""UCI Human Activity Recognition Using Smartphones (Anguita et al. 2013).

30 people with a phone on the waist; 10,299 windows of 128 samples at 50 Hz with half overlap,
split by people: 21 for training, 9 for test. Every fifth training person is held out here for
validation.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import DatasetError
from qnnlab.steps import tell
from qnnlab.tasks.readers.subsets import subset
from qnnlab.tasks.task import Split

LABELS = (
    "WALKING",
    "WALKING_UPSTAIRS",
    "WALKING_DOWNSTAIRS",
    "SITTING",
    "STANDING",
    "LAYING",
)
CHANNELS = tuple(
    f"{kind}_{axis}" for kind in ("body_acc", "body_gyro", "total_acc") for axis in "xyz"
)
WINDOW = 128
_SIZES = {"smoke": (300, 90, 120), "quick": (3000, 600, 1200)}
_AGAIN = "download uci_har anew"


def read(folder: Path, profile: str) -> dict[str, Split]:
    """Windows (samples, 128, 9) of each split in g and rad/s. Raises DatasetError."""
    found = sorted(folder.rglob("activity_labels.txt"))
    if not found:
        raise DatasetError(
            f"{folder}: no activity_labels.txt in it or below; `qnnlab data get uci_har` "
            "downloads the data set"
        )
    home = found[0].parent
    _check_labels(found[0])
    rest, test = _part(home, "train"), _part(home, "test")
    people = np.unique(_groups(rest))
    held = np.isin(_groups(rest), people[::5])
    splits = {"train": _where(rest, ~held), "val": _where(rest, held), "test": test}
    both = np.intersect1d(people, _groups(test))
    if len(both):
        raise DatasetError(f"{home}: {both[0]} is in training and test; {_AGAIN}")
    for name, split in splits.items():
        missing = set(range(len(LABELS))) - set(split.y.tolist())
        if missing:
            raise DatasetError(f"{home}: no {LABELS[min(missing)]} in the {name} split; {_AGAIN}")
    sizes = _SIZES.get(profile, (None, None, None))
    return {
        name: subset(split, size) for (name, split), size in zip(splits.items(), sizes, strict=True)
    }


def _groups(split: Split) -> NDArray[np.str_]:
    assert split.groups is not None
    return split.groups


def _where(split: Split, chosen: NDArray[np.bool_]) -> Split:
    return Split(split.x[chosen], split.y[chosen], _groups(split)[chosen])


def _check_labels(path: Path) -> None:
    expected = [f"{number} {label}" for number, label in enumerate(LABELS, 1)]
    try:
        lines = [line.strip() for line in path.read_text("ascii").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: can't be read: {error}") from None
    if lines != expected:
        raise DatasetError(f"{path}: not the six activities of UCI HAR; {_AGAIN}")


def _part(home: Path, part: str) -> Split:
    """One official part, read line by line into one array."""
    numbers = _column(home / part / f"y_{part}.txt", 1, len(LABELS))
    people = _column(home / part / f"subject_{part}.txt", 1, 999)
    if len(people) != len(numbers):
        raise DatasetError(
            f"{home / part / f'subject_{part}.txt'}: {len(people)} lines for {len(numbers)} labels"
        )
    x = np.empty((len(numbers), WINDOW, len(CHANNELS)), np.float32)
    for channel, name in enumerate(CHANNELS):
        _fill(home / part / "Inertial Signals" / f"{name}_{part}.txt", x[:, :, channel])
        tell(f"reading uci_har ({part})", (channel + 1) / len(CHANNELS))
    groups = np.array([f"person {number:02d}" for number in people], np.str_)
    return Split(x, numbers - 1, groups)


def _column(path: Path, low: int, high: int) -> NDArray[np.int64]:
    try:
        values = np.array([int(line) for line in path.read_text("ascii").split()], np.int64)
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}; {_AGAIN}") from None
    except ValueError:
        values = np.empty(0, np.int64)
    if not len(values) or values.min() < low or values.max() > high:
        raise DatasetError(f"{path}: not numbers from {low} to {high}, one a line; {_AGAIN}")
    return values


def _fill(path: Path, into: NDArray[np.float32]) -> None:
    row = -1
    try:
        with path.open(encoding="ascii") as stream:
            for row, line in enumerate(stream):
                values = line.split()
                if len(values) != WINDOW:
                    raise ValueError
                into[row] = [float(value) for value in values]
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror}; {_AGAIN}") from None
    except (ValueError, IndexError):
        raise DatasetError(
            f"{path}: line {row + 1} is not one of {len(into)} lines of {WINDOW} numbers; {_AGAIN}"
        ) from None
    if row + 1 != len(into) or not np.isfinite(into).all():
        raise DatasetError(f"{path}: not {len(into)} lines of finite numbers; {_AGAIN}")
