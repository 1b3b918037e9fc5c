"""Sums of products with constant weights: conv, depthwise, dense, transpose_conv."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import ModelFormatError
from qnnlab.graph.checks import shape_text
from qnnlab.graph.integer.kinds.kind import Call, Form, Kind
from qnnlab.graph.integer.kinds.rules import (
    check_image,
    check_output,
    check_padding,
    check_products,
    check_scale,
    check_width,
    dilations_of,
    ends,
    pair,
    require,
    window_shape,
)
from qnnlab.graph.integer.kinds.windows import windows
from qnnlab.graph.integer.model import IntegerGraph, Op, Weights, channel_axis, window
from qnnlab.graph.integer.operator_reader import OperatorReader
from qnnlab.graph.integer.rounding import Rule, channel_multipliers

# Integers up to here are exact in float32, and a float32 product is the faster one.
_FLOAT32_EXACT = 2**24


def accumulator_bound(graph: IntegerGraph, op: Op) -> NDArray[np.int64]:
    """The largest magnitude, by output channel, of a sum of products in a weighted operator.

    No partial sum is larger either; the bias comes on top.
    """
    assert op.weights is not None
    source = graph.activations[op.inputs[0]]
    largest = max(source.zero_point - source.code_low, source.code_high - source.zero_point)
    axis = channel_axis(op)
    others = tuple(i for i in range(op.weights.codes.ndim) if i != axis)
    bound: NDArray[np.int64] = np.abs(op.weights.values().astype(np.int64)).sum(axis=others)
    return bound * largest


def _check_weights(op: Op, rank: int) -> Weights:
    weights = op.weights
    assert weights is not None
    codes, bits = weights.codes, weights.bits
    require(1 <= bits <= 8, f"its weights have {bits} bits, they go from 1 to 8")
    require(
        codes.ndim == rank and codes.size > 0,
        f"its weights have shape {shape_text(codes.shape)}, not {rank} dimensions with elements",
    )
    dtype = "int8" if weights.codebook is None else "uint8"
    require(codes.dtype.name == dtype, f"its weight codes are {codes.dtype}, not {dtype}")
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    if weights.codebook is not None:
        low, high = 0, 2**bits - 1
        book = weights.codebook
        require(
            book.dtype.name == "int8" and book.shape == (2**bits,),
            f"its codebook is {book.dtype}{shape_text(book.shape)}, not int8[{2**bits}]",
        )
    outside = codes.min() < low or codes.max() > high
    require(not outside, f"its weight codes leave the range {low} to {high} of {bits} bits")
    scale, channels = weights.scale, codes.shape[channel_axis(op)]
    require(
        scale.dtype.name == "float32" and scale.shape in ((1,), (channels,)),
        f"its weight scales are {scale.dtype}{shape_text(scale.shape)}, not float32 of 1 or "
        f"{channels}",
    )
    for value in scale:
        check_scale(float(value))
    return weights


def _check_accumulators(graph: IntegerGraph, op: Op) -> None:
    """Every sum fits its accumulator, and every product of the requantization 64 bits."""
    source, target = ends(graph, op)
    check_width(source, target)
    bound = accumulator_bound(graph, op).astype(np.float64)
    if op.bias is not None:
        require(
            op.bias.dtype.name == "int64" and op.bias.shape == bound.shape,
            f"its bias is {op.bias.dtype}{shape_text(op.bias.shape)}, "
            f"not int64{shape_text(bound.shape)}",
        )
        bound = bound + np.abs(op.bias.astype(np.float64))
    check_products(bound, channel_multipliers(graph, op), source.wide)


def dilated(op: Op, size: tuple[int, int]) -> tuple[int, int]:
    """Extents of a window whose taps lie `dilations` apart."""
    down, right = dilations_of(op)
    return (size[0] - 1) * down + 1, (size[1] - 1) * right + 1


def _check_conv(graph: IntegerGraph, op: Op) -> None:
    source, target = ends(graph, op)
    weights = _check_weights(op, 4)
    first, height, width, last = weights.codes.shape
    place = window_shape(op, source, dilated(op, (height, width)))
    channels = source.shape[2]
    if op.kind == "conv":
        fits = channels % last == 0 and first % (channels // last) == 0
    else:
        fits = first == 1 and last % channels == 0
    require(
        fits,
        f"its weights {shape_text(weights.codes.shape)} do not fit {channels} input channels",
    )
    check_output((*place, first if op.kind == "conv" else last), target)
    _check_accumulators(graph, op)


def _check_dense(graph: IntegerGraph, op: Op) -> None:
    source, target = ends(graph, op)
    channels, depth = _check_weights(op, 2).codes.shape
    elements = math.prod(source.shape)
    require(
        elements % depth == 0,
        f"its input has shape {shape_text(source.shape)}, its weights take rows of {depth}",
    )
    require(
        target.shape[-1] == channels and math.prod(target.shape) == elements // depth * channels,
        f"its output has shape {shape_text(target.shape)}, "
        f"not {elements // depth} rows of {channels}",
    )
    _check_accumulators(graph, op)


def _check_transpose_conv(graph: IntegerGraph, op: Op) -> None:
    source, target = ends(graph, op)
    channels, height, width, depth = _check_weights(op, 4).codes.shape
    check_image(source)
    check_image(target)
    check_padding(op)
    strides = pair(op, "strides")
    require(
        depth == source.shape[2] and channels == target.shape[2],
        f"its weights {shape_text((channels, height, width, depth))} do not fit "
        f"{source.shape[2]} input and {target.shape[2]} output channels",
    )
    place = tuple(
        window(target.shape[i], size, strides[i], op.attributes["padding"])[0]
        for i, size in enumerate((height, width))
    )
    require(
        place == source.shape[:2],
        f"its output {shape_text(target.shape)} does not come of {shape_text(source.shape)}",
    )
    _check_accumulators(graph, op)


def _rule(call: Call) -> Rule:
    return call.rounding.dense_rule if call.op.kind == "dense" else call.rounding.rule


def requantized(call: Call, sums: NDArray[np.int64]) -> NDArray[np.int64]:
    """Output codes, not clamped, of accumulators `sums` (samples, …, channels), bias added."""
    if call.op.bias is not None:
        sums = sums + call.op.bias
    wide = call.op.weights is not None and call.source.wide
    rounding, relu = call.rounding, call.op.weights is None and call.op.relu is not None
    float32 = rounding.float32_factors if relu else rounding.float32_multipliers
    multipliers = channel_multipliers(call.graph, call.op, float32)
    return _rule(call)(sums, multipliers, wide) + call.target.zero_point


def _float_for(call: Call) -> type[np.floating]:
    """The fastest float type whose sums of products are exact here."""
    bound = accumulator_bound(call.graph, call.op).max()
    return np.float32 if bound < _FLOAT32_EXACT else np.float64


def _values(call: Call) -> NDArray[np.int8]:
    assert call.op.weights is not None
    return call.op.weights.values()


def _as_float(call: Call, kind: type[np.floating]) -> NDArray[np.floating]:
    """The centred codes, exact in a float type."""
    return np.subtract(call.inputs[0], kind(call.source.zero_point), dtype=kind)


def _product(rows: NDArray[np.floating], values: NDArray[np.int8]) -> NDArray[np.int64]:
    """Rows (…, depth) times values (channels, depth): exact, as the check bounds every sum."""
    flat = values.reshape(len(values), -1).astype(rows.dtype)
    return (rows @ flat.T).astype(np.int64)


def _conv_sums(call: Call) -> NDArray[np.int64]:
    values = _values(call)
    channels, height, width, depth = values.shape
    image = _as_float(call, _float_for(call))
    groups = image.shape[3] // depth
    if (height, width) == (1, 1) and groups == 1:
        down, right = pair(call.op, "strides")
        return _product(image[:, ::down, ::right], values)
    size, step = (height, width), dilations_of(call.op)
    views = windows(image, call.op, size, 0, step)
    share = channels // groups
    parts = [
        _product(
            _rows(views[:, :, :, g * depth : (g + 1) * depth]), values[g * share : (g + 1) * share]
        )
        for g in range(groups)
    ]
    return np.concatenate(parts, axis=3) if groups > 1 else parts[0]


def _rows(views: NDArray[np.floating]) -> NDArray[np.floating]:
    moved = np.moveaxis(views, 3, 5)
    return moved.reshape(*moved.shape[:3], -1)


def _dense_sums(call: Call) -> NDArray[np.int64]:
    values = _values(call)
    rows = _as_float(call, _float_for(call)).reshape(-1, values.shape[1])
    return _product(rows, values).reshape(len(call.inputs[0]), *call.target.shape)


def _depthwise_sums(call: Call) -> NDArray[np.int64]:
    kind = _float_for(call)
    values = _values(call)[0].astype(kind)
    height, width, channels = values.shape
    image = _as_float(call, kind)
    image = np.repeat(image, channels // image.shape[3], axis=3)
    views = windows(image, call.op, (height, width), 0, dilations_of(call.op))
    sums = np.zeros(views.shape[:4], kind)
    for row in range(height):
        for column in range(width):
            sums += views[..., row, column] * values[row, column]
    return sums.astype(np.int64)


def _transpose_conv_sums(call: Call) -> NDArray[np.int64]:
    """Each input pixel spreads its products over a window of the output."""
    values = _values(call)
    channels, height, width, _ = values.shape
    image = _as_float(call, _float_for(call))
    samples, rows, columns, _ = image.shape
    down, right = pair(call.op, "strides")
    padding = call.op.attributes["padding"]
    extents = call.target.shape[:2]
    spread = np.zeros(
        (samples, (rows - 1) * down + height, (columns - 1) * right + width, channels), np.int64
    )
    for row in range(height):
        for column in range(width):
            below = slice(row, row + (rows - 1) * down + 1, down)
            beside = slice(column, column + (columns - 1) * right + 1, right)
            spread[:, below, beside] += _product(image, values[:, row, column])
    top, left = (
        window(extents[i], size, (down, right)[i], padding)[1]
        for i, size in enumerate((height, width))
    )
    result = np.zeros((samples, *extents, channels), np.int64)
    inside = spread[:, top : top + extents[0], left : left + extents[1]]
    result[:, : inside.shape[1], : inside.shape[2]] = inside
    return result


_SUMS: Mapping[str, Callable[[Call], NDArray[np.int64]]] = {
    "conv": _conv_sums,
    "depthwise": _depthwise_sums,
    "dense": _dense_sums,
    "transpose_conv": _transpose_conv_sums,
}


def accumulators(call: Call) -> NDArray[np.int64]:
    """The sums of products (samples, *output shape), bias not counted."""
    return _SUMS[call.op.kind](call)


def _run(call: Call) -> NDArray[np.int64]:
    return requantized(call, accumulators(call))


def _conv_form(graph: IntegerGraph, op: Op) -> Form:
    down, right = dilations_of(op)
    fields = {"dilationHFactor": down, "dilationWFactor": right}
    if op.kind == "conv":
        return Form("CONV_2D", (3, 4), "Conv2DOptions", fields)
    assert op.weights is not None
    depth = graph.activations[op.inputs[0]].shape[2]
    fields["depthMultiplier"] = op.weights.codes.shape[3] // depth
    return Form("DEPTHWISE_CONV_2D", (3, 5), "DepthwiseConv2DOptions", fields)


def _dense_form(graph: IntegerGraph, op: Op) -> Form:
    keep = len(graph.activations[op.output].shape) > 1
    return Form("FULLY_CONNECTED", (4, 7), "FullyConnectedOptions", {"keepNumDims": keep})


def _transpose_conv_form(graph: IntegerGraph, op: Op) -> Form:
    shape = np.array([1, *graph.activations[op.output].shape], np.int32)
    return Form("TRANSPOSE_CONV", (3, 3), "TransposeConvOptions", constants={"output_shape": shape})


def _attributes(operator: OperatorReader, dilations: bool = True) -> dict[str, object]:
    option = operator.option
    made: dict[str, object] = {
        "strides": (int(option("stride_h")), int(option("stride_w"))),
        "padding": str(option("padding")).lower(),
    }
    if dilations:
        apart = (int(option("dilation_h_factor")), int(option("dilation_w_factor")))
        if apart != (1, 1):
            made["dilations"] = apart
    return made


def _read_conv(operator: OperatorReader) -> None:
    kind = "conv" if operator.name == "CONV_2D" else "depthwise"
    weights, bias = operator.weights(1, 0 if kind == "conv" else 3), operator.bias(2)
    operator.append(
        kind,
        (operator.source(0),),
        weights=weights,
        bias=bias,
        relu=operator.relu(),
        attributes=_attributes(operator),
    )


def _read_dense(operator: OperatorReader) -> None:
    if operator.option("weights_format") != "DEFAULT":
        raise ModelFormatError("its weights are shuffled for another machine")
    weights, bias = operator.weights(1, 0), operator.bias(2)
    operator.append(
        "dense", (operator.source(0),), weights=weights, bias=bias, relu=operator.relu()
    )


def _read_transpose_conv(operator: OperatorReader) -> None:
    if operator.relu() is not None:
        raise ModelFormatError("TFLite Micro ignores its fused activation")
    operator.append(
        "transpose_conv",
        (operator.source(2),),
        weights=operator.weights(1, 0),
        bias=operator.bias(3),
        attributes=_attributes(operator, dilations=False),
    )


_PLACED = ("strides", "padding")


def _placed(name: str) -> Kind:
    return Kind(
        name,
        _check_conv,
        _run,
        _conv_form,
        weighted=True,
        relu=True,
        attributes=_PLACED,
        optional=("dilations",),
    )


KINDS = (
    _placed("conv"),
    _placed("depthwise"),
    Kind("dense", _check_dense, _run, _dense_form, weighted=True, relu=True),
    Kind(
        "transpose_conv",
        _check_transpose_conv,
        _run,
        _transpose_conv_form,
        weighted=True,
        attributes=_PLACED,
    ),
)

READERS = {
    "CONV_2D": _read_conv,
    "DEPTHWISE_CONV_2D": _read_conv,
    "FULLY_CONNECTED": _read_dense,
    "TRANSPOSE_CONV": _read_transpose_conv,
}
