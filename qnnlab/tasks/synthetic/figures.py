"""Parts, people put together from parts, and things that are not people made of the same parts.

A figure stands on (0, 0) and is one unit tall; x grows to the right, y downward, as in pictures.
Its parts come in members (a head, an arm, a trunk), drawn in order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Colour = tuple[float, float, float]
Point = tuple[float, float]


@dataclass(frozen=True)
class Fill:
    """What a surface looks like: two colours and the pattern that mixes them."""

    colour: Colour
    second: Colour
    pattern: Literal["plain", "stripes", "checks", "speckle"] = "plain"
    period: float = 0.05
    turn: float = 0.0


Shape = Literal["box", "ellipse"]


@dataclass(frozen=True)
class Part:
    """A rounded box (half sizes `hx`, `hy`, wider by `taper` towards +y) or an ellipse."""

    shape: Shape
    x: float
    y: float
    hx: float
    hy: float
    fill: Fill
    angle: float = 0.0
    corner: float = 0.0
    taper: float = 0.0
    alpha: float = 1.0


Member = list[Part]
Figure = list[Member]


@dataclass(frozen=True)
class Wardrobe:
    """The surfaces that a figure is made of; people and things draw from the same ones."""

    skin: Fill
    hair: Fill
    top: Fill
    bottom: Fill
    shoes: Fill

    def any(self, rng: np.random.Generator) -> Fill:
        """One of the surfaces."""
        return (self.skin, self.hair, self.top, self.bottom, self.shoes)[int(rng.integers(5))]


_SKIN = np.array([(0.95, 0.78, 0.66), (0.85, 0.62, 0.48), (0.66, 0.45, 0.32), (0.45, 0.29, 0.20)])
_HAIR = np.array([(0.08, 0.06, 0.05), (0.30, 0.18, 0.10), (0.72, 0.56, 0.32), (0.55, 0.54, 0.52)])
_CLOTH = np.array(
    [
        *((0.12, 0.13, 0.18), (0.18, 0.25, 0.45), (0.35, 0.45, 0.65), (0.85, 0.85, 0.82)),
        *((0.70, 0.15, 0.15), (0.45, 0.45, 0.47), (0.80, 0.65, 0.25), (0.20, 0.40, 0.30)),
    ]
)
_MATERIAL = np.array(
    [
        *((0.38, 0.26, 0.16), (0.62, 0.48, 0.32), (0.35, 0.36, 0.38), (0.70, 0.71, 0.72)),
        *((0.22, 0.40, 0.16), (0.45, 0.58, 0.22), (0.75, 0.20, 0.12), (0.20, 0.38, 0.60)),
    ]
)
_STRAY = 0.08  # share of surfaces of any colour at all
_PATTERNED = 0.15  # share of surfaces that are not plain


def _between(rng: np.random.Generator, colours: NDArray[np.float64]) -> Colour:
    first, second = colours[rng.integers(len(colours), size=2)]
    mixed = first + rng.random() * (second - first) + rng.normal(0.0, 0.03, 3)
    red, green, blue = np.clip(mixed, 0.0, 1.0)
    return float(red), float(green), float(blue)


def any_colour(rng: np.random.Generator) -> Colour:
    """A colour of any hue, from grey to saturated and dark to light."""
    value, grey = rng.uniform(0.12, 0.95), rng.uniform(0.1, 1.0)
    red, green, blue = value * (grey + (1.0 - grey) * rng.random(3))
    return float(red), float(green), float(blue)


def any_fill(rng: np.random.Generator, cloth: bool = False) -> Fill:
    """Wood, metal, leaf and paint, or cloth; mostly plain."""
    palette = _CLOTH if cloth else _MATERIAL
    first, second = (
        any_colour(rng) if rng.random() < _STRAY else _between(rng, palette[[index, index]])
        for index in rng.integers(len(palette), size=2)
    )
    pattern: Literal["plain", "stripes", "checks", "speckle"] = "plain"
    if rng.random() < _PATTERNED:
        pattern = ("stripes", "checks", "speckle")[int(rng.integers(3))]
    turn = float(rng.choice([0.0, math.pi / 2, rng.uniform(0.0, math.pi)]))
    return Fill(first, second, pattern, float(rng.uniform(0.03, 0.12)), turn)


def wardrobe(rng: np.random.Generator, of_a_person: bool = True) -> Wardrobe:
    """What people are made of, skin, hair and cloth, or what things are."""
    if not of_a_person:
        return Wardrobe(*(any_fill(rng) for _ in range(5)))
    skin, hair = _between(rng, _SKIN), _between(rng, _HAIR)
    top, bottom, shoes = (any_fill(rng, cloth=True) for _ in range(3))
    return Wardrobe(Fill(skin, skin), Fill(hair, hair), top, bottom, shoes)


def rod(start: Point, end: Point, radius: float, fill: Fill) -> Part:
    """A limb, post or bar with round ends."""
    across, along = end[0] - start[0], end[1] - start[1]
    return Part(
        "box",
        (start[0] + end[0]) / 2,
        (start[1] + end[1]) / 2,
        0.0,
        math.hypot(across, along) / 2,
        fill,
        angle=-math.atan2(across, along),
        corner=radius,
    )


def moved(part: Part, scale: float, x: float, y: float, turn: float = 0.0) -> Part:
    """The part scaled about the origin, turned, then shifted; a negative scale mirrors it too."""
    size, side = abs(scale), math.copysign(1.0, scale)
    px, py = part.x * scale, part.y * size
    cos, sin = math.cos(turn), math.sin(turn)
    return replace(
        part,
        x=x + px * cos - py * sin,
        y=y + px * sin + py * cos,
        hx=part.hx * size,
        hy=part.hy * size,
        corner=part.corner * size,
        angle=part.angle * side + turn,
        fill=replace(part.fill, period=part.fill.period * size),
    )


def _step(start: Point, angle: float, length: float) -> Point:
    """From `start` on by `length`; angle 0 hangs straight down, positive swings to +x."""
    return start[0] + length * math.sin(angle), start[1] + length * math.cos(angle)


@dataclass(frozen=True)
class Pose:
    """Angles of a body: trunk, then upper and lower limbs of either side; thighs as seen."""

    trunk: float
    arms: tuple[Point, Point]
    legs: tuple[Point, Point]
    thigh: float = 1.0


def _standing(rng: np.random.Generator) -> Pose:
    spread = rng.uniform(0.02, 0.25)
    arms = [rng.uniform(0.05, 0.6) for _ in range(2)]
    bend = rng.uniform(-0.2, 1.6, 2)
    return Pose(
        float(rng.normal(0.0, 0.05)),
        ((-arms[0], -arms[0] + bend[0]), (arms[1], arms[1] - bend[1])),
        ((-spread, -spread * 0.5), (spread, spread * 0.5)),
    )


def _walking(rng: np.random.Generator) -> Pose:
    stride, swing = rng.uniform(0.2, 0.65), rng.uniform(0.1, 0.8)
    bend = rng.uniform(0.0, 1.2)
    return Pose(
        float(rng.uniform(-0.2, 0.05)),
        ((swing, swing + bend), (-swing, -swing + bend)),
        ((stride, stride - rng.uniform(0.0, 0.3)), (-stride, -stride - rng.uniform(0.0, 0.9))),
    )


def _sitting(rng: np.random.Generator) -> Pose:
    if rng.random() < 0.5:
        side, reach = rng.uniform(1.1, 1.6, 2), rng.uniform(0.2, 1.2)
        shin = rng.uniform(-0.3, 0.3, 2)
        legs = ((side[0], shin[0]), (side[1], shin[1]))
        return Pose(float(rng.uniform(-0.1, 0.3)), ((reach, 1.5), (reach * 0.7, 1.3)), legs)
    spread = rng.uniform(0.1, 0.5)
    arms = ((-0.4, 0.5), (0.4, -0.5))
    return Pose(0.0, arms, ((-spread, -0.05), (spread, 0.05)), thigh=rng.uniform(0.3, 0.6))


def _arms_up(rng: np.random.Generator) -> Pose:
    pose = _standing(rng)
    up = rng.uniform(1.3, 3.0, 2)
    arms = ((-up[0], -up[0] - rng.uniform(-0.3, 0.9)), (up[1], up[1] + rng.uniform(-0.3, 0.9)))
    if rng.random() < 0.5:
        return replace(pose, arms=(pose.arms[0], arms[1]))
    return replace(pose, arms=arms)


def _bending(rng: np.random.Generator) -> Pose:
    lean, reach = rng.uniform(0.3, 0.9), rng.uniform(0.2, 1.2)
    return replace(
        _walking(rng), trunk=-float(lean), arms=((reach, reach), (reach * 0.6, reach * 0.9))
    )


_POSES: tuple[Callable[[np.random.Generator], Pose], ...] = (
    *(_standing, _standing, _walking, _walking),
    *(_sitting, _arms_up, _bending),
)


def person(rng: np.random.Generator, clothes: Wardrobe) -> Figure:
    """A person in one of the poses: legs, far arm, trunk, head, near arm."""
    pose = _POSES[int(rng.integers(len(_POSES)))](rng)
    stout, young = rng.uniform(0.8, 1.35), rng.uniform(0.95, 1.35)
    hip: Point = (0.0, -0.48)
    neck = _step(hip, math.pi + pose.trunk, 0.34)
    shoulder, pelvis = 0.115 * stout * rng.uniform(0.75, 1.1), 0.07 * stout
    bare_arms, bare_legs = rng.random() < 0.5, rng.random() < 0.35
    legs = [
        _leg((hip[0] + side * pelvis * 0.6, hip[1]), bent, pose.thigh, stout, bare_legs, clothes)
        for side, bent in zip((-1, 1), pose.legs, strict=True)
    ]
    arms = [
        _arm((neck[0] + side * shoulder, neck[1] + 0.03), bent, stout, bare_arms, clothes)
        for side, bent in zip((-1, 1), pose.arms, strict=True)
    ]
    figure = [*legs, arms[0], _trunk(rng, hip, neck, (shoulder, pelvis), clothes)]
    figure += [_head(rng, neck, pose.trunk, young, clothes), arms[1]]
    return _on_the_ground(figure)


def _leg(
    hip: Point, bent: Point, thigh: float, stout: float, bare: bool, clothes: Wardrobe
) -> Member:
    knee = _step(hip, bent[0], 0.23 * thigh)
    foot = _step(knee, bent[1], 0.22)
    thick = 0.046 * stout
    return [
        rod(knee, foot, thick * 0.75, clothes.skin if bare else clothes.bottom),
        rod(hip, knee, thick, clothes.bottom),
        rod(foot, (foot[0] + 0.035, foot[1] + 0.01), 0.026, clothes.shoes),
    ]


def _arm(shoulder: Point, bent: Point, stout: float, bare: bool, clothes: Wardrobe) -> Member:
    elbow = _step(shoulder, bent[0], 0.155)
    hand = _step(elbow, bent[1], 0.14)
    thick = 0.032 * stout
    return [
        rod(elbow, hand, thick * 0.85, clothes.skin if bare else clothes.top),
        rod(shoulder, elbow, thick, clothes.top),
        Part("ellipse", *_step(elbow, bent[1], 0.16), 0.026, 0.03, clothes.skin, angle=-bent[1]),
    ]


def _trunk(
    rng: np.random.Generator, hip: Point, neck: Point, half: Point, clothes: Wardrobe
) -> Member:
    spine = rod(hip, neck, 0.0, clothes.top)
    wide, taper = (half[0] + half[1]) / 2, (half[0] - half[1]) / (half[0] + half[1])
    trunk = replace(spine, hx=wide - 0.02, hy=spine.hy - 0.01, corner=0.035, taper=taper)
    if rng.random() < 0.25:
        hem = rng.uniform(0.12, 0.3)
        skirt = Part("box", hip[0], hip[1] + hem / 2, half[1], hem / 2 + 0.03, clothes.bottom)
        return [replace(skirt, taper=float(rng.uniform(0.1, 0.5)), corner=0.015), trunk]
    return [rod((hip[0] - 0.02, hip[1]), (hip[0] + 0.02, hip[1]), half[1], clothes.bottom), trunk]


def _head(
    rng: np.random.Generator, neck: Point, lean: float, young: float, clothes: Wardrobe
) -> Member:
    nod = lean + rng.normal(0.0, 0.12)
    centre = _step(neck, math.pi + nod, 0.10 * young)
    size = (0.052 * young * rng.uniform(0.85, 1.1), 0.066 * young)
    skull = Part("ellipse", *centre, *size, clothes.skin, angle=-nod)
    hair_at = _step(centre, math.pi + nod, size[1] * rng.uniform(0.25, 0.5))
    hair = Part("ellipse", *hair_at, size[0] * 1.1, size[1] * 0.75, clothes.hair, angle=-nod)
    head = [rod(neck, centre, 0.026, clothes.skin), skull, hair]
    style = rng.random()
    if style < 0.25:  # long hair behind the face
        behind = replace(hair, y=centre[1] + 0.02, hx=size[0] * 1.25, hy=size[1] * 1.3)
        return [behind, *head]
    if style < 0.40:  # seen from behind
        return [head[0], replace(skull, fill=clothes.hair)]
    if style < 0.55:  # a hat
        brim = replace(hair, shape="box", hx=size[0] * 1.5, hy=0.006, corner=0.006)
        return [*head, replace(hair, fill=clothes.bottom), replace(brim, fill=clothes.bottom)]
    return head


def _on_the_ground(figure: Figure) -> Figure:
    """The figure lowered or raised so that its lowest part touches y = 0."""
    low = max(
        part.y + abs(math.cos(part.angle)) * part.hy + part.corner
        for member in figure
        for part in member
    )
    return [[replace(part, y=part.y - low) for part in member] for member in figure]


def out_of_order(rng: np.random.Generator, members: Sequence[Member], spread: float) -> Figure:
    """The members of a person, each turned and shifted, so that no body is left."""
    kept = [list(member) for member in members]
    order = rng.permutation(len(kept))
    centres = [(member[0].x, member[0].y) for member in kept]
    figure: Figure = []
    for member, spot in zip(kept, order, strict=True):
        turn = rng.uniform(0.6, 2 * math.pi - 0.6)
        x = centres[spot][0] + rng.normal(0.0, spread)
        y = centres[spot][1] + rng.normal(0.0, spread)
        at_origin = [replace(p, x=p.x - member[0].x, y=p.y - member[0].y) for p in member]
        figure.append([moved(part, 1.0, x, y, turn) for part in at_origin])
    return [figure[i] for i in rng.permutation(len(figure))]
