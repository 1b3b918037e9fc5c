"""Drawn pictures of CIFAR-10's ten classes, 32×32 pixels in colour.

A class is a jointed figure: an outline that is the union of tapered parts, whose joints, girths,
pose and view vary from picture to picture. Colour, pattern, light, background, clutter and
occluder are drawn independently of the class, so that only the shape tells it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qnnlab.steps import tell
from qnnlab.tasks.synthetic.textures import (
    crops,
    mean_colour,
    patterns,
    region_names,
    regions_by_split,
)
from qnnlab.tasks.task import Split

Floats = NDArray[np.float32]

SIZE = 32
LABELS = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
_SEEDS = {"train": 11, "val": 12, "test": 13}
_CHUNK = 250  # pictures drawn together, so that their planes stay in the processor's cache


@dataclass(frozen=True)
class Difficulty:
    """What makes the pictures hard. Lengths are in pixels or, of a figure, in half its width.

    `joints`: standard deviation of each joint's place; `girth` and `stretch`: of the logarithm of
    widths and proportions. `scale`: pixels of half a figure; `shift`, `rotation_deg`, `shear`,
    `perspective` and `warp`: largest change of the view. `background`: share of its own contrast
    that a background keeps. `contrast`: range of the colour distance to the background's mean,
    `chroma`: how colourful it is; `texture`: strength of pattern and photograph in the fill.
    `clutter`: pieces behind the figure; `occluded`: share of the pictures with a piece in front,
    `occluder`: its largest half width. `blur` (1: binomial of 5), `noise` (standard deviation) and
    `light` (change of brightness and contrast): largest.
    """

    joints: float = 0.04
    girth: float = 0.12
    stretch: float = 0.1
    scale: tuple[float, float] = (12.0, 15.0)
    shift: float = 2.0
    rotation_deg: float = 15.0
    shear: float = 0.1
    perspective: float = 0.1
    warp: float = 0.05
    background: float = 0.8
    contrast: tuple[float, float] = (0.5, 0.9)
    chroma: float = 0.4
    texture: float = 0.08
    clutter: int = 1
    occluded: float = 0.25
    occluder: float = 3.0
    blur: float = 0.5
    noise: float = 0.03
    light: float = 0.1


@dataclass(frozen=True)
class Figure:
    """Joints (x, y, freedom), and the parts between them.

    Figures face right, up is positive, half a figure's width is 1. `freedom` scales how far a joint
    strays. `ends` are the joints that a part goes from and to, `widths` its half widths there. A
    part has round ends, or where `flat`, flat ones; a `hole` is cut out.
    """

    joints: NDArray[np.float64]
    ends: NDArray[np.int64]
    widths: NDArray[np.float64]
    flat: tuple[bool, ...]
    hole: tuple[bool, ...]


def _figure(joints: str, parts: str) -> Figure:
    """A figure from "name x y [freedom], …" and "from-to half-width half-width [flat|hole], …"."""
    rows = [row.split() for row in joints.split(",")]
    names = [row[0] for row in rows]
    cut = [row.split() for row in parts.split(",")]
    ends = [[names.index(name) for name in row[0].split("-")] for row in cut]
    return Figure(
        joints=np.array([[float(value) for value in (*row[1:], "1")][:3] for row in rows]),
        ends=np.array(ends, np.int64),
        widths=np.array([[float(value) for value in row[1:3]] for row in cut]),
        flat=tuple(row[-1] in {"flat", "hole"} for row in cut),
        hole=tuple(row[-1] == "hole" for row in cut),
    )


def _animal(height: float, width: float, joints: str, parts: str) -> Figure:
    """A figure on four legs: joints `fore` and `hind`, from which the feet hang by `height`."""
    feet = {"f1": 0.5, "f2": 0.26, "h1": -0.38, "h2": -0.62}
    legs = ", ".join(f"{foot} {x} {-height} 2" for foot, x in feet.items())
    limbs = ", ".join(
        f"{'fore' if foot[0] == 'f' else 'hind'}-{foot} {1.5 * width} {width}" for foot in feet
    )
    return _figure(f"fore 0.38 -0.05, hind -0.5 -0.05, {legs}, {joints}", f"{limbs}, {parts}")


FIGURES: Mapping[str, Figure] = {
    "airplane": _figure(
        "nose .95 0, tail -.9 0, root .15 0, left -.25 .85 1.5, right -.25 -.85 1.5,"
        "fin -.72 0, fin1 -.95 .34, fin2 -.95 -.34",
        "tail-nose .07 .12, root-left .2 .08, root-right .2 .08, fin-fin1 .1 .06, fin-fin2 .1 .06",
    ),
    "automobile": _figure(
        "rear -.92 -.1, front .92 -.14, waist -.08 -.02, roof -.12 .45, wheel1 -.52 -.33,"
        "wheel2 .54 -.33, sill1 -.36 .1 .5, pane1 -.33 .34 .5, sill2 .14 .1 .5, pane2 .08 .34 .5",
        "rear-front .22 .18 flat, waist-roof .64 .4 flat, wheel1-wheel1 .2 .2,"
        "wheel2-wheel2 .2 .2, sill1-pane1 .18 .12 hole, sill2-pane2 .22 .14 hole",
    ),
    "bird": _figure(
        "beak .82 .02, head .55 .03, rump -.4 0, tail -.85 0 1.5, root .15 0,"
        "wrist1 .28 .45 1.5, tip1 -.25 .9 2, wrist2 .28 -.45 1.5, tip2 -.25 -.9 2",
        "head-beak .14 .02, head-rump .16 .1, rump-tail .07 .2 flat, root-wrist1 .17 .13,"
        "wrist1-tip1 .13 .03, root-wrist2 .17 .13, wrist2-tip2 .13 .03",
    ),
    "cat": _animal(
        0.62,
        0.07,
        "head .64 .28, ear1 .5 .58, ear2 .78 .58, bend -.88 .22 1.5, tail -.78 .72 2",
        "fore-hind .21 .22, fore-head .17 .15, head-head .23 .23, head-ear1 .2 .02,"
        "head-ear2 .2 .02, hind-bend .08 .06, bend-tail .06 .05",
    ),
    "deer": _animal(
        0.85,
        0.045,
        "poll .56 .44, nose .84 .34, fork .46 .7, tine1 .28 .95 1.5, tine2 .64 .98 1.5,"
        "tail -.68 .12",
        "fore-hind .19 .19, fore-poll .15 .09, poll-nose .11 .06, poll-fork .04 .03,"
        "fork-tine1 .035 .03, fork-tine2 .035 .03, hind-tail .08 .05",
    ),
    "dog": _animal(
        0.72,
        0.075,
        "head .6 .4, nose .95 .3, ear .42 .16 1.5, crown .52 .5, tail -.88 .4 2",
        "fore-hind .21 .18, fore-head .17 .16, head-nose .17 .09, crown-ear .07 .1,"
        "hind-tail .08 .05",
    ),
    "frog": _figure(
        "hind -.48 -.22, fore .36 .12, snout .72 .14, eye .46 .42, knee .08 -.4 1.5,"
        "heel -.55 -.58 1.5, toes -.1 -.66 1.5, hand .46 -.6 1.5, fingers .7 -.64 1.5",
        "hind-fore .26 .26, fore-snout .24 .12, fore-eye .1 .12, hind-knee .2 .12,"
        "knee-heel .1 .07, heel-toes .06 .06, fore-hand .1 .07, hand-fingers .06 .05",
    ),
    "horse": _animal(
        0.85,
        0.065,
        "poll .66 .58, nose .96 .34, ear .6 .82, dock -.68 .1, tail -.88 -.42 2",
        "fore-hind .24 .25, fore-poll .22 .13, poll-nose .13 .09, poll-ear .08 .03,"
        "hind-dock .12 .06, dock-tail .06 .1",
    ),
    "ship": _figure(
        "keel 0 -.52, deck .04 -.08, house -.22 -.1 1.5, bridge -.22 .26, funnel -.34 .2,"
        "smoke -.38 .62, step .42 -.1 1.5, mast .42 .72 1.5",
        "keel-deck .62 .95 flat, house-bridge .38 .32 flat, funnel-smoke .11 .1 flat,"
        "step-mast .05 .04",
    ),
    "truck": _figure(
        "rear -.95 .16, wall .28 .16, cab .38 -.05, front .92 -.08, axle -.95 -.3 .5,"
        "bumper .92 -.32 .5, wheel1 -.72 -.4, wheel2 -.36 -.4, wheel3 .64 -.4, pane .64 .06 .5,"
        "post .84 .04 .5",
        "rear-wall .4 .4 flat, cab-front .29 .22 flat, axle-bumper .08 .08 flat,"
        "wheel1-wheel1 .16 .16, wheel2-wheel2 .16 .16, wheel3-wheel3 .16 .16,"
        "pane-post .11 .08 hole",
    ),
}


def draw(split: str, count: int, difficulty: Difficulty | None = None) -> Split:
    """`count` pictures of bytes; each ten hold all classes. A larger count only adds pictures."""
    knobs = difficulty or Difficulty()
    regions, names = regions_by_split()[split], np.array(region_names())
    xs, labels, groups = [], [], []
    for start in range(0, count, _CHUNK):
        rng = np.random.default_rng((_SEEDS[split], start))
        y = rng.permuted(np.arange(_CHUNK).reshape(-1, len(LABELS)) % len(LABELS), axis=1).ravel()
        drawn = rng.choice(regions, _CHUNK)
        xs.append(_pictures(y, drawn, rng, knobs))
        labels.append(y)
        groups.append(names[drawn])
        tell(f"drawing pictures ({split})", min(1.0, (start + _CHUNK) / count))
    return Split(
        np.concatenate(xs)[:count],
        np.concatenate(labels)[:count],
        np.concatenate(groups)[:count],
    )


def _pictures(
    y: NDArray[np.int64], regions: NDArray[np.int64], rng: np.random.Generator, knobs: Difficulty
) -> NDArray[np.uint8]:
    count = len(y)
    canvas = _surfaces(regions, rng, knobs)
    for _ in range(knobs.clutter):
        piece = _pieces(count, rng, 1.0, 4.0)
        canvas = _painted(
            canvas, piece * (rng.uniform(size=(count, 1, 1)) < 0.6), regions, rng, knobs
        )
    canvas = _painted(canvas, _outlines(y, rng, knobs), regions, rng, knobs)
    if knobs.occluded > 0:
        piece = _pieces(count, rng, 0.8, knobs.occluder)
        hidden = rng.uniform(size=(count, 1, 1)) < knobs.occluded
        canvas = _painted(canvas, piece * hidden, regions, rng, knobs)
    return _photographed(canvas, rng, knobs)


def _surfaces(regions: NDArray[np.int64], rng: np.random.Generator, knobs: Difficulty) -> Floats:
    """Backgrounds: a crop of the region, a pattern in two of its colours, or a mix of both."""
    photo = crops(regions, SIZE, rng)
    pattern = (patterns(len(regions), SIZE, rng)[..., np.newaxis] + 1) / 2
    low, high = (photo[:, row, row][:, np.newaxis, np.newaxis] for row in (4, SIZE - 5))
    mix = rng.choice([0.0, 0.5, 1.0], size=(len(regions), 1, 1, 1), p=[0.5, 0.25, 0.25])
    mixed = photo * (1 - mix) + (low + (high - low) * pattern) * mix
    mixed = np.asarray(mixed, np.float32)
    mean = mean_colour(mixed)
    return mean + np.float32(knobs.background) * (mixed - mean)


def _painted(
    canvas: Floats,
    cover: Floats,
    regions: NDArray[np.int64],
    rng: np.random.Generator,
    knobs: Difficulty,
) -> Floats:
    """`canvas` with the surface that `cover` (count, size, size) lets through painted over it.

    Its colour lies at a chosen distance from the canvas's mean, in a direction that stays in range.
    """
    count = len(canvas)
    mean = mean_colour(canvas)
    away = rng.normal(size=(count, 1, 1, 1)) + knobs.chroma * rng.normal(size=(count, 1, 1, 3))
    away *= rng.uniform(*knobs.contrast, (count, 1, 1, 1)) / np.linalg.norm(
        away, axis=3, keepdims=True
    )
    outside = (mean + away < 0) | (mean + away > 1)
    colour = np.clip(np.where(outside, mean - away, mean + away), 0, 1).astype(np.float32)
    tint = rng.normal(0, knobs.texture, (count, 1, 1, 1)) * rng.uniform(0.3, 1, (count, 1, 1, 3))
    detail = crops(regions, SIZE, rng)
    share = rng.uniform(0, 4 * knobs.texture, (count, 1, 1, 1)).astype(np.float32)
    pattern = patterns(count, SIZE, rng)[..., np.newaxis]
    fill = colour + tint.astype(np.float32) * pattern + share * (detail - mean_colour(detail))
    cover = cover[..., np.newaxis]
    return np.asarray(canvas * (1 - cover) + np.clip(fill, 0, 1) * cover, np.float32)


def _grid() -> tuple[Floats, Floats]:
    """Places (1, size²) of the pixels: x to the right and y up, in pixels from the middle."""
    row, column = np.mgrid[:SIZE, :SIZE].astype(np.float32).reshape(2, 1, -1)
    return column - np.float32(SIZE / 2 - 0.5), np.float32(SIZE / 2 - 0.5) - row


def _column(values: NDArray[np.float64]) -> Floats:
    return values.astype(np.float32)[:, np.newaxis]


def _distance(
    x: Floats, y: Floats, ends: NDArray[np.float64], widths: NDArray[np.float64], flat: bool
) -> Floats:
    """Signed distances (count, points), negative inside, to tapered bars, one a row.

    `ends` (count, 4) are x and y of the one end and the other, `widths` (count, 2) half widths.
    """
    x = x - _column(ends[:, 0])
    y = y - _column(ends[:, 1])
    length = np.hypot(ends[:, 2] - ends[:, 0], ends[:, 3] - ends[:, 1])
    turn = np.arctan2(ends[:, 3] - ends[:, 1], ends[:, 2] - ends[:, 0])
    cos, sin, long = _column(np.cos(turn)), _column(np.sin(turn)), _column(length)
    along, across = x * cos + y * sin, y * cos - x * sin
    inner = np.clip(along, 0, long)
    wide = _column(widths[:, 0]) + _column((widths[:, 1] - widths[:, 0]) / (length + 1e-6)) * inner
    distance: Floats = np.hypot(along - inner, across) - wide
    if flat:
        distance = np.maximum(np.abs(across) - wide, np.abs(along - long / 2) - long / 2)
    return distance


def _pieces(count: int, rng: np.random.Generator, thin: float, wide: float) -> Floats:
    """Coverage (count, size, size) by one bar each, anywhere in the picture."""
    x, y = _grid()
    start = rng.uniform(-SIZE / 2, SIZE / 2, (count, 2))
    turn, length = rng.uniform(0, 2 * np.pi, count), rng.uniform(4, SIZE, count)
    end = start + length[:, np.newaxis] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    ends, widths = np.concatenate([start, end], axis=1), rng.uniform(thin, wide, (count, 2))
    flat = rng.uniform(size=(count, 1)) < 0.5
    sharp, blunt = (_distance(x, y, ends, widths, kind) for kind in (True, False))
    return _cover(np.where(flat, sharp, blunt)).reshape(count, SIZE, SIZE)


def _cover(pixels: Floats) -> Floats:
    """How much of each pixel lies inside an outline, from its centre's signed distance."""
    return np.asarray(np.clip(0.5 - pixels, 0, 1), np.float32)


