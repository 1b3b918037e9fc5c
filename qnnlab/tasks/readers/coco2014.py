"""Visual wake words from disk: photos of COCO 2014 at 96×96, sorted into person and non_person.

The archive that MLPerf Tiny trains on (`vw_coco2014_96`): one folder a class, JPEG files named
`COCO_val2014_000000000042.jpg`. It comes without a test split. Here the SHA-256 of a file's name
decides: about eight tenths train, one validates, one tests; MLPerf Tiny itself keeps a tenth of the
files as Keras orders them and tests on a list of images of its own.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import DatasetError, MissingExtra
from qnnlab.steps import tell
from qnnlab.tasks.task import SPLITS, Split

SIZE = 96
CLASSES = ("non_person", "person")  # labels 0 and 1, MLPerf Tiny's order
# Photos of either class; `full` stays below 6 GB as float32, which is 42 % of the archive.
PER_CLASS = {
    "smoke": {"train": 140, "val": 32, "test": 60},
    "quick": {"train": 1250, "val": 200, "test": 400},
    "full": {"train": 20_000, "val": 1_000, "test": 2_000},
}
_TENTHS = {8: "val", 9: "test"}
_ADVICE = "`qnnlab data get coco2014` downloads it anew"


def read(folder: Path, profile: str) -> dict[str, Split]:
    """The splits, `x` (samples, 96, 96, 3) as bytes, classes equally many.

    A class that has fewer photos than the profile asks for gives those it has. The group of a
    sample is its photo. Raises DatasetError on a missing class and on a file that is no 96×96
    photo.
    """
    home = _home(folder)
    chosen = {
        name: [(label, path) for label in (0, 1) for path in paths[label]]
        for name, paths in _chosen(home, PER_CLASS[profile]).items()
    }
    total = sum(map(len, chosen.values()))
    splits, done = {}, 0
    for name in SPLITS:
        pictures = np.empty((len(chosen[name]), SIZE, SIZE, 3), np.uint8)
        for index, (_, path) in enumerate(chosen[name]):
            pictures[index] = _photo(path)
            done += 1
            if done % 100 == 0:
                tell("reading COCO", done / total)
        labels = np.array([label for label, _ in chosen[name]], np.int64)
        photos = np.array([path.name for _, path in chosen[name]])
        splits[name] = Split(pictures, labels, photos)
    return splits


def _home(folder: Path) -> Path:
    """Where the two folders of classes lie, in `folder` or in the one that the archive brings."""
    for home in (folder, folder / "vw_coco2014_96"):
        if all((home / name).is_dir() for name in CLASSES):
            return home
    raise DatasetError(f"{folder}: holds no folders {' and '.join(CLASSES)}; {_ADVICE}")


def _chosen(home: Path, counts: dict[str, int]) -> dict[str, list[list[Path]]]:
    """By split and class, the photos that are read: always the first in the order of hashes."""
    found: dict[str, list[list[Path]]] = {name: [[], []] for name in SPLITS}
    for label, kind in enumerate(CLASSES):
        paths = (home / kind).glob("*.jpg")
        ordered = sorted((hashlib.sha256(path.name.encode()).digest(), path) for path in paths)
        for digest, path in ordered:
            found[_TENTHS.get(digest[0] % 10, "train")][label].append(path)
        for name in SPLITS:
            if not found[name][label]:
                raise DatasetError(f"{home / kind}: no .jpg photo for split {name}; {_ADVICE}")
    return {name: [paths[: counts[name]] for paths in by_class] for name, by_class in found.items()}


def _photo(path: Path) -> NDArray[np.uint8]:
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingExtra(f"reading photos needs Pillow: qnnlab[datasets] ({error})") from None
    try:
        with Image.open(path) as image:
            if image.size != (SIZE, SIZE):
                raise DatasetError(f"{path}: is {image.size[0]}×{image.size[1]}, not 96×96")
            return np.asarray(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DatasetError(f"{path}: can't be read as a photo ({error}); {_ADVICE}") from None
