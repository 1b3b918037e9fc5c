"""How many bytes a network's weights take, format by format, and what a runtime keeps in flash.

Weights alone: biases, scales and the code that decodes are left out of every figure. Every figure
is counted per tensor and exact. A packed format counts where it is the smaller one; elsewhere the
tensor stays as plain codes of its nominal bits, as one who deploys it would choose.
"""

from __future__ import annotations

import gzip
import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.graph.integer.model import IntegerGraph, Op
from qnnlab.graph.model import Graph, Tensor
from qnnlab.graph.parameters import (
    dequantized_constants,
    stored_once,
    weight_of,
    zero_codes,
)
from qnnlab.graph.schema import TYPE_BITS

_GROUP, _KEPT = 4, 2  # of 2:4 sparsity
_PLACE_BITS = 2  # of one of four places


@dataclass(frozen=True, eq=False)
class StoredWeights:
    """One tensor of weights.

    `values` as a runtime computes with them, in int8 or a float type; `zero` (of a shape that
    broadcasts) stands for 0. `bits` are a code's, `codebook_bytes` those of the table that codes
    point into. `input_last`: the last axis counts input channels, as 2:4 sparsity needs.
    `runtime_bytes` lie in the flash of a device.
    """

    values: NDArray[Any]
    bits: int
    runtime_bytes: int
    zero: NDArray[np.int64] | int = 0
    codebook_bytes: int = 0
    input_last: bool = True

    @property
    def dense_bytes(self) -> int:
        """Bytes of the values in their type."""
        return int(self.values.nbytes)

    @property
    def packed_bytes(self) -> int:
        """Bytes of the codes at their nominal bits, with their codebook."""
        return _bytes(self.values.size * self.bits) + self.codebook_bytes

    @property
    def present(self) -> NDArray[np.bool_]:
        """Which values are not 0."""
        found: NDArray[np.bool_] = self.values != self.zero
        return found


@dataclass(frozen=True)
class StoredSize:
    """Bytes of all weights in one format, and what the format is."""

    name: str
    n_bytes: int
    how: str


def stored_sizes(graph: Graph | IntegerGraph) -> tuple[StoredSize, ...]:
    """Bytes of the weights of `graph` in each format, in the order of `FORMATS`.

    Raises ModelFormatError for weights of a .tflite type that has no numerical values.
    """
    weights = weights_of(graph)
    return tuple(StoredSize(name, count(weights), how) for name, how, count in FORMATS)


def weights_of(graph: Graph | IntegerGraph) -> list[StoredWeights]:
    """The tensors of weights; one that several operators share comes once."""
    if isinstance(graph, IntegerGraph):
        return [_of_op(op) for op in graph.ops if op.weights is not None]
    sources = dequantized_constants(graph)
    found = {}
    for operator in graph.operators:
        tensor = weight_of(graph, operator, sources)
        if tensor is not None and tensor.n_elements:
            found[tensor.index] = (tensor, operator.name != "DEPTHWISE_CONV_2D")
    once = {id(tensor) for tensor in stored_once(tensor for tensor, _ in found.values())}
    return [_of_tensor(*pair) for pair in found.values() if id(pair[0]) in once]


def _of_op(op: Op) -> StoredWeights:
    assert op.weights is not None
    book, values = op.weights.codebook, op.weights.values()
    return StoredWeights(
        values,
        op.weights.bits,
        values.size,
        codebook_bytes=0 if book is None else book.size,
        input_last=op.kind != "depthwise",
    )


def _of_tensor(tensor: Tensor, input_last: bool) -> StoredWeights:
    bits, zero = TYPE_BITS.get(tensor.dtype, 8), zero_codes(tensor)
    return StoredWeights(tensor.values(), bits, tensor.n_bytes, zero, input_last=input_last)


def float_bytes(weights: Sequence[StoredWeights]) -> int:
    """Bytes of the tensors that are stored as floats, as where a converter left a layer alone."""
    return sum(tensor.dense_bytes for tensor in weights if tensor.values.dtype.kind == "f")


def dense_content(weights: Sequence[StoredWeights]) -> bytes:
    """The values of all tensors, one after the other."""
    return b"".join(tensor.values.tobytes() for tensor in weights)