def _outlines(y: NDArray[np.int64], rng: np.random.Generator, knobs: Difficulty) -> Floats:
    """Coverage (count, size, size) by each picture's figure."""
    cover = np.empty((len(y), SIZE * SIZE), np.float32)
    for label, name in enumerate(LABELS):
        mine = np.flatnonzero(y == label)
        if len(mine):
            cover[mine] = _posed(FIGURES[name], len(mine), rng, knobs)
    return cover.reshape(-1, SIZE, SIZE)


def _posed(figure: Figure, count: int, rng: np.random.Generator, knobs: Difficulty) -> Floats:
    """Coverage (count, size²) by a figure in `count` poses and views."""
    scale = rng.uniform(*knobs.scale, count)
    x, y = _seen(scale, rng, knobs)
    stray = rng.normal(0, knobs.joints, (count, len(figure.joints), 2))
    stretch = np.exp(rng.normal(0, knobs.stretch, (count, 1, 2)))
    joints = (figure.joints[:, :2] + stray * figure.joints[:, 2:]) * stretch
    girth = np.exp(rng.normal(0, knobs.girth, (count, 1)))
    solid = np.full((count, SIZE * SIZE), SIZE, np.float32)
    cut = solid.copy()
    for ends, widths, flat, hole in zip(
        figure.ends, figure.widths, figure.flat, figure.hole, strict=True
    ):
        part = _distance(x, y, joints[:, ends].reshape(count, 4), widths * girth, flat)
        np.minimum(cut if hole else solid, part, out=cut if hole else solid)
    return _cover(np.maximum(solid, -cut) * _column(scale))


