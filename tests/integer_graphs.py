"""Random IntegerGraphs whose outputs spread over their codes."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.graph.integer.execute import run_layers
from qnnlab.graph.integer.model import Activation, IntegerGraph, Op, Weights, window

Rng = np.random.Generator


def random_weights(
    rng: Rng, shape: tuple[int, ...], bits: int, axis: int, per_channel: bool
) -> Weights:
    """Weights of `bits`; 1 bit is the codebook (−1, 1), and now and then 2 bits a ternary one."""
    count = shape[axis] if per_channel else 1
    scale = rng.uniform(0.5, 2.0, count).astype(np.float32) / np.float32(2**bits)
    book = None
    if bits == 1:
        book = np.array([-1, 1], np.int8)
    elif bits == 2 and rng.random() < 0.3:
        book = np.array([0, 1, -1, 0], np.int8)
    if book is not None:
        return Weights(rng.integers(0, 2**bits, shape).astype(np.uint8), bits, scale, book)
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1)
    return Weights(rng.integers(low, high, shape).astype(np.int8), bits, scale)


class Chain:
    """A graph that grows by one random layer at a time."""

    def __init__(self, rng: Rng, bits: int, shape: tuple[int, ...], weight_bits: int = 8) -> None:
        self.rng, self.bits, self.weight_bits = rng, bits, weight_bits
        self.activations: list[Activation] = []
        self.ops: list[Op] = []
        self.new(shape, float(rng.uniform(0.01, 0.1)) * self._unit())

    def _unit(self) -> float:
        """Keeps real values alike whatever the width."""
        return 2.0 ** (8 - self.bits)

    def new(self, shape: tuple[int, ...], scale: float, bits: int | None = None) -> int:
        """Append an activation with a random zero point, mostly not a high one; its index."""
        bits = self.bits if bits is None else bits
        half = 2 ** (bits - 1)
        top = half if self.rng.random() < 0.2 else 1
        zero_point = 0 if bits > 8 else int(self.rng.integers(-half, top))
        name = f"a{len(self.activations)}"
        self.activations.append(Activation(name, shape, bits, scale, zero_point))
        return len(self.activations) - 1

    @property
    def last(self) -> Activation:
        return self.activations[-1]

    def _relu(self) -> str | None:
        return (None, None, None, "relu", "relu6")[int(self.rng.integers(5))]

    def _append(self, kind: str, output: int, **parts: Any) -> None:
        inputs = parts.pop("inputs", (output - 1,))
        self.ops.append(Op(f"{kind}{len(self.ops)}", kind, inputs, output, **parts))

    def weighted(
        self, kind: str, weights: Weights, depth: int, shape: tuple[int, ...], **attributes: Any
    ) -> None:
        """A layer whose output scale covers what its accumulators reach."""
        rng, source = self.rng, self.last
        reach = np.abs(weights.values().astype(float)).mean() * float(weights.scale.mean())
        spread = max(reach, 1e-3) * source.scale * 2 ** (source.bits - 1) * math.sqrt(depth)
        scale = spread * float(rng.uniform(0.5, 1.5)) / 2 ** (self.bits - 1)
        channels = weights.codes.shape[3 if kind == "depthwise" else 0]
        size = 2 ** (self.bits + self.weight_bits - 3)
        bias = rng.integers(-size, size, channels) if rng.random() < 0.8 else None
        output = self.new(shape, scale)
        self._append(
            kind, output, weights=weights, bias=bias, relu=self._relu(), attributes=attributes
        )

    def _place(self, largest: int) -> tuple[tuple[int, int], tuple[int, int], str, tuple[int, int]]:
        """Window, strides, padding and output extents that fit the last activation."""
        rng, extents = self.rng, self.last.shape[:2]
        padding = ("same", "valid")[int(rng.integers(2))]
        size = tuple(int(rng.integers(1, min(largest, extent) + 1)) for extent in extents)
        strides = tuple(int(rng.integers(1, 4)) for _ in extents)
        place = tuple(
            window(e, k, s, padding)[0] for e, k, s in zip(extents, size, strides, strict=True)
        )
        return size, strides, padding, place

    def conv(self) -> None:
        size, strides, padding, place = self._place(5)
        channels, depth = int(self.rng.integers(1, 9)), self.last.shape[2]
        weights = random_weights(
            self.rng, (channels, *size, depth), self.weight_bits, 0, self.rng.random() < 0.7
        )
        self.weighted(
            "conv",
            weights,
            depth * math.prod(size),
            (*place, channels),
            strides=strides,
            padding=padding,
        )

    def depthwise(self) -> None:
        size, strides, padding, place = self._place(5)
        channels = self.last.shape[2] * int(self.rng.integers(1, 3))
        weights = random_weights(
            self.rng, (1, *size, channels), self.weight_bits, 3, self.rng.random() < 0.7
        )
        self.weighted(
            "depthwise",
            weights,
            math.prod(size),
            (*place, channels),
            strides=strides,
            padding=padding,
        )

    def dense(self, per_channel: bool | None = None) -> None:
        if len(self.last.shape) > 1:
            self.reshape((math.prod(self.last.shape),))
        channels, depth = int(self.rng.integers(1, 17)), self.last.shape[0]
        if per_channel is None:
            per_channel = self.bits <= 8 and bool(self.rng.random() < 0.5)
        weights = random_weights(self.rng, (channels, depth), self.weight_bits, 0, per_channel)
        self.weighted("dense", weights, depth, (channels,))

    def pool(self, kind: str) -> None:
        size, strides, padding, place = self._place(6)
        output = self.new((*place, self.last.shape[2]), self.last.scale)
        self._keep(output)
        attributes = {"pool": size, "strides": strides, "padding": padding}
        self._append(kind, output, relu=self._relu(), attributes=attributes)

    def average_pool(self) -> None:
        self.pool("average_pool")

    def max_pool(self) -> None:
        self.pool("max_pool")

    def reshape(self, shape: tuple[int, ...]) -> None:
        output = self.new(shape, self.last.scale)
        self._keep(output)
        self._append("reshape", output)

    def _keep(self, output: int) -> None:
        source = self.activations[output - 1]
        self.activations[output] = replace(
            self.activations[output],
            scale=source.scale,
            zero_point=source.zero_point,
            bits=source.bits,
        )

    def requantize(self, bits: int | None = None) -> None:
        before = self.bits
        self.bits = self.bits if bits is None else bits
        factor = float(self.rng.uniform(0.3, 3)) * 2.0 ** (before - self.bits)
        output = self.new(self.last.shape, self.last.scale * factor)
        self._append("requantize", output)

    def add(self) -> None:
        """The last activation plus the latest other one of its shape, or plus itself."""
        last = len(self.activations) - 1
        like = [i for i in range(last) if self._alike(i)]
        other = like[-1] if like else last
        scale = max(self.activations[i].scale for i in (last, other)) * float(
            self.rng.uniform(0.5, 3)
        )
        output = self.new(self.last.shape, scale)
        inputs = (other, last) if self.rng.random() < 0.5 else (last, other)
        self._append("add", output, inputs=inputs, relu=self._relu())

    def _alike(self, index: int) -> bool:
        return (self.activations[index].shape, self.activations[index].wide) == (
            self.last.shape,
            self.last.wide,
        )

    def graph(self) -> IntegerGraph:
        return IntegerGraph(
            "random", tuple(self.activations), tuple(self.ops), 0, len(self.activations) - 1
        ).check()


def random_codes(rng: Rng, graph: IntegerGraph, samples: int) -> NDArray[Any]:
    """Input codes over the whole range, its ends included."""
    source = graph.activations[graph.input]
    codes = rng.integers(source.code_low, source.code_high + 1, (samples, *source.shape))
    codes[0], codes[1] = source.code_low, source.code_high
    return codes.astype(source.dtype)


def random_graph(
    rng: Rng, kinds: tuple[str, ...], bits: int = 8, weight_bits: int = 8
) -> IntegerGraph:
    """A chain of layers of these kinds over a random input image."""
    shape = (int(rng.integers(1, 13)), int(rng.integers(1, 13)), int(rng.integers(1, 7)))
    chain = Chain(rng, bits, shape, weight_bits)
    for kind in kinds:
        getattr(chain, kind)()
    return chain.graph()


def lively(graph: IntegerGraph, codes: NDArray[Any]) -> IntegerGraph:
    """`graph` with the last activation as its output that takes more than a few values.

    Deep random chains now and then saturate; a constant output would compare equal to anything.
    """
    layers = run_layers(graph, codes)
    spread = [i for i in range(1, len(layers)) if len(np.unique(layers[i])) > 8]
    return replace(graph, output=spread[-1])


IMAGE_KINDS = ("conv", "depthwise", "add", "average_pool", "max_pool", "requantize")


def random_chain(rng: Rng, bits: int, weight_bits: int) -> IntegerGraph:
    """Two to six layers of any kind and a dense one."""
    kinds = rng.choice(IMAGE_KINDS, rng.integers(2, 7))
    return random_graph(rng, (*map(str, kinds), "dense"), bits, weight_bits)
