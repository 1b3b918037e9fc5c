"""Things that are not people, of the parts and surfaces that people are made of.

Each is a figure as in `figures`: it stands on (0, 0) and is about one unit tall.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from qnnlab.tasks.synthetic.figures import (
    Figure,
    Fill,
    Member,
    Part,
    Shape,
    Wardrobe,
    any_colour,
    rod,
)


def lamp_post(rng: np.random.Generator, clothes: Wardrobe) -> Figure:
    """A pole with a lamp, a sign or a ball where a head would be."""
    fill, head = clothes.any(rng), clothes.any(rng)
    reach = float(rng.choice([0.0, 0.0, rng.uniform(-0.2, 0.2)]))
    pole = rod((0.0, 0.0), (0.0, -0.88), rng.uniform(0.01, 0.03), fill)
    arm = rod((0.0, -0.88), (reach, -0.9), 0.015, fill)
    shape: Shape = "ellipse" if rng.random() < 0.6 else "box"
    size = rng.uniform(0.05, 0.12, 2)
    lamp = Part(shape, reach, -0.92, size[0], size[1], head)
    foot = Part("box", 0.0, -0.03, 0.05, 0.03, fill, taper=0.3)
    return [[pole, arm, foot], [lamp]]


def tree(rng: np.random.Generator, clothes: Wardrobe) -> Figure:
    """A trunk with boughs and a crown, or bare."""
    bark, leaf = clothes.any(rng), replace(clothes.top, pattern="speckle")
    if rng.random() < 0.6:
        green = (0.25, float(rng.uniform(0.3, 0.6)), 0.15)
        leaf = Fill(green, any_colour(rng), "speckle", 0.03)
    fork = -rng.uniform(0.35, 0.6)
    member = [rod((0.0, 0.0), (rng.normal(0.0, 0.03), fork), rng.uniform(0.025, 0.06), bark)]
    crown: Member = []
    for _ in range(int(rng.integers(3, 6))):
        end = (float(rng.normal(0.0, 0.18)), fork - float(rng.uniform(0.1, 0.4)))
        member.append(rod((0.0, fork), end, 0.02, bark))
        wide, high = rng.uniform(0.08, 0.2, 2)
        crown.append(Part("ellipse", end[0], end[1], wide, high, leaf))
    return [member, crown if rng.random() < 0.7 else []]


def coat_rack(rng: np.random.Generator, clothes: Wardrobe) -> Figure:
    """A stand that carries a coat and sometimes a hat above it."""
    wood = clothes.any(rng)
    stand = [rod((0.0, 0.0), (0.0, -0.95), 0.014, wood), rod((-0.1, -0.9), (0.1, -0.9), 0.01, wood)]
    stand += [rod((0.0, -0.08), (side * 0.14, 0.0), 0.012, wood) for side in (-1, 1)]
    drop = rng.uniform(0.25, 0.45)
    coat = [Part("box", 0.0, -0.86 + drop / 2, 0.09, drop / 2, clothes.top, corner=0.03, taper=0.2)]
    sleeve = [rng.uniform(0.0, 0.15), rng.uniform(0.2, 0.35)]
    coat += [
        rod((s * 0.1, -0.84), (s * (0.12 + sleeve[0]), -0.84 + sleeve[1]), 0.03, clothes.top)
        for s in (-1, 1)
    ]
    hat = Part("ellipse", float(rng.normal(0, 0.06)), -0.95, 0.08, 0.035, clothes.bottom)
    return [stand, coat, [hat] if rng.random() < 0.5 else []]


def crossed_posts(rng: np.random.Generator, clothes: Wardrobe) -> Figure:
    """A scarecrow's cross: post and bar, with a shirt or bare, and no head."""
    wood, height = clothes.any(rng), rng.uniform(0.6, 0.8)
    tilt = rng.normal(0.0, 0.1)
    frame = [
        rod((0.0, 0.0), (0.0, -1.0), 0.02, wood),
        rod((-0.32, -height - tilt), (0.32, -height + tilt), 0.02, wood),
    ]
    if rng.random() < 0.35:
        return [frame]
    shirt = [Part("box", 0.0, -height + 0.13, 0.07, 0.14, clothes.top, corner=0.03)]
    shirt += [
        rod((s * 0.06, -height + s * tilt * 0.2), (s * 0.24, -height + s * tilt * 0.75), 0.035, f)
        for s, f in ((-1, clothes.top), (1, clothes.top))
    ]
    return [frame, shirt]