def _seen(
    scale: NDArray[np.float64], rng: np.random.Generator, knobs: Difficulty
) -> tuple[Floats, Floats]:
    """Where each pixel (count, size²) lies in its figure's plane."""
    count = len(scale)
    shift = rng.uniform(-knobs.shift, knobs.shift, (2, count))
    turn = np.deg2rad(rng.uniform(-knobs.rotation_deg, knobs.rotation_deg, count))
    shear = rng.uniform(-knobs.shear, knobs.shear, count)
    tilt = rng.uniform(-knobs.perspective, knobs.perspective, (2, count))
    phase = rng.uniform(0, 2 * np.pi, (2, count))
    mirror = rng.choice([-1.0, 1.0], count)
    x, y = _grid()
    x, y = (x - _column(shift[0])) / _column(scale), (y - _column(shift[1])) / _column(scale)
    cos, sin = _column(np.cos(turn)), _column(np.sin(turn))
    x, y = x * cos + y * sin, y * cos - x * sin
    x = x + _column(shear) * y
    depth: Floats = np.maximum(0.3, 1 + _column(tilt[0]) * x + _column(tilt[1]) * y)
    x, y = x / depth, y / depth
    warp = np.float32(knobs.warp)
    warped: Floats = x + warp * np.sin(4 * y + _column(phase[0]))
    return warped * _column(mirror), y + warp * np.sin(4 * x + _column(phase[1]))


