"""Drawn scenes with or without a person, for visual wake words.

A picture is a place seen by a camera, things in it and, in front of them, a person or one thing
more. Places are disjoint between splits. Light, place, size, clutter and what stands in front are
drawn alike with a person and without. Surfaces differ by kind: people have skin, hair and cloth,
things wood, metal, leaf and paint, unless the knob `borrowed` lends them those of people.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.steps import tell
from qnnlab.tasks.synthetic.figures import (
    Figure,
    Fill,
    Part,
    any_colour,
    any_fill,
    moved,
    out_of_order,
    person,
    wardrobe,
)
from qnnlab.tasks.synthetic.textures import PHOTOGRAPHS, photograph
from qnnlab.tasks.synthetic.things import THINGS
from qnnlab.tasks.task import SPLITS, Split

SIZE = 96
_SEED = 19_060_572
_A_PLACE = 4  # pictures of one place, as many with a person as without
_KINDS = ("room", "street", "park", "wall", "photo")
_TILE = 192
_EDGE = 3.0  # width in pixels of the darker rim that gives parts their roundness
_PHOTO_STRIPS = {"train": (0, 384), "val": (384, 512), "test": (512, 640)}

Picture = NDArray[np.float32]


@dataclass(frozen=True)
class Difficulty:
    """What makes people hard to tell.

    `height`: of a figure, least and most, as shares of the picture's. `closeup`: share of figures
    so near that only the upper part is in the picture. `hidden`: share of figures with something
    in front of them. `heaps`: share of things that are a person's members out of order, `spread`
    how far apart these lie. `borrowed`: share of the other things that have the surfaces of
    people, skin, hair and cloth. `clutter`: least and most things in the background, `backdrop`
    most that the background keeps of its contrast. `haze`: most that light in the air takes from
    the contrast. `noise`: the camera's, standard deviation in shares of white.
    """

    height: tuple[float, float] = (0.7, 0.95)
    closeup: float = 0.0
    hidden: float = 0.05
    heaps: float = 0.0
    spread: float = 0.12
    clutter: tuple[int, int] = (0, 1)
    haze: float = 0.1
    noise: float = 0.015
    borrowed: float = 0.0
    backdrop: float = 0.25


def scenes(split: str, count: int, difficulty: Difficulty | None = None) -> Split:
    """The first `count` pictures (uint8) of a split; every second one shows a person."""
    x = np.empty((count, SIZE, SIZE, 3), np.uint8)
    for index in range(count):
        x[index] = scene(split, index, difficulty or Difficulty())
        if index % 50 == 49:
            tell(f"drawing scenes: {split}", (index + 1) / count)
    groups = np.array([f"{split}-place-{index // _A_PLACE:05d}" for index in range(count)])
    kept: Any = x  # as bytes until they are loaded
    return Split(kept, np.arange(count) % 2, groups)


def scene(split: str, index: int, difficulty: Difficulty) -> NDArray[np.uint8]:
    """Picture number `index` of a split; odd ones show a person."""
    which = SPLITS.index(split)
    place_rng = np.random.default_rng([_SEED, len(SPLITS) + which, index // _A_PLACE])
    rng = np.random.default_rng([_SEED, which, index])
    picture = _place(split, place_rng, rng)
    angle = rng.uniform(math.pi, 2 * math.pi)
    light = math.cos(angle), math.sin(angle)
    grain = _crop(_grain(split), rng, SIZE)
    for part in _clutter(rng, difficulty):
        _draw(picture, part, light, grain)
    picture = _out_of_focus(picture, rng, difficulty)
    for part in _subject(rng, index % 2 == 1, difficulty):
        _draw(picture, part, light, grain)
    return _photographed(picture, rng, difficulty)


def _draw(picture: Picture, part: Part, light: tuple[float, float], grain: Picture) -> None:
    """Lay a part over the picture, anti-aliased, lit from the direction `light`."""
    cos, sin = math.cos(part.angle), math.sin(part.angle)
    wide, high = part.hx * (1 + abs(part.taper)) + part.corner, part.hy + part.corner
    reach_x = abs(cos) * wide + abs(sin) * high + 1.0
    reach_y = abs(sin) * wide + abs(cos) * high + 1.0
    left, right = max(0, int(part.x - reach_x)), min(SIZE, int(part.x + reach_x) + 1)
    top, bottom = max(0, int(part.y - reach_y)), min(SIZE, int(part.y + reach_y) + 1)
    if left >= right or top >= bottom:
        return
    x = np.arange(left, right, dtype=np.float32) + np.float32(0.5 - part.x)
    y = (np.arange(top, bottom, dtype=np.float32) + np.float32(0.5 - part.y))[:, None]
    u, v = x * cos + y * sin, y * cos - x * sin
    distance = _distance(part, u, v)
    cover = np.clip(0.5 - distance, 0.0, 1.0) * part.alpha
    shade = 1.0 + (0.22 / max(wide, high)) * (x * light[0] + y * light[1])
    shade += 0.06 * grain[top:bottom, left:right]
    shade *= 1.0 - 0.3 * np.exp(np.minimum(distance, 0.0) / _EDGE)
    behind = picture[top:bottom, left:right]
    behind += cover[..., None] * (_surface(part.fill, u, v, grain) * shade[..., None] - behind)


def _distance(part: Part, u: Picture, v: Picture) -> Picture:
    """Signed distance in pixels to the outline of a part, negative inside."""
    if part.shape == "ellipse":
        inside: Picture = np.hypot(u / max(part.hx, 0.3), v / max(part.hy, 0.3)) - 1.0
        return inside * max(min(part.hx, part.hy), 0.3)
    across = np.abs(u) - part.hx
    if part.taper:
        across -= (part.hx * part.taper / max(part.hy, 0.3)) * v
    along = np.abs(v) - part.hy
    outside: Picture = np.hypot(np.maximum(across, 0.0), np.maximum(along, 0.0))
    return outside + np.minimum(np.maximum(across, along), 0.0) - part.corner


def _surface(fill: Fill, u: Picture, v: Picture, grain: Picture) -> Picture:
    """The colours of a surface at the given places, in its own coordinates."""
    first = np.array(fill.colour, np.float32)
    if fill.pattern == "plain" or fill.period < 2.0:  # finer than the camera sees
        return first
    cos, sin = math.cos(fill.turn), math.sin(fill.turn)
    pitch = 2 * math.pi / fill.period
    along, across = pitch * (u * cos + v * sin), pitch * (v * cos - u * sin)
    if fill.pattern == "stripes":
        mix = np.sin(along)
    elif fill.pattern == "checks":
        mix = np.sin(along) * np.sin(across) * 1.5
    else:
        rows, columns = (pitch * v).astype(np.int64), (pitch * u).astype(np.int64)
        mix = grain[rows % SIZE, columns % SIZE]
    second = np.array(fill.second, np.float32)
    return first + np.clip(0.5 + mix, 0.0, 1.0)[..., None] * (second - first)


@cache
def _grain(split: str) -> Picture:
    """Smooth noise of four octaves, mostly within -1 to 1."""
    rng = np.random.default_rng([_SEED, 2 * len(SPLITS) + SPLITS.index(split)])
    total = np.zeros((_TILE, _TILE), np.float32)
    for cells in (6, 16, 48, _TILE):
        spots = np.linspace(0.0, cells - 1.0, _TILE)
        total += 0.5 * _bilinear(rng.standard_normal((cells, cells)).astype("f"), spots, spots)
    return total


def _bilinear(image: Picture, rows: NDArray[np.float64], columns: NDArray[np.float64]) -> Picture:
    """`image` at fractional rows and columns."""
    for axis, spots in enumerate((rows, columns)):
        low = np.minimum(spots.astype(np.int64), image.shape[axis] - 2)
        share = (spots - low).astype(np.float32)
        share = share.reshape([-1 if a == axis else 1 for a in range(image.ndim)])
        image = image.take(low, axis) * (1 - share) + image.take(low + 1, axis) * share
    return image


def _crop(image: Picture, rng: np.random.Generator, size: int) -> Picture:
    top, left = (int(rng.integers(side - size + 1)) for side in image.shape[:2])
    return image[top : top + size, left : left + size]


def _place(split: str, place_rng: np.random.Generator, rng: np.random.Generator) -> Picture:
    """A place, the same for the same `place_rng`, as a camera sees it from where `rng` says."""
    kind = _KINDS[int(place_rng.integers(len(_KINDS)))]
    if kind == "photo":
        return _photo(split, place_rng, rng)
    sky, ground = np.array(any_colour(place_rng)), np.array(any_colour(place_rng))
    if kind in ("street", "park"):
        sky = np.array((0.55, 0.7, 0.9)) * place_rng.uniform(0.5, 1.1) + 0.1 * sky
    zoom, horizon = SIZE * rng.uniform(1.0, 1.3), float(place_rng.uniform(0.4, 0.75))
    at = [-rng.uniform(0.0, zoom - SIZE + 1e-6) for _ in range(2)]
    height = ((np.arange(SIZE) - at[1]) / zoom)[:, None, None]
    picture = np.where(height < horizon, sky * (1.1 - 0.4 * height), ground * (0.6 + 0.4 * height))
    picture = np.broadcast_to(picture, (SIZE, SIZE, 3)).astype(np.float32)
    grain = _crop(_grain(split), rng, SIZE)
    picture *= 1.0 + np.float32(place_rng.uniform(0.05, 0.35)) * grain[..., None] * (
        height >= horizon if kind != "wall" else 1.0
    )
    light = -0.7, -0.7
    for part in _furnishing(kind, horizon, place_rng):
        _draw(picture, moved(part, zoom, at[0], at[1]), light, grain)
    return picture


def _furnishing(kind: str, horizon: float, rng: np.random.Generator) -> list[Part]:
    """What stands or hangs in a place for good; the picture is one unit wide and high."""
    parts: list[Part] = []
    for _ in range(int(rng.integers(3, 8))):
        x, size = float(rng.uniform(-0.1, 1.1)), rng.uniform(0.05, 0.25, 2)
        fill = any_fill(rng)
        if kind == "park":
            green = Fill((0.2, float(rng.uniform(0.25, 0.55)), 0.15), any_colour(rng), "speckle")
            parts.append(Part("ellipse", x, horizon, size[0] * 1.5, size[1], green))
        elif kind == "street":
            tall = float(rng.uniform(0.15, 0.6))
            wall = Fill(fill.colour, fill.second, "checks", float(rng.uniform(0.05, 0.15)))
            parts.append(Part("box", x, horizon - tall / 2, size[0], tall / 2, wall))
        else:
            y = float(rng.uniform(0.0, horizon if kind == "room" else 1.0))
            wide, high = size
            parts.append(Part("box", x, y, wide + 0.015, high + 0.015, any_fill(rng)))
            parts.append(Part("box", x, y, wide, high, fill))
    return parts


def _photo(split: str, place_rng: np.random.Generator, rng: np.random.Generator) -> Picture:
    """Part of a photograph; each split has a strip of its own."""
    left, right = _PHOTO_STRIPS[split]
    strip = _photographs()[int(place_rng.integers(2))][:, left:right]
    side = place_rng.uniform(90.0, 128.0)
    top, start = place_rng.random(2) * (strip.shape[0] - side, strip.shape[1] - side)
    shift = rng.uniform(0.0, 0.12) * side
    spots = np.linspace(shift, side - 1.0, SIZE)
    return _bilinear(strip, top + spots, start + spots)


@cache
def _photographs() -> tuple[Picture, ...]:
    """The two sample photographs that come with scikit-learn (CC BY 2.0), in 0 to 1."""
    return tuple(photograph(name).astype(np.float32) / np.float32(255.0) for name in PHOTOGRAPHS)


def _out_of_focus(picture: Picture, rng: np.random.Generator, difficulty: Difficulty) -> Picture:
    """What is far behind the figures: blurred, and paler or darker than near by."""
    contrast = difficulty.backdrop * rng.uniform(0.6, 1.0)
    far = np.float32(rng.uniform(0.2, 0.8))
    picture = far + contrast * (picture - far)
    for _ in range(int(rng.integers(0, 3))):
        picture = _blurred(picture, 0.6)
    return picture


def _blurred(picture: Picture, share: float) -> Picture:
    """Each pixel with the given share of its neighbours in it."""
    for axis in (0, 1):
        sides = np.roll(picture, 1, axis) + np.roll(picture, -1, axis)
        picture = picture * np.float32(1.0 - share) + sides * np.float32(share / 2)
    return picture


def _clutter(rng: np.random.Generator, difficulty: Difficulty) -> list[Part]:
    """Things further away than the subject, in pixels and in drawing order."""
    count = int(rng.integers(difficulty.clutter[0], difficulty.clutter[1] + 1))
    spots = sorted((_spot(rng, difficulty) for _ in range(count)), key=lambda spot: spot[1][1])
    return [part for spot in spots for part in _put(rng, _thing(rng, difficulty), *spot)]


def _subject(rng: np.random.Generator, a_person: bool, difficulty: Difficulty) -> list[Part]:
    """A person or a thing, with or without something in front, in drawing order."""
    subject = person(rng, wardrobe(rng)) if a_person else _thing(rng, difficulty)
    if rng.random() < difficulty.closeup:
        scale = SIZE * rng.uniform(1.1, 2.0)
        spot = SIZE * rng.uniform(0.25, 0.75), SIZE * rng.uniform(0.05, 0.35) + scale
    else:
        scale, spot = _spot(rng, difficulty)
    shown = _put(rng, subject, scale, spot)
    if rng.random() < difficulty.hidden:
        beside = spot[0] + rng.normal(0.0, 0.15) * scale, min(spot[1], SIZE) + 3.0
        shown += _put(rng, _thing(rng, difficulty), rng.uniform(0.3, 0.7) * scale, beside)
    return shown


def _thing(rng: np.random.Generator, difficulty: Difficulty) -> Figure:
    if rng.random() < difficulty.heaps:
        return out_of_order(rng, person(rng, wardrobe(rng)), difficulty.spread)
    clothes = wardrobe(rng, of_a_person=rng.random() < difficulty.borrowed)
    return THINGS[int(rng.integers(len(THINGS)))](rng, clothes)


def _spot(rng: np.random.Generator, difficulty: Difficulty) -> tuple[float, tuple[float, float]]:
    """How tall a figure is in pixels, and where it stands."""
    scale = SIZE * float(rng.uniform(*difficulty.height))
    foot = float(rng.uniform(max(scale + 2.0, 0.55 * SIZE), SIZE * 1.02))
    return scale, (SIZE * float(rng.uniform(0.12, 0.88)), foot)


def _put(
    rng: np.random.Generator, figure: Figure, scale: float, spot: tuple[float, float]
) -> list[Part]:
    """The parts of a figure in pixels, mirrored or not, with a shadow at its foot."""
    black = Fill((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    shadow = Part("ellipse", 0.05, 0.0, 0.25, 0.04, black, alpha=float(rng.uniform(0.1, 0.5)))
    parts = [shadow, *(part for member in figure for part in member)]
    mirrored = scale * float(rng.choice([-1.0, 1.0]))
    lean = float(rng.normal(0.0, 0.04))
    return [moved(part, mirrored, *spot, lean) for part in parts]


def _photographed(
    picture: Picture, rng: np.random.Generator, difficulty: Difficulty
) -> NDArray[np.uint8]:
    """Uneven light, haze, colour cast, lens blur and noise of the camera."""
    slope = (np.linspace(-1.0, 1.0, SIZE) * rng.uniform(-0.2, 0.2)).astype(np.float32)
    picture = picture * (1.0 + slope[:, None] + slope[::-1] * rng.uniform(-1.0, 1.0))[..., None]
    haze = rng.uniform(0.0, difficulty.haze)
    picture = picture * (1.0 - haze) + haze * rng.uniform(0.2, 0.9)
    cast = rng.uniform(0.75, 1.2) * (1.0 + rng.normal(0.0, 0.03, 3))
    picture = picture * cast.astype(np.float32)
    picture = _blurred(picture, rng.uniform(0.0, 0.5))
    sigma = rng.uniform(0.2, 1.0) * difficulty.noise
    picture = picture + sigma * rng.standard_normal(picture.shape, np.float32)
    codes: NDArray[np.uint8] = np.clip(picture * 255.0 + 0.5, 0.0, 255.0).astype(np.uint8)
    return codes
