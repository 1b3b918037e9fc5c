"""One small case for each operator that `measure.py` runs, and its tensors for a row.

A case names no type: the row of policy.csv that it serves says the types of the activations and
of the weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Grid = tuple[Array, int] | None

#: Scale and zero point by type. A type without an entry, such as float32, is not quantized.
#: Zero points are far from 0, and input and output scales differ, so that a kernel which ignores
#: either is told from one that does not.
GRIDS: dict[str, dict[str, tuple[float, int]]] = {
    "none": {},
    "input": {"int8": (0.05, 13), "int16": (0.002, 0), "uint8": (0.05, 115)},
    "output": {"int8": (0.06, -15), "int16": (0.0025, 0), "uint8": (0.06, 110)},
    # Sums of many products.
    "wide": {"int8": (0.2, -15), "int16": (0.0025, 0), "uint8": (0.2, 110)},
    # The formats that the kernels of LOGISTIC, TANH and LOG_SOFTMAX prescribe.
    "unit": {"int8": (1 / 256, -128), "int16": (1 / 32768, 0), "uint8": (1 / 256, 0)},
    "sign": {"int8": (1 / 128, 0), "int16": (1 / 32768, 0), "uint8": (1 / 128, 128)},
    "log": {"int8": (1 / 16, 127), "int16": (1 / 2048, 0), "uint8": (1 / 16, 255)},
}
# Of QUANTIZE and DEQUANTIZE, where an int32 has a scale too.
GRIDS["from"], GRIDS["to"] = (GRIDS[end] | {"int32": (0.001, 0)} for end in ("input", "output"))


class Scheme(NamedTuple):
    """What a row is about, whatever its runtime."""

    operator: str
    activations: str
    weights: str
    granularity: str


@dataclass(frozen=True)
class Tensor:
    """A tensor of a model to be built; `via`: the operator that makes it of its constant."""

    role: str
    dtype: str
    shape: tuple[int, ...]
    stored: Array | None = None
    scale: Array | None = None
    zero_point: int = 0
    axis: int = 0
    via: str = ""

    def real(self, stored: Array) -> Array:
        """What stored values mean."""
        if self.scale is None:
            return stored
        scale = self.scale
        if scale.size > 1:
            scale = scale.reshape([-1 if d == self.axis else 1 for d in range(len(self.shape))])
        return ((stored.astype(np.float64) - self.zero_point) * scale).astype(np.float32)

    def as_float(self) -> Tensor:
        """The same tensor of a float model; unquantized integers stay."""
        if self.scale is None and self.dtype != "float16":
            return self
        stored = None if self.stored is None else self.real(self.stored).astype(np.float32)
        via = "" if self.via == "DEQUANTIZE" else self.via
        return replace(self, dtype="float32", stored=stored, scale=None, zero_point=0, via=via)


@dataclass(frozen=True)
class Operand:
    """An operand of a case.

    `role`: `data` (the first is the model's input, later ones are computed in the graph),
    `constant`, `weights`, `bias`, `state` or `output`. `dtype`: `*` is the type of the
    activations, `to` that of a conversion's output; three types are those of float, hybrid and
    integer rows; on weights, the type where they are no constant. `values`: fixed stored values
    in place of random ones. `grid`: a name of GRIDS, or `weights` for that of the weights. `of`:
    for a bias, the operands whose scales multiply to its own.
    """

    role: str
    shape: tuple[int, ...]
    dtype: str | tuple[str, str, str] = "*"
    grid: str = "input"
    values: Any = None
    axis: int = 0
    of: tuple[int, int] = (0, 1)


@dataclass(frozen=True)
class Case:
    """Operands in the order of the operator, outputs last.

    `options`: fields of the schema's table for the operator. `table`: its name where it is not the
    operator's, without `Options`. `positive`: feed no value below 0.3 (or 1 where there is no
    scale). `boolean`: rows for `any` type mean bool. `truth`: the output for a real input, where
    that is simpler or safer than to run a float model.
    """

    operands: tuple[Operand, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    table: str = ""
    version: int = 1
    positive: bool = False
    boolean: bool = False
    truth: Callable[[Array], Array] | None = None
    destinations: tuple[str, ...] = ("",)


MAP = (1, 4, 4, 8)
#: Of the schema's enums: padding SAME is 0 and VALID 1, and a type has its number.
_SAME, _VALID, _INT32 = 0, 1, 2


def _data(*shape: int, dtype: str = "*", grid: str = "input", values: Any = None) -> Operand:
    return Operand("data", shape, dtype, grid, values)


def _const(values: Any) -> Operand:
    return Operand("constant", np.shape(values), "int32", "none", values)


def _weights(*shape: int, axis: int = 0, dtype: str = "int8") -> Operand:
    return Operand("weights", shape, dtype, axis=axis)


def _bias(channels: int, of: tuple[int, int] = (0, 1)) -> Operand:
    return Operand("bias", (channels,), of=of)


def _out(*shape: int, grid: str = "output", dtype: str = "*") -> Operand:
    return Operand("output", shape, dtype, grid if dtype in ("*", "to") else "none")


def _kept(*shape: int) -> Operand:
    """An output on the grid of the input, as operators that move values have it."""
    return _out(*shape, grid="input")


def _case(*operands: Operand, **options: Any) -> Case:
    """Options are the schema's, but for the fields of Case."""
    known = {name: options.pop(name) for name in list(options) if name in Case.__annotations__}
    return Case(operands, options, **known)