def seat(rng: np.random.Generator, clothes: Wardrobe) -> Figure:
    """A chair or stool, with or without a back."""
    wood, cloth = clothes.any(rng), clothes.any(rng)
    wide, high = rng.uniform(0.2, 0.35), rng.uniform(0.4, 0.55)
    legs = [rod((x, 0.0), (x * 0.9, -high), 0.025, wood) for x in (-wide, -wide * 0.6, wide)]
    top = [Part("box", 0.0, -high, wide, 0.03, cloth, corner=0.02)]
    side = float(rng.choice([-1.0, 1.0]))
    back = [Part("box", side * wide, -high - 0.24, 0.03, 0.22, cloth, corner=0.02)]
    if rng.random() < 0.4:
        back = [Part("box", 0.0, -high - 0.24, wide * 0.8, 0.2, cloth, corner=0.04)]
    return [legs, back if rng.random() < 0.8 else [], top]


def animal(rng: np.random.Generator, clothes: Wardrobe) -> Figure:
    """Four legs, a level body, neck, head and tail: a dog, a sheep, a horse."""
    coat, side = clothes.any(rng), float(rng.choice([-1.0, 1.0]))
    long, legs = rng.uniform(0.22, 0.4), rng.uniform(0.25, 0.5)
    thick = rng.uniform(0.09, 0.16)
    feet = []
    for x in (-long, -long * 0.8, long * 0.8, long):
        swing = rng.normal(0.0, 0.08)
        feet.append(rod((x + swing, 0.0), (x, -legs - thick * 0.4), 0.03, coat))
    body = [Part("box", 0.0, -legs - thick * 0.7, long, 0.02, coat, corner=thick)]
    up = rng.uniform(0.05, 0.3)
    head_at = (side * (long + 0.15), -legs - thick - up)
    neck = rod((side * long, -legs - thick * 0.8), head_at, thick * 0.5, coat)
    head = Part("ellipse", head_at[0] + side * 0.05, head_at[1], 0.1, 0.06, coat, angle=side * 0.4)
    tail = rod(
        (-side * long, -legs - thick),
        (-side * (long + 0.2), -legs - rng.uniform(0, 0.3)),
        0.02,
        coat,
    )
    return [feet, [tail, *body], [neck, head]]


def vehicle(rng: np.random.Generator, clothes: Wardrobe) -> Figure:
    """A car from the side."""
    paint, dark = clothes.any(rng), Fill((0.1, 0.1, 0.12), (0.2, 0.2, 0.2))
    glass = Fill((0.55, 0.65, 0.75), (0.3, 0.4, 0.5))
    body = [
        Part("box", 0.0, -0.3, 0.75, 0.12, paint, corner=0.06),
        Part("box", 0.05, -0.55, 0.36, 0.14, paint, corner=0.04, taper=0.3),
        Part("box", 0.05, -0.55, 0.3, 0.09, glass, taper=0.3),
    ]
    wheels = [Part("ellipse", x, -0.14, 0.15, 0.15, dark) for x in (-0.45, 0.45)]
    return [body, wheels]


def pedestal(rng: np.random.Generator, clothes: Wardrobe) -> Figure:
    """A plinth with a ball, a vase or a block on it."""
    stone, top = clothes.any(rng), clothes.any(rng)
    wide, high = rng.uniform(0.08, 0.2), rng.uniform(0.4, 0.75)
    plinth = [
        Part("box", 0.0, -high / 2, wide, high / 2, stone, taper=float(rng.uniform(-0.3, 0.4))),
        Part("box", 0.0, -high, wide * 1.2, 0.025, stone),
        Part("box", 0.0, -0.03, wide * 1.3, 0.03, stone),
    ]
    size = rng.uniform(0.05, 0.13, 2)
    crown = [Part("ellipse", 0.0, -high - size[1], size[0], size[1], top)]
    if rng.random() < 0.5:
        neck = Part("box", 0.0, -high - size[1] * 2, size[0] * 0.4, 0.06, top, corner=0.01)
        crown.append(neck)
    return [plinth, crown]


