"""A trained network as a list of nodes, batch norms and activations beside what they follow."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

COMPUTES = ("conv", "depthwise", "dense")
SCALE_KEEPERS = ("average_pool", "max_pool", "reshape")


@dataclass(frozen=True, eq=False)
class BatchNorm:
    """Statistics and affine part of a batch norm, one entry a channel."""

    gamma: Floats
    beta: Floats
    mean: Floats
    variance: Floats
    epsilon: float
    momentum: float

    @property
    def multiplier(self) -> Floats:
        """What inference multiplies by, γ / √(variance + ε)."""
        factor: Floats = self.gamma / np.sqrt(self.variance + np.float32(self.epsilon))
        return factor

    @property
    def offset(self) -> Floats:
        """What inference adds, β − mean × multiplier."""
        return self.beta - self.mean * self.multiplier


@dataclass(frozen=True, eq=False)
class Node:
    """One operation and what fuses into it.

    `inputs` are indices of nodes; `shape` is the output's, without the batch. `kernel` has
    Keras's layout: conv (height, width, in, out), depthwise (height, width, in, multiplier),
    dense (in, out); its last axes flattened are the output channels. `batch_norm` follows the
    kernel, `relu` (relu or relu6) comes last.
    """

    name: str
    kind: str
    inputs: tuple[int, ...]
    shape: tuple[int, ...]
    kernel: Floats | None = None
    bias: Floats | None = None
    batch_norm: BatchNorm | None = None
    relu: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def channels(self) -> int:
        """Output channels, the last axis of the output."""
        return self.shape[-1]

    @property
    def weights(self) -> Floats:
        """The kernel. Raises ValueError on a node without one."""
        if self.kernel is None:
            raise ValueError(f"{self.kind} {self.name!r} has no kernel")
        return self.kernel

    def folded(self) -> Node:
        """The same function with the batch norm inside kernel and bias (arXiv:1712.05877, 3.2)."""
        if self.batch_norm is None:
            return self
        factor, offset = self.batch_norm.multiplier, self.batch_norm.offset
        kernel = (as_matrix(self.weights, self.channels) * factor).reshape(self.weights.shape)
        bias = offset if self.bias is None else offset + self.bias * factor
        return replace(self, kernel=kernel, bias=bias, batch_norm=None)


def as_matrix(kernel: NDArray[Any], channels: int) -> NDArray[Any]:
    """A kernel as (what an output channel sums over, output channels); a view where it can be."""
    return kernel.reshape(-1, channels)


@dataclass(frozen=True, eq=False)
class Network:
    """Nodes in the order of execution; node 0 is the input. `softmax` ends the trained model.

    Integer models leave the softmax out: it moves no class.
    """

    name: str
    nodes: tuple[Node, ...]
    output: int
    softmax: bool

    def folded(self) -> Network:
        """Every batch norm folded into the kernel before it."""
        return replace(self, nodes=tuple(node.folded() for node in self.nodes))

    def computing(self) -> list[int]:
        """The nodes that have a kernel, in order."""
        return [index for index, node in enumerate(self.nodes) if node.kind in COMPUTES]

    def quantizing(self) -> list[int]:
        """The nodes whose output has a scale of its own: pools and reshapes keep their input's."""
        return [index for index, node in enumerate(self.nodes) if node.kind not in SCALE_KEEPERS]

    def scale_owner(self, index: int) -> int:
        """The node whose scale the output of node `index` has."""
        while self.nodes[index].kind in SCALE_KEEPERS:
            (index,) = self.nodes[index].inputs
        return index

    def consumers(self, index: int) -> list[int]:
        """The nodes that read the output of node `index`."""
        return [at for at, node in enumerate(self.nodes) if index in node.inputs]

    def never_negative(self, index: int) -> bool:
        """Whether the output of node `index` is known to be at least zero."""
        return self.nodes[self.scale_owner(index)].relu is not None

    def with_nodes(self, changed: Mapping[int, Node]) -> Network:
        """The network with some nodes replaced."""
        nodes = tuple(changed.get(index, node) for index, node in enumerate(self.nodes))
        return replace(self, nodes=nodes)

    def fan_in(self, index: int) -> int:
        """How many products an output of node `index` sums."""
        node = self.nodes[index]
        return math.prod(node.weights.shape) // node.channels
