"""One's own data from files: an .npz, a .csv, or a folder with a sub-folder a class."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import DatasetError, MissingExtra
from qnnlab.steps import tell
from qnnlab.tasks.front_ends import RATE_HZ, mfcc
from qnnlab.tasks.own import task_from_arrays
from qnnlab.tasks.readers.waves import read_wave
from qnnlab.tasks.task import Task

_IMAGES = {".png", ".jpg", ".jpeg", ".bmp"}
LABEL, GROUP = "label", "group"


def name_of(path: Path) -> str:
    """A task name for the data in `path`: its stem in lower case, other characters as `_`."""
    return re.sub(r"[^a-z0-9_-]+", "_", path.stem.lower()).strip("_-") or "data"


def task_from_path(path: Path | str, name: str | None = None, **options: Any) -> Task:
    """A task of the .npz or .csv file or the folder `path`; `options` as `task_from_arrays`.

    An .npz holds `x`, `y` and, if known, `groups`. A .csv holds one sample a row: a column
    `label`, a column `group` if known, and numbers else. For a folder see `task_from_folder`.
    Raises DatasetError naming the file and what is wrong in it.
    """
    path = Path(path)
    if path.is_dir():
        return task_from_folder(path, name, **options)
    readers = {".npz": _read_npz, ".csv": _read_csv}
    if path.suffix not in readers:
        raise DatasetError(f"{path}: own data is an .npz file, a .csv file or a folder")
    x, y, groups = readers[path.suffix](path)
    options = {"source": path.name, **options}
    return task_from_arrays(name or name_of(path), x, y, groups=groups, **options)


def _read_npz(path: Path) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None]:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            held = {key: archive[key] for key in archive.files}
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise DatasetError(f"{path}: not an .npz of plain arrays: {error}") from None
    if not {"x", "y"} <= set(held) <= {"x", "y", "groups"}:
        raise DatasetError(f"{path}: holds {sorted(held)}; it must hold x, y and, if known, groups")
    return held["x"], held["y"], held.get("groups")


def _read_csv(path: Path) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None]:
    import pandas as pd

    try:
        frame = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: can't be read as CSV: {error}") from None
    if LABEL not in frame:
        raise DatasetError(f"{path}: has no column {LABEL!r}; its columns are {list(frame)[:8]}")
    features = frame.drop(columns=[LABEL, GROUP], errors="ignore")
    for column in features:
        numbers = pd.to_numeric(features[column], errors="coerce")
        if numbers.isna().any():
            line = int(numbers.isna().to_numpy().argmax()) + 2
            value = features[column].iloc[line - 2]
            raise DatasetError(f"{path}: line {line}, column {column}: {value!r} is not a number")
    labels = frame[LABEL].astype(str).to_numpy(np.str_)
    groups = frame[GROUP].astype(str).to_numpy(np.str_) if GROUP in frame else None
    return features.to_numpy(np.float32), labels, groups


def task_from_folder(
    folder: Path | str,
    name: str | None = None,
    *,
    image_size: tuple[int, int] = (32, 32),
    **options: Any,
) -> Task:
    """A task of a folder with one sub-folder a class: images, or recordings (.wav) of a second.

    Images become RGB of `image_size` (height, width). Recordings are 16-bit mono at 16 kHz, cut
    or padded to one second, and become MFCCs (49, 10, 1). `options` as `task_from_arrays`. Raises
    DatasetError on an empty folder, on mixed kinds of files and on a file that can't be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DatasetError(f"{folder}: is not a folder")
    files = sorted(p for p in folder.glob("*/*") if p.is_file() and not p.name.startswith("."))
    kinds = {("image" if p.suffix.lower() in _IMAGES else p.suffix.lower()) for p in files}
    if kinds not in ({"image"}, {".wav"}):
        raise DatasetError(
            f"{folder}: must hold one sub-folder a class with images or .wav files, in them "
            f"{sorted(kinds) or 'nothing'} was found"
        )
    read: Callable[[Path], NDArray[Any]] = _second
    if kinds == {"image"}:

        def read(path: Path) -> NDArray[Any]:
            return _read_image(path, image_size)

    samples = []
    for number, path in enumerate(files):
        tell(f"reading {folder.name}", number / len(files))
        samples.append(read(path))
    x = np.stack(samples)
    if kinds == {".wav"}:
        x = mfcc(x)
        options = {"architecture": "ds_cnn", **options}
    options = {"source": f"folder {folder.name}", **options}
    y = np.array([path.parent.name for path in files])
    return task_from_arrays(name or name_of(folder), x, y, **options)


def _read_image(path: Path, size: tuple[int, int]) -> NDArray[np.uint8]:
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingExtra(f"reading images needs Pillow: qnnlab[datasets] ({error})") from None
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB").resize(size[::-1]), np.uint8)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise DatasetError(f"{path}: can't be read as an image: {error}") from None


def _second(path: Path) -> NDArray[np.float32]:
    """One second of a recording; a shorter one is padded with silence."""
    samples = read_wave(path, "export it as that", count=RATE_HZ)
    return np.pad(samples, (0, RATE_HZ - len(samples)))