def _map(n: int = 1, grid: str = "output", dtype: str = "*", **options: Any) -> Case:
    """`n` feature maps to one."""
    return _case(*[_data(*MAP)] * n, _out(*MAP, grid=grid, dtype=dtype), **options)


def _reduced(grid: str = "output", **options: Any) -> Case:
    operands = (_data(*MAP), _const([1, 2]), _out(1, 1, 1, 8, grid=grid))
    return _case(*operands, table="Reducer", keepDims=True, **options)


_ARITHMETIC = {
    **dict.fromkeys(("ADD", "SUB", "MUL", "SQUARED_DIFFERENCE", "ATAN2"), _map(2)),
    **dict.fromkeys(("DIV", "FLOOR_DIV", "FLOOR_MOD", "POW"), _map(2, positive=True)),
    **dict.fromkeys(("MAXIMUM", "MINIMUM"), _map(2, "input", table="MaximumMinimum")),
    **dict.fromkeys(("EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL"), _map(2, dtype="bool")),
    **dict.fromkeys(("GREATER", "GREATER_EQUAL"), _map(2, dtype="bool")),
    **dict.fromkeys(("LOGICAL_AND", "LOGICAL_OR"), _map(2, boolean=True)),
    "LOGICAL_NOT": _map(boolean=True),
    "BITWISE_XOR": _map(2, "none"),
    "RIGHT_SHIFT": _map(2, "none", positive=True),
    "ADD_N": _case(*[_data(2, 8)] * 3, _out(2, 8)),
}

_EVEN = {"padding": _SAME, "strideW": 1, "strideH": 1}
_HALF = {"padding": _VALID, "strideW": 2, "strideH": 2, "filterWidth": 2, "filterHeight": 2}


def _normalized(real: Array) -> Array:
    """LiteRT's reference kernel of LOCAL_RESPONSE_NORMALIZATION errs at the first channels."""
    squares = np.pad(real**2, [(0, 0)] * 3 + [(2, 2)])
    normalized: Array = real / np.sqrt(1 + sum(squares[..., k : k + 8] for k in range(5)))
    return normalized


_POOLED = _case(_data(*MAP), _kept(1, 2, 2, 8), table="Pool2D", **_HALF)
_PICKED = _case(_data(*MAP), _const([3]), _out(1, 4, 4, dtype="int32"), outputType=_INT32)

