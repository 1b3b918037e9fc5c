"""WISDM Activity Prediction 1.1 (Kwapisz, Weiss and Moore 2010).

36 people with a phone in a front trouser pocket, three axes at 20 Hz, 1,098,207 readings. People 29
to 36 are for test; the last of the others, until all six activities are among them, for
validation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import DatasetError
from qnnlab.steps import tell
from qnnlab.tasks.readers.subsets import subset
from qnnlab.tasks.task import Split

LABELS = ("Walking", "Jogging", "Upstairs", "Downstairs", "Sitting", "Standing")
FILE = "WISDM_ar_v1.1_raw.txt"
RATE_HZ = 20
WINDOW = 80
HOP = 40
STANDARD_GRAVITY = 9.80665
_FIRST_TEST_PERSON = 29
_VALIDATION_PEOPLE = 4
_GAP_NS = 1_000_000_000
_MALFORMED_SHARE = 0.01
_TOLD_EVERY = 50_000
_SIZES = {"smoke": (300, 90, 120), "quick": (3000, 600, 1200)}

Reading = tuple[int, int, int, float, float, float]  # person, label, nanoseconds, x, y, z
Windows = dict[tuple[int, int], list[NDArray[np.float32]]]


def read(folder: Path, profile: str) -> dict[str, Split]:
    """Windows (samples, 80, 3) of each split in g. Raises DatasetError."""
    found = sorted(folder.rglob(FILE))
    if not found:
        raise DatasetError(
            f"{folder}: no {FILE} in it or below; `qnnlab data get wisdm` downloads the data set"
        )
    try:
        windows = _windows(found[0])
    except OSError as error:
        raise DatasetError(f"{found[0]}: can't be read: {error.strerror}") from None
    people: dict[int, set[int]] = defaultdict(set)
    for person, label in windows:
        people[person].add(label)
    splits = {name: _split(windows, chosen) for name, chosen in _people(people).items()}
    for name, split in splits.items():
        missing = set(range(len(LABELS))) - set(split.y.tolist())
        if missing:
            raise DatasetError(
                f"{found[0]}: no {LABELS[min(missing)]} in the {name} split; download wisdm anew"
            )
    sizes = _SIZES.get(profile, (None, None, None))
    return {
        name: subset(split, size) for (name, split), size in zip(splits.items(), sizes, strict=True)
    }


def _people(activities: dict[int, set[int]]) -> dict[str, list[int]]:
    """Who is in which split. Not everybody did everything, so validation grows until all is in."""
    rest = sorted(person for person in activities if person < _FIRST_TEST_PERSON)
    held: list[int] = []
    seen: set[int] = set()
    while rest and (len(held) < _VALIDATION_PEOPLE or len(seen) < len(LABELS)):
        held.append(rest.pop())
        seen |= activities[held[-1]]
    test = sorted(person for person in activities if person >= _FIRST_TEST_PERSON)
    return {"train": rest, "val": sorted(held), "test": test}


def _split(windows: Windows, people: list[int]) -> Split:
    keys = [key for key in sorted(windows) if key[0] in people]
    if not keys:
        return Split(np.empty((0, WINDOW, 3), np.float32), np.empty(0, np.int64))
    counts = [len(windows[key]) for key in keys]
    return Split(
        np.concatenate([np.stack(windows.pop(key)) for key in keys]),
        np.repeat(np.array([label for _, label in keys], np.int64), counts),
        np.repeat(np.array([f"person {person:02d}" for person, _ in keys]), counts),
    )


def _windows(path: Path) -> Windows:
    """Half-overlapping windows of each unbroken stretch, by person and label.

    Only the stretch at hand is held besides what is returned.
    """
    windows: Windows = defaultdict(list)
    stretch: list[tuple[float, float, float]] = []
    last: tuple[int, int, int] | None = None
    for person, label, time, *xyz in _readings(path):
        broken = last is None or last[:2] != (person, label) or abs(time - last[2]) > _GAP_NS
        if broken:
            stretch = []
        stretch.append((xyz[0], xyz[1], xyz[2]))
        last = (person, label, time)
        if len(stretch) == WINDOW:
            window = np.array(stretch, np.float64) / STANDARD_GRAVITY
            windows[person, label].append(window.astype(np.float32))
            del stretch[:HOP]
    if not windows:
        raise DatasetError(f"{path}: no {WINDOW} readings in a row; download wisdm anew")
    return windows


def _readings(path: Path) -> Iterator[Reading]:
    """The readings of the file in order, one line at a time.

    The file is known to have a few malformed ones: two on a line, a comma too many, an axis
    missing. What can't be read is left out, up to a hundredth.
    """
    labels = {name: label for label, name in enumerate(LABELS)}
    size = max(path.stat().st_size, 1)
    read = malformed = done = 0
    with path.open("rb") as stream:
        for number, line in enumerate(stream):
            done += len(line)
            if number % _TOLD_EVERY == 0:
                tell("reading wisdm", done / size)
            for piece in line.split(b";"):
                text = piece.strip().rstrip(b",")
                if not text:
                    continue
                reading = _reading(text, labels)
                if reading is None:
                    malformed += 1
                else:
                    read += 1
                    yield reading
    if malformed > _MALFORMED_SHARE * (read + malformed):
        raise DatasetError(
            f"{path}: {malformed} of {read + malformed} readings can't be read; download wisdm anew"
        )


def _reading(text: bytes, labels: dict[str, int]) -> Reading | None:
    fields = text.split(b",")
    try:
        person, name, time, x, y, z = fields
        reading = (
            int(person), labels[name.decode("ascii")], int(time), float(x), float(y), float(z)
        )  # fmt: skip
    except (ValueError, KeyError):
        return None
    return reading if all(abs(value) < 1000 for value in reading[3:]) else None
