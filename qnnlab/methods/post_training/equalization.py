"""Cross-layer equalization: rescale neighbours so that no channel is much smaller than another."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.methods.network.nodes import Floats, Network, Node, as_matrix

_ROUNDS = 20
_CONVERGED = 1e-3


def equalized(network: Network) -> Network:
    """The same function with equal weight ranges across each pair of layers.

    For a pair joined by ReLU or nothing, channel i of the first is divided by s = √(r1 r2) / r2
    and that of the second multiplied by it (Nagel et al. 2019, arXiv:1906.04721, equation 11);
    repeated until it settles. ReLU6 and additions stop it. The network must be folded.
    """
    chosen = pairs(network)
    for _ in range(_ROUNDS):
        moved = 0.0
        for first, second in chosen:
            network, factor = _equalize(network, first, second)
            moved = max(moved, float(np.abs(factor - 1).max()))
        if moved < _CONVERGED:
            break
    return network


def pairs(network: Network) -> list[tuple[int, int]]:
    """Pairs (first, second) of nodes with kernels whose channels correspond one to one."""
    found = []
    for second in network.computing():
        (source,) = network.nodes[second].inputs
        first = network.scale_owner(source)
        path = [source]
        while path[-1] != first:
            path.extend(network.nodes[path[-1]].inputs)
        alone = all(len(network.consumers(index)) == 1 for index in path)
        node = network.nodes[first]
        matches = _inputs(network.nodes[second]) == node.channels
        if node.kernel is not None and alone and matches and node.relu != "relu6":
            found.append((first, second))
    return found


def _inputs(node: Node) -> int:
    """Input channels of a node with a kernel."""
    return int(node.weights.shape[-2])


def _by_input(node: Node) -> NDArray[np.float32]:
    """The largest magnitude among the weights of each input channel."""
    axes = tuple(axis for axis in range(node.weights.ndim) if axis != node.weights.ndim - 2)
    largest: NDArray[np.float32] = np.abs(node.weights).max(axis=axes)
    return largest


def _equalize(network: Network, first: int, second: int) -> tuple[Network, Floats]:
    one, two = network.nodes[first], network.nodes[second]
    r1 = np.abs(as_matrix(one.weights, one.channels)).max(axis=0)
    r2 = _by_input(two)
    live = (r1 > 0) & (r2 > 0)
    ratio = np.where(live, r1, 1) / np.where(live, r2, 1)
    factor: Floats = np.asarray(np.sqrt(ratio), np.float32)
    kernel: Any = (as_matrix(one.weights, one.channels) / factor).reshape(one.weights.shape)
    bias: Floats | None = None if one.bias is None else one.bias / factor
    changed = {
        first: replace(one, kernel=kernel, bias=bias),
        second: replace(two, kernel=two.weights * factor[:, np.newaxis]),
    }
    return network.with_nodes(changed), factor
