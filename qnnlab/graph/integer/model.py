"""IntegerGraph: a network in integers alone, weights from 1 to 8 bits, activations from 2 to 16.

real = scale × (code − zero_point) for activations, real = scale × value for weights, as in TFLite
(Jacob et al. 2018, arXiv:1712.05877). Activation codes are signed: b bits are −2^(b−1) to
2^(b−1) − 1. Layouts are TFLite's: activations (height, width, channels), convolution weights
(out, height, width, in), depthwise (1, height, width, out), dense (out, in).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

RELUS = (None, "relu", "relu6", "relu_n1_to_1")
PADDINGS = ("same", "valid")


def channel_axis(op: Op) -> int:
    """The axis of the weights that counts output channels."""
    return 3 if op.kind == "depthwise" else 0


def window(extent: int, size: int, stride: int, padding: str) -> tuple[int, int, int]:
    """Positions of a window along an axis, and the padding before and after it, as in TFLite."""
    if padding == "valid":
        return (extent - size) // stride + 1, 0, 0
    positions = -(-extent // stride)
    total = max((positions - 1) * stride + size - extent, 0)
    return positions, total // 2, total - total // 2


@dataclass(frozen=True, eq=False)
class Activation:
    """An activation tensor; `shape` has no batch dimension.

    `scale` is rounded to float32, as files hold it. Above 8 bits the zero point is 0, as in
    TFLite's int16 kernels.
    """

    name: str
    shape: tuple[int, ...]
    bits: int
    scale: float
    zero_point: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", float(np.float32(self.scale)))

    @property
    def wide(self) -> bool:
        """Whether TFLite's int16 kernels compute it, and not its int8 kernels."""
        return self.bits > 8

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype that holds its codes: int8, or int16 above 8 bits."""
        return np.dtype(np.int16 if self.wide else np.int8)

    @property
    def code_low(self) -> int:
        """The least code."""
        return -(1 << (self.bits - 1))

    @property
    def code_high(self) -> int:
        """The largest code."""
        return (1 << (self.bits - 1)) - 1

    @property
    def n_bytes(self) -> int:
        """Size with the codes packed."""
        return -(-math.prod(self.shape) * self.bits // 8)


@dataclass(frozen=True, eq=False)
class Weights:
    """Constant weights: `codes` stored in `bits` bits, whose values multiply one `scale` a channel.

    `codebook` is None where a code is its own value (signed, −2^(bits−1) to 2^(bits−1) − 1), else
    the int8 value of each of the 2^bits codes 0, 1, …: ((−1, 1) for binary weights). `scale` is
    float32 of one entry, or one per output channel (the first axis; the last one of depthwise).
    """

    codes: NDArray[np.int8] | NDArray[np.uint8]
    bits: int
    scale: NDArray[np.float32]
    codebook: NDArray[np.int8] | None = None

    def values(self) -> NDArray[np.int8]:
        """The integers that the codes stand for, of the codes' shape."""
        if self.codebook is None:
            return self.codes.astype(np.int8)
        return self.codebook[self.codes]

    @property
    def n_bytes(self) -> int:
        """Size with the codes packed, codebook included, scales not."""
        packed = -(-self.codes.size * self.bits // 8)
        return packed + (0 if self.codebook is None else self.codebook.size)


@dataclass(frozen=True, eq=False)
class Op:
    """One operator; `inputs` and `output` are indices of activations.

    `kind` is one of `qnnlab.graph.integer.kinds`, which says what attributes it takes. `bias` is
    in accumulator codes, of scale input × weights. `relu` clamps the output: at the zero point
    (relu), at the codes of 0 and 6 (relu6) or of −1 and 1 (relu_n1_to_1). `constant`: the int16
    codes of a constant, which has no inputs.
    """

    name: str
    kind: str
    inputs: tuple[int, ...]
    output: int
    weights: Weights | None = None
    bias: NDArray[np.int64] | None = None
    relu: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    constant: NDArray[np.int16] | None = None


@dataclass(frozen=True, eq=False)
class IntegerGraph:
    """Operators in execution order over `activations`; `input` and `output` are indices of them.

    Each activation but the input is made by one operator, before it is used.
    """

    name: str
    activations: tuple[Activation, ...]
    ops: tuple[Op, ...]
    input: int
    output: int

    @property
    def weight_bytes(self) -> int:
        """Bytes of all weights, packed."""
        return sum(op.weights.n_bytes for op in self.ops if op.weights is not None)

    def check(self) -> IntegerGraph:
        """Itself. Raises ModelFormatError, which names the operator, where a part does not fit."""
        from qnnlab.graph.integer.checks import check_integer_graph

        check_integer_graph(self)
        return self