def washing_line(rng: np.random.Generator, clothes: Wardrobe) -> Figure:
    """Two posts and a line with shirts, trousers and skirts on it."""
    wood, wide = clothes.any(rng), rng.uniform(0.4, 0.7)
    frame = [rod((s * wide, 0.0), (s * wide, -0.95), 0.015, wood) for s in (-1, 1)]
    frame.append(rod((-wide, -0.92), (wide, -0.92), 0.006, wood))
    members: Figure = [frame]
    for x in np.arange(-wide + 0.15, wide - 0.1, 0.3):
        kind, fill = rng.random(), clothes.any(rng)
        if kind < 0.4:
            members.append(
                [rod((x + s * 0.04, -0.9), (x + s * 0.07, -0.5), 0.04, fill) for s in (-1, 1)]
            )
        elif kind < 0.75:
            shirt = [Part("box", x, -0.74, 0.07, 0.13, fill, corner=0.03)]
            shirt += [
                rod((x + s * 0.07, -0.86), (x + s * 0.13, -0.62), 0.03, fill) for s in (-1, 1)
            ]
            members.append(shirt)
        else:
            members.append([Part("box", x, -0.75, 0.08, 0.16, fill, taper=0.4, corner=0.01)])
    return members


def ladder(rng: np.random.Generator, clothes: Wardrobe) -> Figure:
    """Two leaning rails with rungs, or a tripod."""
    wood, lean = clothes.any(rng), rng.uniform(0.05, 0.25)
    thick = rng.uniform(0.015, 0.04)
    if rng.random() < 0.5:
        spread = (-0.25, rng.uniform(-0.1, 0.1), 0.25)
        tripod = [rod((x, 0.0), (0.0, -0.85), thick, wood) for x in spread]
        wide, high = rng.uniform(0.05, 0.12, 2)
        box = Part("box", 0.0, -0.9, wide, high, clothes.any(rng), corner=0.01)
        return [tripod, [box]]
    rails = [rod((x, 0.0), (x + lean, -1.0), thick, wood) for x in (-0.12, 0.12)]
    rails += [
        rod((-0.12 + lean * h, -h), (0.12 + lean * h, -h), thick * 0.7, wood)
        for h in (0.2, 0.4, 0.6, 0.8)
    ]
    return [rails]


def vessel(rng: np.random.Generator, clothes: Wardrobe) -> Figure:
    """A bottle, a hydrant or a skittle: a body, a neck and a knob."""
    fill, knob = clothes.any(rng), clothes.any(rng)
    wide, high = rng.uniform(0.1, 0.2), rng.uniform(0.45, 0.65)
    body = Part("box", 0.0, -high / 2, wide - 0.03, high / 2 - 0.03, fill, corner=0.03)
    neck = rod((0.0, -high), (0.0, -0.85), rng.uniform(0.03, 0.07), fill)
    top = Part("ellipse", 0.0, -0.9, rng.uniform(0.04, 0.1), rng.uniform(0.04, 0.1), knob)
    handles = [
        rod((s * wide, -high * 0.8), (s * wide * 1.7, -high * 0.8), 0.04, fill) for s in (-1, 1)
    ]
    return [[neck, body], handles if rng.random() < 0.5 else [], [top]]


def balloons(rng: np.random.Generator, clothes: Wardrobe) -> Figure:
    """A bunch of balloons on strings."""
    members: Figure = []
    for _ in range(int(rng.integers(1, 5))):
        at = (float(rng.normal(0.0, 0.18)), -float(rng.uniform(0.6, 0.95)))
        string = rod((0.0, 0.0), at, 0.006, clothes.shoes)
        members.append([string, Part("ellipse", *at, 0.08, 0.1, clothes.any(rng))])
    return members


THINGS: tuple[Callable[[np.random.Generator, Wardrobe], Figure], ...] = (
    *(lamp_post, tree, coat_rack, crossed_posts, seat, animal, vehicle),
    *(pedestal, washing_line, ladder, vessel, balloons),
)