_FUNCTIONS = {
    **dict.fromkeys(("ABS", "CEIL", "FLOOR", "ROUND", "COS", "SIN", "SQUARE", "EXP"), _map()),
    **dict.fromkeys(("RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1"), _map()),
    **dict.fromkeys(("ELU", "SIGN", "HARD_SWISH"), _map()),
    **dict.fromkeys(("LOG", "SQRT", "RSQRT"), _map(positive=True)),
    **dict.fromkeys(("NEG", "ZEROS_LIKE"), _map(grid="input")),
    "GELU": _map(approximate=False),
    "LEAKY_RELU": _map(alpha=0.1),
    "LOGISTIC": _map(grid="unit"),
    "TANH": _map(grid="sign"),
    "SOFTMAX": _map(grid="unit", beta=1.0),
    "LOG_SOFTMAX": _map(grid="log"),
    "L2_NORMALIZATION": _map(grid="sign", table="L2Norm"),
    "LOCAL_RESPONSE_NORMALIZATION": _map(
        radius=2, bias=1.0, alpha=1.0, beta=0.5, truth=_normalized
    ),
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"), _POOLED),
    "CUMSUM": _case(_data(1, 8), _const([1]), _out(1, 8)),
    **dict.fromkeys(("ARG_MAX", "ARG_MIN"), _PICKED),
    **dict.fromkeys(("MEAN", "SUM", "REDUCE_PROD"), _reduced()),
    **dict.fromkeys(("REDUCE_MAX", "REDUCE_MIN"), _reduced("input")),
    **dict.fromkeys(("REDUCE_ANY", "REDUCE_ALL"), _reduced(boolean=True)),
}

_PADS = _const([[0, 0], [1, 1], [1, 1], [0, 0]])
_PADDED = _kept(1, 6, 6, 8)
_BLOCK = (_const([2, 2]), _const([[0, 0], [0, 0]]))
_ANY = Operand("constant", ())
_RESIZED = _case(_data(*MAP), _const([8, 8]), _kept(1, 8, 8, 8), version=3, halfPixelCenters=True)
_CHOSEN = _case(_data(1, 8, dtype="bool"), _data(1, 8), _data(1, 8), _kept(1, 8))
_CORNERS = (_const([0, 0, 0, 0]), _const([1, 4, 4, 8]), _const([1, 2, 2, 1]))
_PARTS = (_const([5, 3]), _const([1]))
_TOP = (_kept(1, 3), _out(1, 3, dtype="int32"))
_INDICES = _data(2, dtype="int32", grid="none", values=[1, 7])

_SHAPES = {
    "RESHAPE": _case(_data(*MAP), _kept(1, 128), newShape=[1, 128]),
    "SQUEEZE": _case(_data(*MAP), _kept(4, 4, 8), squeezeDims=[0]),
    "EXPAND_DIMS": _case(_data(4, 4), _const([0]), _kept(1, 4, 4)),
    "TRANSPOSE": _case(_data(*MAP), _const([0, 3, 1, 2]), _kept(1, 8, 4, 4)),
    "PAD": _case(_data(*MAP), _PADS, _PADDED),
    "PADV2": _case(_data(*MAP), _PADS, Operand("constant", (1,), values=[7]), _PADDED),
    "MIRROR_PAD": _case(_data(*MAP), _PADS, _PADDED, mode=0),
    "SLICE": _case(_data(*MAP), _const([0, 1, 1, 0]), _const([1, 2, 2, 8]), _kept(1, 2, 2, 8)),
    "STRIDED_SLICE": _case(_data(*MAP), *_CORNERS, _kept(1, 2, 2, 8)),
    "GATHER": _case(_data(*MAP), _const([0, 2]), _kept(1, 2, 4, 8), axis=1),
    "GATHER_ND": _case(_data(4, 8), _const([[0], [2]]), _kept(2, 8)),
    "BATCH_TO_SPACE_ND": _case(_data(4, 2, 2, 8), *_BLOCK, _kept(*MAP)),
    "SPACE_TO_BATCH_ND": _case(_data(*MAP), *_BLOCK, _kept(4, 2, 2, 8)),
    "DEPTH_TO_SPACE": _case(_data(*MAP), _kept(1, 8, 8, 2), blockSize=2),
    "SPACE_TO_DEPTH": _case(_data(*MAP), _kept(1, 2, 2, 32), blockSize=2),
    **dict.fromkeys(("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"), _RESIZED),
    "BROADCAST_TO": _case(_data(1, 1, 1, 8), _const([*MAP]), _kept(*MAP), version=2),
    "TILE": _case(_data(1, 4), _const([2, 2]), _kept(2, 8)),
    "REVERSE_V2": _case(_data(*MAP), _const([1]), _kept(*MAP)),
    "SHAPE": _case(_data(*MAP), _out(4, dtype="int32"), outType=_INT32),
    "RANK": _case(_data(*MAP), _out(dtype="int32")),
    "TOPK_V2": _case(_data(1, 16), _const(3), *_TOP, version=2),
    "CONCATENATION": _case(*[_data(1, 4, 4, 4)] * 2, _kept(*MAP), axis=3),
    "PACK": _case(*[_data(4, 4)] * 2, _kept(2, 4, 4), valuesCount=2, axis=0),
    "UNPACK": _case(_data(2, 4), *[_kept(4)] * 2, num=2, axis=0),
    "SPLIT": _case(_const([1]), _data(1, 8), *[_kept(1, 4)] * 2, numSplits=2),
    "SPLIT_V": _case(_data(1, 8), *_PARTS, _kept(1, 5), _kept(1, 3), numSplits=2),
    **dict.fromkeys(("SELECT", "SELECT_V2"), _CHOSEN),
    # No stored value may be 0: the output has a place for each.
    "WHERE": _case(_data(8), _out(8, 1, dtype="int64"), positive=True),
    # Scalars can't be fed to the interpreters' Python interfaces: FILL and RANGE take constants.
    "FILL": _case(_const([2, 4]), _ANY, _kept(2, 4)),
    "RANGE": _case(_const(0), _const(4), _const(1), _out(4, dtype="int32")),
    "DYNAMIC_UPDATE_SLICE": _case(_data(4, 4), _data(2, 2), _const([1, 1]), _kept(4, 4)),
    "SCATTER_ND": _case(_const([[0], [2]]), _data(2, 4), _const([4, 4]), _kept(4, 4)),
    "REVERSE_SEQUENCE": _case(_data(2, 4), _const([2, 3]), _kept(2, 4), seqDim=1, batchDim=0),
    "ONE_HOT": _case(_INDICES, _const(8), _ANY, _ANY, _kept(2, 8), axis=-1),
    "BROADCAST_ARGS": _case(
        _data(2, dtype="int32", values=[1, 4]), _const([3, 4]), _out(2, dtype="int32")
    ),
}

