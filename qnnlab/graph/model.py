"""A network as read from a file: tensors, operators and their order."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import ModelFormatError
from qnnlab.graph.schema import TYPE_BITS

Option = int | str | float | bool

_SIGNED = ("int4", "int2")


@dataclass(frozen=True, eq=False)
class Quantization:
    """Affine quantization, real = scale × (code − zero_point).

    `scale` (float32) and `zero_point` (int64) have one entry, or one per channel along `axis`.
    """

    scale: NDArray[np.float32]
    zero_point: NDArray[np.int64]
    axis: int

    @property
    def per_channel(self) -> bool:
        """Whether there is more than one scale."""
        return self.scale.size > 1


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor of the graph.

    `dtype` is numpy's name of the type, or the schema's in lower case where numpy has none
    ("int4", "bfloat16", "string"). `data` holds a constant's bytes as they lie in the file, a
    view without a copy, and is None for activations. `dynamic`: a dimension is settled at run
    time only and `shape` holds the 1 that stands for it. `variable`: a state that outlives an
    invocation.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    quantization: Quantization | None
    data: bytes | memoryview | None
    dynamic: bool = False
    variable: bool = False

    @property
    def n_elements(self) -> int:
        """Number of elements; 1 for a scalar."""
        return math.prod(self.shape)

    @property
    def n_bytes(self) -> int:
        """Size in bytes, sub-byte types packed.

        For types without a fixed size (strings, resources) that of the constant, else 0.
        """
        bits = TYPE_BITS.get(self.dtype)
        if bits is None:
            return len(self.data) if self.data is not None else 0
        return -(-self.n_elements * bits // 8)

    @property
    def is_constant(self) -> bool:
        """Whether the file holds the tensor's values."""
        return self.data is not None

    def values(self) -> NDArray[Any]:
        """A constant's values, of shape `shape`.

        A read-only view of the file where the type allows; packed types are unpacked to int8 or
        uint8 and bfloat16 is widened to float32. Raises ModelFormatError for an activation and
        for a type that has no numerical values here.
        """
        if self.data is None:
            raise ModelFormatError(f"tensor {self.index} {self.name!r} is not a constant")
        bits = TYPE_BITS.get(self.dtype)
        if bits is None or self.dtype.startswith("float8"):
            raise ModelFormatError(
                f"tensor {self.index} {self.name!r}: values of {self.dtype} can't be read"
            )
        if bits < 8:
            return _unpack(self.data, bits, self.n_elements, self.dtype).reshape(self.shape)
        if self.dtype == "bfloat16":
            high = _frombuffer(self.data, "<u2").astype("<u4") << np.uint32(16)
            return high.view("<f4").reshape(self.shape)
        if self.dtype == "bool":
            return _frombuffer(self.data, "u1").astype(np.bool_).reshape(self.shape)
        kind = np.dtype(self.dtype).newbyteorder("<")
        return _frombuffer(self.data, kind).reshape(self.shape)


@dataclass(frozen=True)
class Operator:
    """One operator; `inputs` and `outputs` are tensor indices, −1 an optional input left out.

    `options` holds the fields that `qnnlab.graph.options` lists for the operator, enums as the
    schema's names, and `custom_code` for a CUSTOM operator.
    """

    index: int
    name: str
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Option]

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"operator {self.index} {self.name}"


@dataclass(frozen=True)
class Graph:
    """The main subgraph of a model, operators in execution order.

    `inputs` and `outputs` are tensor indices. `n_subgraphs` counts the bodies of control flow
    too, which are not read. `file_bytes` is the size of the file as read.
    """

    name: str
    description: str
    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    n_subgraphs: int
    file_bytes: int

    def operand(self, operator: Operator, position: int) -> Tensor | None:
        """The operator's input tensor at `position`, None where left out."""
        if position >= len(operator.inputs) or operator.inputs[position] < 0:
            return None
        return self.tensors[operator.inputs[position]]


def _frombuffer(data: bytes | memoryview, kind: Any) -> NDArray[Any]:
    return np.frombuffer(data, kind) if len(data) else np.empty(0, kind)


def _unpack(
    data: bytes | memoryview, bits: int, count: int, dtype: str
) -> NDArray[np.int8] | NDArray[np.uint8]:
    """Elements of `bits` bits, the lowest bits of a byte first."""
    packed = _frombuffer(data, "u1")
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    codes = ((packed[:, None] >> shifts) & np.uint8((1 << bits) - 1)).reshape(-1)[:count]
    if dtype not in _SIGNED:
        return codes
    raised = np.uint8(8 - bits)
    return (codes << raised).view(np.int8) >> raised.view(np.int8)
