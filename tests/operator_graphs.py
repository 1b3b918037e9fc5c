"""Random IntegerGraphs of one operator, of every kind: shapes, scales and zero points at random.

A fifth of the output scales is far from what the operator reaches, so that outputs saturate or
hardly move and multipliers are extreme.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from integer_graphs import random_weights

from qnnlab.errors import ModelFormatError
from qnnlab.graph.integer.model import Activation, IntegerGraph, Op, window

Rng = np.random.Generator

RELUS = (None, None, None, "relu", "relu6", "relu_n1_to_1")


class OneOperator:
    """The activations and operators of a graph that is one operator and its constants."""

    def __init__(self, rng: Rng, bits: int) -> None:
        self.rng, self.bits = rng, bits
        self.activations: list[Activation] = []
        self.ops: list[Op] = []

    def pick(self, low: int, high: int) -> int:
        """An integer from low to high, both included."""
        return int(self.rng.integers(low, high + 1))

    def image(self, most: int = 9) -> tuple[int, int, int]:
        return self.pick(1, most), self.pick(1, most), self.pick(1, 6)

    def shape(self) -> tuple[int, ...]:
        return tuple(self.pick(1, 5) for _ in range(self.pick(1, 3)))

    def zero_point(self) -> int:
        if self.bits > 8:
            return 0
        if self.rng.random() < 0.2:
            return int(self.rng.choice([-128, 127]))
        return self.pick(-128, 127)

    def scale(self) -> float:
        return float(2.0 ** self.rng.uniform(-9, 1) * 2.0 ** (8 - self.bits))

    def new(
        self, shape: tuple[int, ...], scale: float | None = None, zero_point: int | None = None
    ) -> int:
        scale = self.scale() if scale is None else scale
        zero_point = self.zero_point() if zero_point is None else zero_point
        name = f"a{len(self.activations)}"
        self.activations.append(Activation(name, shape, self.bits, scale, zero_point))
        return len(self.activations) - 1

    def like(self, shape: tuple[int, ...], source: int = 0) -> int:
        """A new activation that means the same as the source."""
        before = self.activations[source]
        return self.new(shape, before.scale, before.zero_point)

    def target_scale(self, reach: float) -> float:
        """A scale whose codes cover `reach`, or in one of five cases another one."""
        scale = max(reach, 1e-9) / 2 ** (self.bits - 1)
        if self.rng.random() < 0.2:
            return float(scale * 2.0 ** self.rng.uniform(-6, 8))
        return float(scale * self.rng.uniform(0.4, 1.6))

    def reach(self, index: int = 0) -> float:
        return self.activations[index].scale * 2 ** (self.bits - 1)

    def constant(self, shape: tuple[int, ...]) -> int:
        place = self.new(shape)
        low, high = self.activations[place].code_low, self.activations[place].code_high
        codes = self.rng.integers(low, high + 1, shape).astype(np.int16)
        self.ops.append(Op(f"c{place}", "constant", (), place, constant=codes))
        return place

    def append(self, kind: str, sources: tuple[int, ...], output: int, **parts: Any) -> None:
        self.ops.append(Op(f"op_{kind}", kind, sources, output, **parts))

    def relu(self) -> str | None:
        return RELUS[self.pick(0, len(RELUS) - 1)]

    def graph(self) -> IntegerGraph:
        made = IntegerGraph("one", tuple(self.activations), tuple(self.ops), 0, self.ops[-1].output)
        return made.check()

    def weighted(self, kind: str, shape: tuple[int, ...], weights: Any, **attributes: Any) -> None:
        values = weights.values().astype(float)
        taps = values.size / weights.scale.size if weights.scale.size > 1 else values[0].size
        real = np.abs(values).mean() * float(weights.scale.mean())
        scale = self.target_scale(max(real, 1e-6) * self.reach() * math.sqrt(max(taps, 1)))
        channels = weights.codes.shape[3 if kind == "depthwise" else 0]
        size = 2 ** (self.bits + 5)
        bias = self.rng.integers(-size, size, channels) if self.rng.random() < 0.8 else None
        self.append(
            kind,
            (0,),
            self.new(shape, scale),
            weights=weights,
            bias=bias,
            relu=None if kind == "transpose_conv" else self.relu(),
            attributes=attributes,
        )

    def place(self, extents: tuple[int, ...], dilate: bool) -> tuple[Any, dict[str, Any], Any]:
        padding = ("same", "valid")[self.pick(0, 1)]
        size = tuple(self.pick(1, min(4, e)) for e in extents)
        strides = (self.pick(1, 3), self.pick(1, 3))
        attributes: dict[str, Any] = {"strides": strides, "padding": padding}
        apart = (1, 1)
        if dilate and self.rng.random() < 0.3:
            apart = (self.pick(1, 2), self.pick(1, 2))
            attributes["dilations"] = apart
        where = tuple(
            window(e, (k - 1) * d + 1, s, padding)[0]
            for e, k, s, d in zip(extents, size, strides, apart, strict=True)
        )
        return size, attributes, where


def _conv(one: OneOperator) -> None:
    rows, columns, _ = one.image()
    groups, depth = one.pick(1, 2), one.pick(1, 5)
    one.new((rows, columns, groups * depth))
    size, attributes, where = one.place((rows, columns), True)
    channels = groups * one.pick(1, 5)
    weights = random_weights(one.rng, (channels, *size, depth), 8, 0, one.rng.random() < 0.7)
    one.weighted("conv", (*where, channels), weights, **attributes)


def _depthwise(one: OneOperator) -> None:
    rows, columns, depth = one.image()
    one.new((rows, columns, depth))
    size, attributes, where = one.place((rows, columns), True)
    channels = depth * one.pick(1, 2)
    weights = random_weights(one.rng, (1, *size, channels), 8, 3, one.rng.random() < 0.7)
    one.weighted("depthwise", (*where, channels), weights, **attributes)


def _dense(one: OneOperator) -> None:
    rows, depth, channels = one.pick(1, 3), one.pick(1, 40), one.pick(1, 12)
    lead = () if rows == 1 else (rows,)
    one.new((*lead, depth))
    per_channel = one.rng.random() < 0.5
    weights = random_weights(one.rng, (channels, depth), 8, 0, per_channel)
    one.weighted("dense", (*lead, channels), weights)


def _transpose_conv(one: OneOperator) -> None:
    rows, columns, depth = one.image(5)
    one.new((rows, columns, depth))
    size = (one.pick(1, 4), one.pick(1, 4))
    strides = (one.pick(1, 3), one.pick(1, 3))
    padding = ("same", "valid")[one.pick(0, 1)]
    shape = tuple(
        extent * stride if padding == "same" else (extent - 1) * stride + taps
        for extent, stride, taps in zip((rows, columns), strides, size, strict=True)
    )
    channels = one.pick(1, 4)
    weights = random_weights(one.rng, (channels, *size, depth), 8, 0, one.rng.random() < 0.7)
    one.weighted("transpose_conv", (*shape, channels), weights, strides=strides, padding=padding)


def _second(one: OneOperator, shape: tuple[int, ...]) -> int:
    """The other operand: the input itself, a constant like it or one that is broadcast."""
    draw = one.rng.random()
    if draw < 0.2:
        return 0
    kept = tuple(extent if one.rng.random() < 0.6 else 1 for extent in shape)
    return one.constant(shape if draw < 0.5 else kept)


def _sum_like(kind: str) -> Callable[[OneOperator], None]:
    def build(one: OneOperator) -> None:
        shape = one.shape()
        one.new(shape)
        other = _second(one, shape)
        reach = one.reach() + one.reach(other)
        if kind == "mul":
            reach = one.reach() * one.reach(other)
        sources = (0, other) if one.rng.random() < 0.5 else (other, 0)
        output = one.new(shape, one.target_scale(reach))
        one.append(kind, sources, output, relu=one.relu())

    return build


def _extreme(kind: str) -> Callable[[OneOperator], None]:
    def build(one: OneOperator) -> None:
        shape = one.shape()
        source = one.new(shape)
        other = one.constant(shape)
        before = one.activations[source]
        one.activations[other] = Activation(
            "other", shape, one.bits, before.scale, before.zero_point
        )
        one.append(kind, (0, other), one.like(shape))

    return build


def _pool(kind: str) -> Callable[[OneOperator], None]:
    def build(one: OneOperator) -> None:
        rows, columns, depth = one.image()
        one.new((rows, columns, depth))
        size, attributes, where = one.place((rows, columns), False)
        output = one.like((*where, depth))
        one.append(kind, (0,), output, relu=one.relu(), attributes={**attributes, "pool": size})

    return build


def _reduced(kind: str) -> Callable[[OneOperator], None]:
    def build(one: OneOperator) -> None:
        shape = one.image()
        one.new(shape)
        count = one.pick(1, 3)
        axes = tuple(sorted(int(a) for a in one.rng.choice(3, count, replace=False)))
        if kind == "mean" and one.rng.random() < 0.4:
            axes = (0, 1)
        keep = one.rng.random() < 0.5
        left = tuple(1 if axis in axes else e for axis, e in enumerate(shape))
        made = left if keep else tuple(e for a, e in enumerate(shape) if a not in axes) or (1,)
        taken = math.prod(shape[axis] for axis in axes)
        if kind == "reduce_max" or one.rng.random() < 0.2:
            output = one.like(made)
        else:
            reach = one.reach() * (taken if kind == "sum" else 1)
            output = one.new(made, one.target_scale(reach))
        one.append(kind, (0,), output, attributes={"axes": axes})

    return build


def _reshape(one: OneOperator) -> None:
    shape = one.shape()
    one.new(shape)
    one.append("reshape", (0,), one.like((math.prod(shape),)))


def _transpose(one: OneOperator) -> None:
    shape = one.image()
    one.new(shape)
    order = tuple(int(axis) for axis in one.rng.permutation(3))
    one.append(
        "transpose", (0,), one.like(tuple(shape[a] for a in order)), attributes={"order": order}
    )


def _pad(one: OneOperator) -> None:
    shape = one.image(5)
    source = one.new(shape)
    mode = ("constant", "constant", "reflect", "symmetric")[one.pick(0, 3 if one.bits == 8 else 1)]
    most = [{"constant": 3, "reflect": e - 1, "symmetric": e}[mode] for e in shape]
    before, after = (tuple(one.pick(0, m) for m in most) for _ in range(2))
    made = tuple(b + e + a for b, e, a in zip(before, shape, after, strict=True))
    value = (one.activations[source].zero_point,)
    attributes = {"before": before, "after": after, "value": value, "mode": mode}
    one.append("pad", (0,), one.like(made), attributes=attributes)


def _slice(one: OneOperator) -> None:
    shape = one.image()
    one.new(shape)
    begin, size, step = [], [], []
    for extent in shape:
        stride = one.pick(1, 2) * (1 if one.rng.random() < 0.7 else -1)
        start = one.pick(0, extent - 1)
        room = extent - 1 - start if stride > 0 else start
        begin.append(start)
        step.append(stride)
        size.append(one.pick(1, room // abs(stride) + 1))
    attributes = {"begin": tuple(begin), "size": tuple(size), "step": tuple(step)}
    one.append("slice", (0,), one.like(tuple(size)), attributes=attributes)


def _concat(one: OneOperator) -> None:
    shape = one.image(5)
    one.new(shape)
    axis = one.pick(0, 2)
    count = one.pick(1, 4)
    made = tuple(e * count if a == axis else e for a, e in enumerate(shape))
    one.append("concat", (0,) * count, one.like(made), attributes={"axis": (axis,)})


def _space_to_depth(one: OneOperator) -> None:
    block = one.pick(1, 3)
    rows, columns, depth = one.image(3)
    one.new((rows * block, columns * block, depth))
    made = (rows, columns, depth * block**2)
    one.append("space_to_depth", (0,), one.like(made), attributes={"block": (block,)})


def _depth_to_space(one: OneOperator) -> None:
    block = one.pick(1, 3)
    rows, columns, depth = one.image(3)
    one.new((rows, columns, depth * block**2))
    made = (rows * block, columns * block, depth)
    one.append("depth_to_space", (0,), one.like(made), attributes={"block": (block,)})


def _resize(kind: str) -> Callable[[OneOperator], None]:
    def build(one: OneOperator) -> None:
        rows, columns, depth = one.image(6)
        one.new((rows, columns, depth))
        flags = ((0, 0), (1, 0), (0, 1))[one.pick(0, 2)]
        attributes = {"align_corners": (flags[0],), "half_pixel_centers": (flags[1],)}
        output = one.like((one.pick(1, 12), one.pick(1, 12), depth))
        one.append(kind, (0,), output, attributes=attributes)

    return build


def _requantize(one: OneOperator) -> None:
    shape = one.shape()
    one.new(shape)
    relu = ("relu", None)[one.pick(0, 1)]
    one.append("requantize", (0,), one.new(shape, one.target_scale(one.reach())), relu=relu)


def _clip(one: OneOperator) -> None:
    shape = one.shape()
    one.new(shape)
    output = (
        one.like(shape) if one.rng.random() < 0.5 else one.new(shape, one.target_scale(one.reach()))
    )
    one.append("clip", (0,), output, relu="relu6")


def _leaky_relu(one: OneOperator) -> None:
    shape = one.shape()
    one.new(shape)
    alpha = float(np.float32(one.rng.uniform(0, 1.5)))
    output = one.new(shape, one.target_scale(one.reach()))
    one.append("leaky_relu", (0,), output, attributes={"alpha": alpha})


def _prelu(one: OneOperator) -> None:
    shape = one.image(5)
    one.new(shape)
    slopes = one.constant((1, 1, shape[2]))
    one.append("prelu", (0, slopes), one.new(shape, one.target_scale(one.reach())))


def _hard_swish(one: OneOperator) -> None:
    shape = one.shape()
    one.new(shape)
    one.append("hard_swish", (0,), one.new(shape, one.target_scale(one.reach())))


def _curve(kind: str) -> Callable[[OneOperator], None]:
    def build(one: OneOperator) -> None:
        shape = one.shape()
        scale = float(2.0 ** one.rng.uniform(-8, 0) * 2.0 ** (8 - one.bits))
        if one.rng.random() < 0.2:
            scale = 2.0 ** -one.pick(8, 12) if one.bits > 8 else 2.0 ** -one.pick(3, 6)
        one.new(shape, scale)
        if one.bits > 8:
            output = one.new(shape, 2.0**-15, 0)
        elif kind == "tanh":
            output = one.new(shape, 2.0**-7, 0)
        else:
            output = one.new(shape, 2.0**-8, -128)
        beta = {"beta": float(one.rng.choice([1.0, 0.5, 2.0]))} if kind == "softmax" else {}
        one.append(kind, (0,), output, attributes=beta)

    return build


BUILDERS: Mapping[str, Callable[[OneOperator], None]] = {
    "conv": _conv,
    "depthwise": _depthwise,
    "dense": _dense,
    "transpose_conv": _transpose_conv,
    **{kind: _sum_like(kind) for kind in ("add", "sub", "mul")},
    **{kind: _extreme(kind) for kind in ("maximum", "minimum")},
    **{kind: _pool(kind) for kind in ("average_pool", "max_pool")},
    **{kind: _reduced(kind) for kind in ("mean", "sum", "reduce_max")},
    "reshape": _reshape,
    "transpose": _transpose,
    "pad": _pad,
    "slice": _slice,
    "concat": _concat,
    "space_to_depth": _space_to_depth,
    "depth_to_space": _depth_to_space,
    **{kind: _resize(kind) for kind in ("resize_nearest", "resize_bilinear")},
    "requantize": _requantize,
    "clip": _clip,
    "leaky_relu": _leaky_relu,
    "prelu": _prelu,
    "hard_swish": _hard_swish,
    **{kind: _curve(kind) for kind in ("logistic", "tanh", "softmax")},
}

#: Kinds that TFLite Micro has no int16 kernel for.
NARROW_ONLY = (
    "depth_to_space",
    "hard_swish",
    "prelu",
    "reduce_max",
    "resize_bilinear",
    "space_to_depth",
)


def operator_graph(rng: Rng, kind: str, bits: int = 8) -> IntegerGraph:
    """A random graph of one operator of `kind`."""
    for _ in range(100):
        one = OneOperator(rng, bits)
        try:
            BUILDERS[kind](one)
            return one.graph()
        except ModelFormatError:
            # Scales so far apart that no runtime could compute it: another draw.
            continue
    raise AssertionError(f"no graph of {kind} can be drawn")