_CONVERSIONS = {
    "CAST": _case(
        *(_data(8, grid="none"), _out(8, dtype="to", grid="none")),
        positive=True,
        truth=np.asarray,
        destinations=("int8", "int16", "float32", "int32", "uint8"),
    ),
    "QUANTIZE": _case(
        *(_data(8, grid="from"), _out(8, dtype="to", grid="to")),
        truth=np.asarray,
        destinations=("int8", "int16", "uint8", "int32"),
    ),
    "DEQUANTIZE": _case(_data(8, grid="from"), _out(8, dtype="float32"), truth=np.asarray),
}

_WEIGHTED = {
    "CONV_2D": _case(
        *(_data(1, 6, 6, 4), _weights(8, 3, 3, 4), _bias(8), _out(1, 6, 6, 8, grid="wide")),
        **_EVEN | {"version": 3},
    ),
    "DEPTHWISE_CONV_2D": _case(
        *(_data(1, 6, 6, 8), _weights(1, 3, 3, 8, axis=3), _bias(8), _out(1, 6, 6, 8, grid="wide")),
        **_EVEN | {"version": 3, "depthMultiplier": 1},
    ),
    "FULLY_CONNECTED": _case(
        *(_data(1, 16), _weights(8, 16), _bias(8), _out(1, 8, grid="wide")), version=4
    ),
    "TRANSPOSE_CONV": _case(
        *(_const([1, 8, 8, 8]), _weights(8, 3, 3, 4), _data(1, 4, 4, 4), _bias(8, of=(2, 1))),
        _out(1, 8, 8, 8, grid="wide"),
        **_EVEN | {"version": 3, "strideW": 2, "strideH": 2},
    ),
    "CONV_3D": _case(
        *(_data(1, 4, 4, 4, 2), _weights(3, 3, 3, 2, 4, axis=4), _bias(4)),
        _out(1, 4, 4, 4, 4, grid="wide"),
        **_EVEN | {"strideD": 1},
    ),
    "CONV_3D_TRANSPOSE": _case(
        *(_const([1, 4, 4, 4, 2]), _weights(3, 3, 3, 2, 4), _data(1, 4, 4, 4, 4)),
        _out(1, 4, 4, 4, 2, grid="wide"),
        **_EVEN | {"strideD": 1, "table": "Conv3D"},
    ),
    "BATCH_MATMUL": _case(
        *(_data(1, 4, 8), _weights(1, 8, 4, axis=2, dtype="*"), _out(1, 4, 4, grid="wide")),
        version=4,
    ),
    "PRELU": _case(_data(*MAP), _weights(1, 1, 8, axis=2), _out(*MAP)),
    "EMBEDDING_LOOKUP": _case(_INDICES, _weights(10, 8), _out(2, 8, grid="weights")),
    "SVDF": _case(
        *(_data(1, 8), _weights(4, 8)),
        Operand("constant", (4, 3), ("float32", "int8", "int16"), "sign"),
        _bias(4, of=(4, 2)),
        *(Operand("state", (1, 12), ("float32", "float32", "int16")), _out(1, 4)),
        version=3,
        rank=1,
    ),
}

