"""Many codes become one: pools over windows, mean, sum and largest over axes."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from qnnlab.graph.integer.kinds.kind import Call, Form, Kind
from qnnlab.graph.integer.kinds.rules import (
    NARROW_LIMIT,
    axes_of,
    check_kept,
    check_output,
    check_width,
    ends,
    pair,
    require,
    window_shape,
)
from qnnlab.graph.integer.kinds.windows import windows
from qnnlab.graph.integer.model import IntegerGraph, Op
from qnnlab.graph.integer.operator_reader import OperatorReader
from qnnlab.graph.integer.rounding import (
    apply_multiplier,
    channel_multipliers,
    quantize_multiplier,
)


def _check_pool(graph: IntegerGraph, op: Op) -> None:
    source, target = ends(graph, op)
    place = window_shape(op, source, pair(op, "pool"))
    check_output((*place, source.shape[2]), target)
    check_kept(source, target)


def _average_pool(call: Call) -> NDArray[np.int64]:
    """The mean of the codes inside the image, half away from zero."""
    size = pair(call.op, "pool")
    codes = call.inputs[0]
    inside = np.ones((1, *codes.shape[1:3], 1), np.int64)
    counts = windows(inside, call.op, size, 0).sum(axis=(4, 5))
    total = windows(codes.astype(np.int64), call.op, size, 0).sum(axis=(4, 5))
    mean: NDArray[np.int64] = np.sign(total) * ((np.abs(total) + counts // 2) // counts)
    return mean


def _max_pool(call: Call) -> NDArray[np.int64]:
    views = windows(call.inputs[0], call.op, pair(call.op, "pool"), call.source.code_low)
    largest: NDArray[np.int64] = views.max(axis=(4, 5)).astype(np.int64)
    return largest


def _pool_form(graph: IntegerGraph, op: Op) -> Form:
    height, width = pair(op, "pool")
    name = "AVERAGE_POOL_2D" if op.kind == "average_pool" else "MAX_POOL_2D"
    return Form(name, (2, 3), "Pool2DOptions", {"filterHeight": height, "filterWidth": width})


def _read_pool(operator: OperatorReader) -> None:
    kind = "average_pool" if operator.name == "AVERAGE_POOL_2D" else "max_pool"
    option = operator.option
    attributes = {
        "pool": (int(option("filter_height")), int(option("filter_width"))),
        "strides": (int(option("stride_h")), int(option("stride_w"))),
        "padding": str(option("padding")).lower(),
    }
    operator.append(kind, (operator.source(0),), relu=operator.relu(), attributes=attributes)


def _count(graph: IntegerGraph, op: Op) -> int:
    shape = graph.activations[op.inputs[0]].shape
    return math.prod(shape[axis] for axis in op.attributes["axes"])


def _check_reduced(graph: IntegerGraph, op: Op) -> None:
    source, target = ends(graph, op)
    axes = axes_of(op, "axes", len(source.shape))
    left = [extent for axis, extent in enumerate(source.shape) if axis not in axes]
    require(
        math.prod(left) == math.prod(target.shape),
        f"its output has {math.prod(target.shape)} elements, not {math.prod(left)}",
    )
    check_width(source, target)


def _check_mean(graph: IntegerGraph, op: Op) -> None:
    _check_reduced(graph, op)
    source, _ = ends(graph, op)
    _, shift = quantize_multiplier(channel_multipliers(graph, op))
    reach = _count(graph, op) * 2.0**source.bits
    require(
        bool((reach * 2.0 ** np.maximum(shift, 0) < NARROW_LIMIT).all()),
        "it sums so much that requantization can overflow 32 bits",
    )


def _check_largest(graph: IntegerGraph, op: Op) -> None:
    _check_reduced(graph, op)
    check_kept(*ends(graph, op))


def _sum(call: Call, codes: NDArray[np.int64]) -> NDArray[np.int64]:
    axes = tuple(axis + 1 for axis in call.op.attributes["axes"])
    made: NDArray[np.int64] = codes.sum(axis=axes).reshape(len(codes), *call.target.shape)
    return made


def _mean(call: Call) -> NDArray[np.int64]:
    """The sum times a multiplier in which the division lies, truncated as TFLite has it."""
    count = _count(call.graph, call.op)
    total = _sum(call, call.centred())
    real = channel_multipliers(call.graph, call.op)
    if call.rounding.exact_mean:
        return call.rounding.rule(total, real / count, False) + call.target.zero_point
    multiplier, shift = (int(part[0]) for part in quantize_multiplier(real))
    bits = min(count.bit_length() - 1, 32, 31 + shift)
    divided = (multiplier << bits) // count
    return apply_multiplier(total, divided, shift - bits) + call.target.zero_point


def _total(call: Call) -> NDArray[np.int64]:
    total = _sum(call, call.centred())
    real = channel_multipliers(call.graph, call.op)
    return call.rounding.rule(total, real, False) + call.target.zero_point


def _largest(call: Call) -> NDArray[np.int64]:
    axes = tuple(axis + 1 for axis in call.op.attributes["axes"])
    codes = call.inputs[0].astype(np.int64)
    made: NDArray[np.int64] = codes.max(axis=axes).reshape(len(codes), *call.target.shape)
    return made


_REDUCERS = {"mean": "MEAN", "sum": "SUM", "reduce_max": "REDUCE_MAX"}


def _reduced_form(graph: IntegerGraph, op: Op) -> Form:
    source, target = ends(graph, op)
    keep = len(target.shape) == len(source.shape)
    axes = np.array([axis + 1 for axis in op.attributes["axes"]], np.int32)
    return Form(_REDUCERS[op.kind], (2, 3), "ReducerOptions", {"keepDims": keep}, {"axes": axes})


def _read_reduced(operator: OperatorReader) -> None:
    kind = next(kind for kind, name in _REDUCERS.items() if name == operator.name)
    attributes = {"axes": operator.axes(1)}
    operator.append(kind, (operator.source(0),), attributes=attributes)


_PLACED = ("pool", "strides", "padding")

KINDS = (
    Kind("average_pool", _check_pool, _average_pool, _pool_form, relu=True, attributes=_PLACED),
    Kind("max_pool", _check_pool, _max_pool, _pool_form, relu=True, attributes=_PLACED),
    Kind("mean", _check_mean, _mean, _reduced_form, attributes=("axes",)),
    Kind("sum", _check_reduced, _total, _reduced_form, attributes=("axes",)),
    Kind("reduce_max", _check_largest, _largest, _reduced_form, attributes=("axes",)),
)

READERS = {
    "AVERAGE_POOL_2D": _read_pool,
    "MAX_POOL_2D": _read_pool,
    "MEAN": _read_reduced,
    "SUM": _read_reduced,
    "REDUCE_MAX": _read_reduced,
}