def _photographed(canvas: Floats, rng: np.random.Generator, knobs: Difficulty) -> NDArray[np.uint8]:
    """As a camera sees it: out of focus, under- or overexposed, noisy, in eight bits."""
    per_image = (len(canvas), 1, 1, 1)
    soft = _blurred(_blurred(canvas, 1), 2)
    blur = rng.uniform(0, knobs.blur, per_image).astype(np.float32)
    seen = canvas * (1 - blur) + soft * blur
    gain, bias = rng.uniform(-knobs.light, knobs.light, (2, *per_image)).astype(np.float32)
    grain = rng.uniform(0, knobs.noise, per_image).astype(np.float32)
    grains = rng.standard_normal(canvas.shape, np.float32) * grain
    seen = (seen - 0.5) * (1 + gain) + 0.5 + bias + grains
    return np.asarray(np.rint(np.clip(seen, 0, 1) * 255), np.uint8)


def _blurred(canvas: Floats, axis: int) -> Floats:
    """A binomial of five along `axis`, edges repeated."""
    margins = [(2, 2) if number == axis else (0, 0) for number in range(canvas.ndim)]
    padded, made = np.pad(canvas, margins, mode="edge"), np.zeros_like(canvas)
    for place, weight in enumerate((1, 4, 6, 4, 1)):
        window = np.take(padded, range(place, place + SIZE), axis=axis)
        made += window * np.float32(weight / 16)
    return made