CASES: dict[str, Case] = {**_ARITHMETIC, **_FUNCTIONS, **_SHAPES, **_CONVERSIONS, **_WEIGHTED}


def dtype_of(operand: Operand, scheme: Scheme, to: str) -> str:
    """Type of an operand in a row; `to`: that of a conversion's output."""
    float_row = scheme.activations == "float32"
    if isinstance(operand.dtype, tuple):
        return operand.dtype[2 if not float_row else int(scheme.weights != "float32")]
    if operand.role == "weights":
        follows = operand.dtype == "*" or float_row
        return scheme.weights or (scheme.activations if follows else operand.dtype)
    if operand.role == "bias" and not float_row:
        return "int64" if scheme.activations == "int16" else "int32"
    return {"*": scheme.activations, "to": to}.get(operand.dtype, operand.dtype)


def grid_of(case: Case, operand: Operand, scheme: Scheme, dtype: str) -> Grid:
    """Scales and zero point of an operand."""
    if operand.role == "weights":
        limit = _LIMITS.get(dtype)
        if limit is None:
            return None
        channels = operand.shape[operand.axis]
        spread = np.linspace(0.3, 1.6, channels) if scheme.granularity == "channel" else np.ones(1)
        return 0.6 / limit * spread, 128 if dtype == "uint8" else 0
    if operand.role == "bias" and dtype != "float32":
        factors = [case.operands[index] for index in operand.of]
        grids = [grid_of(case, factor, scheme, dtype_of(factor, scheme, "")) for factor in factors]
        # Float weights under an integer bias make no sense, but have to be refused as such.
        first, second = (np.array([0.005]) if grid is None else grid[0] for grid in grids)
        return first * second, 0
    if operand.grid == "weights":
        table = next(other for other in case.operands if other.role == "weights")
        return None if dtype == "float32" else grid_of(case, table, scheme, scheme.weights)
    grid = GRIDS[operand.grid].get(dtype) if operand.role != "bias" else None
    return None if grid is None else (np.array([grid[0]]), grid[1])


#: Largest stored weight, which the scale puts at 0.6.
_LIMITS = {"int4": 7, "int8": 127, "uint8": 127, "int16": 32767}


def drawn(tensor: Tensor, positive: bool, random: np.random.Generator) -> Array:
    """Random stored values: data within ±4, biases and constants ±2, weights over all."""
    kind = np.dtype("int8" if tensor.dtype == "int4" else tensor.dtype)
    if tensor.dtype == "bool":
        return random.integers(0, 2, tensor.shape).astype(bool)
    if tensor.role == "weights" and tensor.scale is not None:
        limit = _LIMITS[tensor.dtype]
        drawn = random.integers(-limit, limit + 1, tensor.shape) + tensor.zero_point
        return drawn.astype(kind)
    if tensor.scale is None and kind.kind != "f":
        return random.integers(1 if positive else -20, 21, tensor.shape).astype(kind)
    bound = {"data": 4.0, "weights": 0.6}.get(tensor.role, 2.0)
    values = random.uniform(0.3 if positive else -bound, bound, tensor.shape)
    if tensor.scale is None:
        return values.astype(kind)
    limits = np.iinfo(kind)
    stored = np.round(values / tensor.scale) + tensor.zero_point
    return np.clip(stored, limits.min, limits.max).astype(kind)
