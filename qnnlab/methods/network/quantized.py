"""A quantized network: codes and scales beside the float network they stand for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.graph.integer.model import Activation, IntegerGraph, Op, Weights
from qnnlab.graph.integer.rounding import tflm_excess
from qnnlab.methods.network.nodes import Floats, Network, Node, as_matrix

_LARGEST_BIAS = 2**30  # in accumulator codes, which are 32 bits wide
_SMALLEST_SCALE = 1e-12
# An accumulator's step is at most this share of an output's, where the codes leave room for it.
_FINE = 1 / 64
_INT8_HIGH = 127
_INT8_BITS = 8


@dataclass(frozen=True, eq=False)
class Kernel:
    """A kernel in integers: `codes` of the kernel's shape, `codebook` as in `Weights`.

    `scale` is float32, one entry or one a channel.
    """

    codes: NDArray[np.int8] | NDArray[np.uint8]
    bits: int
    scale: Floats
    codebook: NDArray[np.int8] | None = None

    def values(self) -> NDArray[np.int8]:
        """The integers that the codes stand for."""
        return self.codes.astype(np.int8) if self.codebook is None else self.codebook[self.codes]

    def finer(self, times: int) -> Kernel:
        """The same kernel with values `times` as large, or as much as int8 holds.

        Few-bit codes make coarse accumulators, to whose step the bias is rounded; a codebook of
        larger values makes it finer and leaves the codes their bits.
        """
        values = self.values().astype(np.int16)
        reach = max(1, int(np.abs(values).max()))
        factor = min(times, _INT8_HIGH // reach)
        if factor <= 1:
            return self
        codes, codebook = self.codes, self.codebook
        if codebook is None:
            low = -(2 ** (self.bits - 1))
            codes = (self.codes.astype(np.int16) - low).astype(np.uint8)
            codebook = np.arange(low, low + 2**self.bits).astype(np.int8)
        used = np.clip(codebook.astype(np.int16) * factor, -_INT8_HIGH, _INT8_HIGH)
        return Kernel(codes, self.bits, self.scale / np.float32(factor), used.astype(np.int8))

    def real(self, channels: int) -> Floats:
        """The numbers that they stand for, of the kernel's shape."""
        values = as_matrix(self.values(), channels).astype(np.float32) * self.scale
        return values.reshape(self.codes.shape).astype(np.float32)


@dataclass(frozen=True)
class Range:
    """How an activation is quantized, real = scale × (code − zero_point), signed codes."""

    scale: float
    zero_point: int
    bits: int


@dataclass(frozen=True, eq=False)
class QuantizedNetwork:
    """A folded `network` and, by node, its `kernels`, float `biases` and activation `ranges`."""

    network: Network
    kernels: Mapping[int, Kernel]
    biases: Mapping[int, Floats]
    ranges: Mapping[int, Range]

    def real(self) -> Network:
        """The folded network with the kernels' and biases' real values."""
        changed = {}
        for index, kernel in self.kernels.items():
            node = self.network.nodes[index]
            bias = self.biases[index].astype(np.float32)
            changed[index] = _with(node, kernel.real(node.channels), bias)
        return self.network.with_nodes(changed)


def _with(node: Node, kernel: Floats, bias: Floats) -> Node:
    return Node(
        node.name,
        node.kind,
        node.inputs,
        node.shape,
        kernel,
        bias,
        relu=node.relu,
        attributes=node.attributes,
    )


def to_integer_graph(quantized: QuantizedNetwork) -> IntegerGraph:
    """The network in integers alone; biases are rounded to accumulator codes, ties to even.

    Before a ReLU they are less by what TFLM's rounding adds (`tflm_excess`).
    """
    network = quantized.network
    activations = []
    for index, node in enumerate(network.nodes):
        owner = quantized.ranges[network.scale_owner(index)]
        scale = float(np.float32(owner.scale))
        activations.append(Activation(node.name, node.shape, owner.bits, scale, owner.zero_point))
    ops = tuple(_op(quantized, index, activations) for index in range(1, len(network.nodes)))
    graph = IntegerGraph(network.name, tuple(activations), ops, 0, network.output)
    return graph.check()


def _op(quantized: QuantizedNetwork, index: int, activations: list[Activation]) -> Op:
    node = quantized.network.nodes[index]
    weights = bias = None
    if index in quantized.kernels:
        source, target = activations[node.inputs[0]], activations[index]
        share = float(source.scale) * float(quantized.kernels[index].scale.max()) / target.scale
        kernel = quantized.kernels[index].finer(math.ceil(share / _FINE))
        scale = np.maximum(kernel.scale.astype(np.float32), np.float32(_SMALLEST_SCALE))
        weights = Weights(_tflite_layout(node, kernel.codes), kernel.bits, scale, kernel.codebook)
        accumulator = float(source.scale) * scale.astype(np.float64)
        codes = quantized.biases[index].astype(np.float64) / accumulator
        if node.relu and source.bits <= _INT8_BITS:
            codes = codes - tflm_excess(accumulator / target.scale)
        codes = np.broadcast_to(np.rint(codes), (node.channels,))
        bias = np.clip(codes, -_LARGEST_BIAS, _LARGEST_BIAS).astype(np.int64)
    return Op(
        node.name, node.kind, node.inputs, index, weights, bias, node.relu, dict(node.attributes)
    )


def _tflite_layout(node: Node, codes: NDArray[Any]) -> NDArray[Any]:
    """Keras's layout to TFLite's: (out, height, width, in), (1, height, width, out), (out, in)."""
    if node.kind == "conv":
        return np.ascontiguousarray(codes.transpose(3, 0, 1, 2))
    if node.kind == "depthwise":
        return codes.reshape(1, *codes.shape[:2], node.channels)
    return np.ascontiguousarray(codes.T)
