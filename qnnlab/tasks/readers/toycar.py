"""ToyCar of DCASE 2020 task 2, development set (Koizumi et al. 2020, arXiv:2006.05822).

Four toy cars, `id_01` to `id_04`: 1,000 normal recordings each to train on, 350 normal and some
265 anomalous ones each to test on, about 11 s at 16 kHz mono in 16 bits. Features are those of
MLPerf Tiny: of each recording the central 200 frames (50 to 249), which makes 196 windows.

The challenge has the same four units in training and in test, so a unit can't be a group here:
groups lie in one split only. A group is a recording. Every tenth training recording of a unit is
held out for validation; MLPerf's own training holds out the last tenth.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import DatasetError
from qnnlab.steps import tell
from qnnlab.tasks.front_ends import AD_FRAMES, RATE_HZ, log_mel_windows
from qnnlab.tasks.readers.waves import read_wave
from qnnlab.tasks.task import SPLITS, Split

Wave = NDArray[np.float32]

_NAME = re.compile(r"(normal|anomaly)_(id_\d{2})_\d{8}\.wav")
_KINDS = ("normal", "anomaly")
_FEATURES = 640
_FIRST, _PAST = 50, 250
_WINDOWS = _PAST - _FIRST - AD_FRAMES + 1
_HOP = 512  # samples from frame to frame
_SHORTEST = _PAST * _HOP
_HELD_OUT = 10  # one recording in so many
_AGAIN = "`qnnlab data get toycar` downloads it anew"
# Recordings of train, val and test, where not all; test counts both kinds.
_RECORDINGS = {"smoke": (24, 8, 24), "quick": (320, 32, 192)}
_EXAMPLE_KINDS = {"normal": "normal", "anomaly": "anomalous"}


@dataclass(frozen=True)
class _File:
    path: Path
    kind: str
    unit: str


def read(folder: Path, profile: str) -> dict[str, Split]:
    """Windows (count, 640) in dB, in half precision, one file in memory at a time.

    Neighbouring windows share four of five frames, so training and validation take every fourth,
    test every eighth, in all profiles. Raises DatasetError.
    """
    files = _found(folder)
    chosen = [
        _spread(files[name], count)
        for name, count in zip(SPLITS, _RECORDINGS.get(profile, (None,) * 3), strict=True)
    ]
    return {
        name: _windows(name, some, hop)
        for name, some, hop in zip(SPLITS, chosen, (4, 4, 8), strict=True)
    }


def examples(folder: Path) -> tuple[tuple[Wave, ...], tuple[str, ...]]:
    """The first normal and the first anomalous test recording of each unit, with labels."""
    first: dict[tuple[str, str], _File] = {}
    for file in _found(folder)["test"]:
        first.setdefault((file.unit, file.kind), file)
    return (
        tuple(_samples(file.path) for file in first.values()),
        tuple(f"{_EXAMPLE_KINDS[file.kind]}, {file.unit}" for file in first.values()),
    )


def _found(folder: Path) -> dict[str, list[_File]]:
    """The recordings of each split, by unit, kind and number."""
    homes = [path.parent for path in sorted(folder.rglob("train")) if path.is_dir()]
    homes = [home for home in homes if (home / "test").is_dir()]
    home = next((home for home in homes if home.name == "ToyCar"), homes[0] if homes else None)
    if home is None:
        raise DatasetError(f"{folder}: no ToyCar/train and ToyCar/test in it; {_AGAIN}")
    train, test = _listed(home / "train"), _listed(home / "test")
    strange = next((file.path for file in train if file.kind != "normal"), None)
    if strange is not None:
        raise DatasetError(f"{strange}: an anomaly among training recordings; {_AGAIN}")
    for unit in sorted({file.unit for file in test}):
        for part, files, kinds in (("train", train, _KINDS[:1]), ("test", test, _KINDS)):
            for kind in kinds:
                if not any(file.unit == unit and file.kind == kind for file in files):
                    raise DatasetError(f"{home / part}: no {kind}_{unit}_*.wav; {_AGAIN}")
    held = {file.path for files in _cells(train) for file in files[_HELD_OUT - 1 :: _HELD_OUT]}
    if not held:
        raise DatasetError(f"{home / 'train'}: under {_HELD_OUT} recordings of a unit; {_AGAIN}")
    return {
        "train": [file for file in train if file.path not in held],
        "val": [file for file in train if file.path in held],
        "test": test,
    }


def _listed(folder: Path) -> list[_File]:
    files = []
    for path in sorted(folder.glob("*.wav")):
        if path.name.startswith("."):
            continue
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise DatasetError(
                f"{path}: not named like normal_id_01_00000000.wav; remove it, or {_AGAIN}"
            )
        files.append(_File(path, match[1], match[2]))
    if not files:
        raise DatasetError(f"{folder}: no recordings in it; {_AGAIN}")
    return sorted(files, key=lambda file: (file.unit, _KINDS.index(file.kind), file.path.name))


def _cells(files: Sequence[_File]) -> list[list[_File]]:
    """The recordings of each unit and kind."""
    cells: dict[tuple[str, str], list[_File]] = {}
    for file in files:
        cells.setdefault((file.unit, file.kind), []).append(file)
    return list(cells.values())


def _spread(files: Sequence[_File], count: int | None) -> list[_File]:
    """About `count` recordings, as many of each unit and kind, evenly spaced; None takes all."""
    if count is None:
        return list(files)
    cells = _cells(files)
    each = max(1, count // len(cells))
    chosen = []
    for cell in cells:
        at = np.linspace(0, len(cell) - 1, min(each, len(cell))).astype(int)
        chosen += [cell[index] for index in at]
    return chosen


def _windows(name: str, files: Sequence[_File], hop: int) -> Split:
    count = len(range(0, _WINDOWS, hop))
    x = np.empty((len(files) * count, _FEATURES), np.float16)
    for clip, file in enumerate(files):
        tell(f"reading toycar ({name})", clip / len(files))
        used = _samples(file.path)[: _PAST * _HOP]  # all that the last frame needs
        windows = log_mel_windows(used)[_FIRST : _FIRST + _WINDOWS : hop]
        x[clip * count : (clip + 1) * count] = windows
    # train and test number their recordings alike, so a name needs its folder
    groups = [f"{file.path.parent.name}/{file.path.stem}" for file in files]
    return Split(
        x,
        np.repeat(np.array([_KINDS.index(file.kind) for file in files], np.int64), count),
        np.repeat(np.array(groups), count),
        np.repeat(np.arange(len(files)), count),
    )


def _samples(path: Path) -> Wave:
    wave = read_wave(path, _AGAIN)
    if len(wave) < _SHORTEST:
        seconds = len(wave) / RATE_HZ
        raise DatasetError(f"{path}: {seconds:.1f} s, not the 8 s or more needed; {_AGAIN}")
    return wave