def huffman_lengths(counts: Sequence[int]) -> list[int]:
    """The code length in bits of each symbol that occurs `counts` times (Huffman 1952).

    They settle a canonical code. A lone symbol takes one bit. Raises ValueError where a count is
    not positive.
    """
    if any(count <= 0 for count in counts):
        raise ValueError("a symbol of a Huffman code must occur")
    if len(counts) == 1:
        return [1]
    heap = [(count, node) for node, count in enumerate(counts)]
    heapq.heapify(heap)
    parent = [0] * (2 * len(counts) - 1)
    for node in range(len(counts), len(parent)):
        (first, left), (second, right) = heapq.heappop(heap), heapq.heappop(heap)
        parent[left] = parent[right] = node
        heapq.heappush(heap, (first + second, node))
    depth = [0] * len(parent)
    for node in range(len(parent) - 2, -1, -1):
        depth[node] = depth[parent[node]] + 1
    return depth[: len(counts)]


def huffman_bytes(values: NDArray[Any]) -> int:
    """Bytes of `values` in their own Huffman code and of its table.

    A canonical code's table: each symbol and, in a byte, the length of its code.
    """
    symbols, counts = np.unique(values, return_counts=True)
    lengths = huffman_lengths(counts.tolist())
    table = symbols.nbytes + len(symbols)
    return table + _bytes(int(np.dot(counts, lengths)))


def bitmap_bytes(weights: StoredWeights) -> int:
    """Bytes of one bit a weight, of the codes of those that are not 0, and of the codebook."""
    present = int(np.count_nonzero(weights.present))
    bitmap = _bytes(weights.values.size)
    return bitmap + _bytes(present * weights.bits) + weights.codebook_bytes


def n_m_bytes(weights: StoredWeights) -> int:
    """Bytes with at most two codes in four along the input axis and two bits of place for each.

    The format of Mishra et al. 2021 (arXiv:2104.08378, section 3). A tensor with three or four in
    any group, or whose rows don't divide into groups, stays packed.
    """
    values = weights.values
    if not weights.input_last or values.shape[-1] % _GROUP:
        return weights.packed_bytes
    groups = weights.present.reshape(-1, _GROUP)
    if (np.count_nonzero(groups, axis=1) > _KEPT).any():
        return weights.packed_bytes
    bits = len(groups) * _KEPT * (weights.bits + _PLACE_BITS)
    return _bytes(bits) + weights.codebook_bytes


def lut_bytes(weights: StoredWeights) -> int:
    """Bytes of indices into a table of the tensor's distinct values, and of that table."""
    values = weights.values
    distinct = np.unique(values)
    index_bits = max(1, int(np.ceil(np.log2(len(distinct)))))
    return _bytes(values.size * index_bits) + distinct.nbytes


def _bytes(bits: int) -> int:
    return -(-bits // 8)


def _summed(
    count: Callable[[StoredWeights], int], or_packed: bool = True
) -> Callable[[Sequence[StoredWeights]], int]:
    """The sum over tensors, each packed at nominal bits where that is smaller."""

    def total(weights: Sequence[StoredWeights]) -> int:
        return sum(min(count(w), w.packed_bytes) if or_packed else count(w) for w in weights)

    return total


#: Name, meaning and count of each format.
FORMATS: tuple[tuple[str, str, Callable[[Sequence[StoredWeights]], int]], ...] = (
    ("dense", "values in int8 or their float type", _summed(lambda w: w.dense_bytes, False)),
    ("packed", "codes at nominal bits and codebooks", _summed(lambda w: w.packed_bytes)),
    (
        "gzip",
        "gzip -9 of the dense values",
        lambda weights: len(gzip.compress(dense_content(weights), compresslevel=9, mtime=0)),
    ),
    (
        "huffman",
        "a Huffman code a tensor with its table",
        _summed(lambda w: huffman_bytes(w.values)),
    ),
    ("bitmap", "a bit a weight and the codes that are not 0", _summed(bitmap_bytes)),
    ("nm24", "2:4 codes with two bits of place each", _summed(n_m_bytes)),
    ("lut", "indices into a table of a tensor's values", _summed(lut_bytes)),
    (
        "runtime",
        "what LiteRT and TFLM keep in flash: the tensor as it lies in the file",
        _summed(lambda w: w.runtime_bytes, False),
    ),
)
