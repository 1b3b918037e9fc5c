"""Surfaces for drawn pictures: regions of photographs and procedural patterns."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import MissingExtra

Floats = NDArray[np.float32]

PHOTOGRAPHS = ("china", "flower")
_ROWS, _COLUMNS, _TILE = 4, 6, 106  # of a photograph of 427×640 pixels
_REGION_SEED = 20250820
_SHARES = {"train": 28, "val": 8, "test": 12}  # regions a split, of 2×4×6
_ZOOM = (1.0, 3.2)  # photograph pixels a drawn pixel; 32×3.2 fit a region of 106


@cache
def photographs() -> Floats:
    """The regions (48, 106, 106, 3) of scikit-learn's two sample photographs, in 0 to 1."""
    photos = [photograph(name) for name in PHOTOGRAPHS]
    regions = [
        photo[row * _TILE : (row + 1) * _TILE, column * _TILE : (column + 1) * _TILE]
        for photo in photos
        for row in range(_ROWS)
        for column in range(_COLUMNS)
    ]
    return np.stack(regions).astype(np.float32) / np.float32(255)


def photograph(name: str) -> NDArray[np.uint8]:
    """One of `PHOTOGRAPHS` among scikit-learn's files; importing scikit-learn takes seconds."""
    package = find_spec("sklearn")
    try:
        from PIL import Image
    except ImportError:
        package = None
    if package is None or package.origin is None:
        raise MissingExtra("the drawn tasks need scikit-learn and Pillow: qnnlab[train]")
    folder = Path(package.origin).parent / "datasets" / "images"
    with Image.open(folder / f"{name}.jpg") as picture:
        return np.asarray(picture.convert("RGB"), np.uint8)


def region_names() -> tuple[str, ...]:
    """A name for each region: photograph, row, column."""
    return tuple(
        f"{name}-{row}{column}"
        for name in PHOTOGRAPHS
        for row in range(_ROWS)
        for column in range(_COLUMNS)
    )


def regions_by_split() -> Mapping[str, NDArray[np.int64]]:
    """Which regions a split draws from; none is in two splits."""
    order = np.random.default_rng(_REGION_SEED).permutation(len(region_names()))
    ends = np.cumsum(list(_SHARES.values()))
    return {
        split: np.sort(part)
        for split, part in zip(_SHARES, np.split(order, ends[:-1]), strict=True)
    }


def crops(regions: NDArray[np.int64], size: int, rng: np.random.Generator) -> Floats:
    """A crop (size, size, 3) from each region named, at a random place and zoom.

    Each pixel is the mean of 2×2 photograph pixels, against aliasing at the larger zooms.
    """
    count = len(regions)
    zoom = rng.uniform(*_ZOOM, count)
    corner = rng.uniform(0, 1, (2, count)) * (_TILE - zoom * size)
    fine = (np.arange(2 * size) + 0.5) / 2 * zoom[:, np.newaxis]
    rows, columns = (corner[..., np.newaxis] + fine).astype(np.intp)
    picked = photographs()[
        regions[:, np.newaxis, np.newaxis], rows[:, :, np.newaxis], columns[:, np.newaxis]
    ]
    pairs = picked[:, ::2] + picked[:, 1::2]
    return np.asarray((pairs[:, :, ::2] + pairs[:, :, 1::2]) / 4, np.float32)


def mean_colour(pictures: Floats) -> Floats:
    """The mean colour (count, 1, 1, 3) of each picture."""
    points = pictures.reshape(len(pictures), -1, 3)
    share = np.full((1, points.shape[1]), 1 / points.shape[1], np.float32)
    return np.asarray((share @ points)[:, np.newaxis], np.float32)


def patterns(count: int, size: int, rng: np.random.Generator) -> Floats:
    """Patterns (count, size, size) in -1 to 1: stripes, spots, clouds or slow gradients."""
    y, x = np.mgrid[:size, :size].astype(np.float32) / np.float32(size)
    kind = rng.integers(4, size=count)
    angle = rng.uniform(0, np.pi, count)
    cycles = np.where(kind == 3, rng.uniform(0.3, 0.8, count), rng.uniform(2, 7, count))
    phase = rng.uniform(0, 2 * np.pi, (2, count))
    hard = rng.uniform(0.7, 4, count)
    first = _waves(x, y, angle, cycles, phase[0])
    second = _waves(x, y, angle + np.pi / 2, cycles, phase[1])
    cells = rng.integers(3, 9, count)
    shape = _per_image(kind)
    made = np.where(shape == 1, first * second, np.where(shape == 2, 0, first))
    for cell in np.unique(cells[kind == 2]):
        mine = np.flatnonzero((kind == 2) & (cells == cell))
        made[mine] = _clouds(len(mine), int(cell), size, rng)
    return np.tanh(made * _per_image(hard), dtype=np.float32)


def _per_image(values: NDArray[np.generic]) -> NDArray[np.float32]:
    return values.astype(np.float32)[:, np.newaxis, np.newaxis]


def _waves(
    x: Floats,
    y: Floats,
    angle: NDArray[np.float64],
    cycles: NDArray[np.float64],
    phase: NDArray[np.float64],
) -> Floats:
    turn = 2 * np.pi * cycles
    across = x * _per_image(turn * np.cos(angle)) + y * _per_image(turn * np.sin(angle))
    return np.sin(across + _per_image(phase), dtype=np.float32)


def _clouds(count: int, cells: int, size: int, rng: np.random.Generator) -> Floats:
    """Bilinear interpolation of a coarse grid of random values."""
    grid = rng.uniform(-1, 1, (count, cells + 1, cells + 1)).astype(np.float32)
    at = np.linspace(0, cells, size, dtype=np.float32)[:, np.newaxis]
    weights = np.maximum(0, 1 - np.abs(at - np.arange(cells + 1, dtype=np.float32)))
    return np.asarray(weights @ grid @ weights.T, np.float32)
