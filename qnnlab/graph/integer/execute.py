"""Execute an IntegerGraph in numpy, to the bit as a named runtime would.

Layers of up to 8-bit activations compute as TFLite's int8 kernels do, wider ones as its int16
kernels; fewer bits only narrow the clamp.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from qnnlab.graph.integer.checks import accumulator_bound
from qnnlab.graph.integer.model import Activation, IntegerGraph, Op, window
from qnnlab.graph.integer.rounding import (
    Rule,
    add_multipliers,
    channel_multipliers,
    clamp_range,
    rounding_rule,
)
from qnnlab.numerics.affine import Affine, CodeRange, dequantize, quantize

Codes = NDArray[np.integer]

_CHUNK_BYTES = 2**26
# Integers up to here are exact in float32, and a float32 product is the faster one.
_FLOAT32_EXACT = 2**24


def run_integer(graph: IntegerGraph, codes: Codes, rounding: str = "tflm") -> Codes:
    """Output codes (samples, *output shape) of input codes (samples, *input shape).

    `rounding` names a rule of `qnnlab.graph.integer.rounding`; "tflm" equals TFLite Micro byte
    for byte. Memory is bounded by the model, not by the number of samples. Raises
    ModelFormatError for a graph that fails its check, SpecError for an unknown rounding and
    ValueError for codes of another shape or range.
    """
    return _in_chunks(graph, codes, rounding, (graph.output,))[0]


def run_layers(graph: IntegerGraph, codes: Codes, rounding: str = "tflm") -> tuple[Codes, ...]:
    """The codes (samples, *shape) of every activation, in the order of `graph.activations`.

    For finding the first layer in which two runs differ; raises as run_integer.
    """
    return _in_chunks(graph, codes, rounding, range(len(graph.activations)))


def quantize_input(graph: IntegerGraph, x: NDArray[np.floating]) -> Codes:
    """Input codes of real numbers `x` (samples, *input shape); nearest, ties to even.

    Raises ValueError for NaN.
    """
    source = graph.activations[graph.input]
    return quantize(x, _affine(source)).astype(source.dtype)


def dequantize_output(graph: IntegerGraph, codes: Codes) -> NDArray[np.float32]:
    """The real numbers that output codes stand for."""
    return dequantize(codes, _affine(graph.activations[graph.output]))


def _affine(activation: Activation) -> Affine:
    scale, zero_point = np.array(activation.scale), np.array(activation.zero_point)
    return Affine(scale, zero_point, CodeRange(activation.bits))


def _in_chunks(
    graph: IntegerGraph, codes: Codes, rounding: str, wanted: range | tuple[int, ...]
) -> tuple[Codes, ...]:
    rules = {op.kind: rounding_rule(rounding, op.kind) for op in graph.ops}
    graph.check()
    _check_codes(graph.activations[graph.input], codes)
    step = max(1, _CHUNK_BYTES // _sample_bytes(graph))
    results = [
        np.empty((len(codes), *graph.activations[i].shape), graph.activations[i].dtype)
        for i in wanted
    ]
    for start in range(0, len(codes), step):
        made = _forward(graph, codes[start : start + step], rules)
        for result, index in zip(results, wanted, strict=True):
            result[start : start + step] = made[index]
    return tuple(results)


def _check_codes(source: Activation, codes: Codes) -> None:
    if codes.ndim == 0 or codes.shape[1:] != source.shape:
        raise ValueError(f"codes have shape {codes.shape}, the graph takes (n, *{source.shape})")
    if codes.dtype.kind not in "iu":
        raise ValueError(f"codes must be integers, not {codes.dtype}")
    if codes.size and not (source.code_low <= codes.min() and codes.max() <= source.code_high):
        raise ValueError(f"codes must be from {source.code_low} to {source.code_high}")


def _sample_bytes(graph: IntegerGraph) -> int:
    """The largest layer's working memory for one sample."""
    sizes = [1]
    for op in graph.ops:
        elements = math.prod(graph.activations[op.output].shape)
        if op.kind == "conv" and op.weights is not None:
            taps = math.prod(op.weights.codes.shape[1:])
            elements += elements // op.weights.codes.shape[0] * taps
        sizes.append(elements + sum(math.prod(graph.activations[i].shape) for i in op.inputs))
    return 8 * max(sizes)


def _forward(graph: IntegerGraph, codes: Codes, rules: Mapping[str, Rule]) -> dict[int, Codes]:
    made = {graph.input: codes}
    for op in graph.ops:
        target = graph.activations[op.output]
        values = _KERNELS[op.kind](graph, op, [made[i] for i in op.inputs], rules[op.kind])
        low, high = clamp_range(target, op.relu)
        made[op.output] = np.clip(values, low, high).astype(target.dtype)
    return made


def _requantized(
    graph: IntegerGraph, op: Op, accumulators: NDArray[np.int64], rule: Rule
) -> NDArray[np.int64]:
    """Output codes, not clamped, of accumulators (samples, …, channels)."""
    if op.bias is not None:
        accumulators = accumulators + op.bias
    wide = op.kind != "requantize" and graph.activations[op.inputs[0]].wide
    scaled = rule(accumulators, channel_multipliers(graph, op), wide)
    return scaled + graph.activations[op.output].zero_point


def _windows(x: Codes, op: Op, size: tuple[int, int], fill: int) -> Codes:
    """A view (samples, rows, columns, channels, height, width) of `x` padded with `fill`."""
    padded = [(0, 0), (0, 0), (0, 0), (0, 0)]
    for axis in (0, 1):
        extent, stride = x.shape[axis + 1], op.attributes["strides"][axis]
        _, before, after = window(extent, size[axis], stride, op.attributes["padding"])
        padded[axis + 1] = (before, after)
    source = np.pad(x, padded, constant_values=fill)
    views = np.lib.stride_tricks.sliding_window_view(source, size, axis=(1, 2))
    down, right = op.attributes["strides"]
    return views[:, ::down, ::right]


def _exact_float(graph: IntegerGraph, op: Op) -> type[np.floating]:
    """The fastest float type whose sums of products are exact here."""
    return np.float32 if accumulator_bound(graph, op).max() < _FLOAT32_EXACT else np.float64


def _matmul(
    graph: IntegerGraph, op: Op, rows: Codes, rule: Rule, values: NDArray[np.int8]
) -> NDArray[np.int64]:
    """Rows (…, depth) times weights (channels, depth), exact: the check bounds every sum."""
    dtype = _exact_float(graph, op)
    products = rows.astype(dtype) @ values.reshape(len(values), -1).T.astype(dtype)
    return _requantized(graph, op, products.astype(np.int64), rule)


def _conv(graph: IntegerGraph, op: Op, inputs: list[Codes], rule: Rule) -> NDArray[np.int64]:
    values = _values(op)
    height, width = values.shape[1:3]
    centred = inputs[0].astype(np.int32) - graph.activations[op.inputs[0]].zero_point
    views = np.moveaxis(_windows(centred, op, (height, width), 0), 3, 5)
    rows = views.reshape(*views.shape[:3], -1)
    return _matmul(graph, op, rows, rule, values)


def _dense(graph: IntegerGraph, op: Op, inputs: list[Codes], rule: Rule) -> NDArray[np.int64]:
    centred = inputs[0].astype(np.int32) - graph.activations[op.inputs[0]].zero_point
    return _matmul(graph, op, centred, rule, _values(op))


def _depthwise(graph: IntegerGraph, op: Op, inputs: list[Codes], rule: Rule) -> NDArray[np.int64]:
    values = _values(op)[0].astype(np.int64)
    height, width, channels = values.shape
    centred = inputs[0].astype(np.int64) - graph.activations[op.inputs[0]].zero_point
    centred = np.repeat(centred, channels // centred.shape[3], axis=3)
    views = _windows(centred, op, (height, width), 0)
    accumulators = np.zeros(views.shape[:4], np.int64)
    for row in range(height):
        for column in range(width):
            accumulators += views[..., row, column] * values[row, column]
    return _requantized(graph, op, accumulators, rule)


def _values(op: Op) -> NDArray[np.int8]:
    assert op.weights is not None
    return op.weights.values()


def _add(graph: IntegerGraph, op: Op, inputs: list[Codes], rule: Rule) -> NDArray[np.int64]:
    *multipliers, output_multiplier, shift = add_multipliers(graph, op)
    total = np.zeros_like(inputs[0], np.int64)
    for index, codes, multiplier in zip(op.inputs, inputs, multipliers, strict=True):
        centred = codes.astype(np.int64) - graph.activations[index].zero_point
        total += rule(centred << shift, np.array(multiplier), False)
    scaled = rule(total, np.array(output_multiplier), False)
    return scaled + graph.activations[op.output].zero_point


def _average_pool(
    graph: IntegerGraph, op: Op, inputs: list[Codes], rule: Rule
) -> NDArray[np.int64]:
    """The mean of the codes inside the image, half away from zero."""
    size = op.attributes["pool"]
    inside = np.ones((1, *inputs[0].shape[1:3], 1), np.int64)
    counts = _windows(inside, op, size, 0).sum(axis=(4, 5))
    total = _windows(inputs[0].astype(np.int64), op, size, 0).sum(axis=(4, 5))
    mean: NDArray[np.int64] = np.sign(total) * ((np.abs(total) + counts // 2) // counts)
    return mean


def _max_pool(graph: IntegerGraph, op: Op, inputs: list[Codes], rule: Rule) -> NDArray[np.int64]:
    low = graph.activations[op.inputs[0]].code_low
    views = _windows(inputs[0], op, op.attributes["pool"], low)
    largest: NDArray[np.int64] = views.max(axis=(4, 5))
    return largest


def _reshape(graph: IntegerGraph, op: Op, inputs: list[Codes], rule: Rule) -> NDArray[np.int64]:
    target = graph.activations[op.output].shape
    return inputs[0].reshape(len(inputs[0]), *target).astype(np.int64)


def _requantize(graph: IntegerGraph, op: Op, inputs: list[Codes], rule: Rule) -> NDArray[np.int64]:
    centred = inputs[0].astype(np.int64) - graph.activations[op.inputs[0]].zero_point
    return _requantized(graph, op, centred, rule)


_Kernel = Callable[[IntegerGraph, Op, list[Codes], Rule], NDArray[np.int64]]

_KERNELS: Mapping[str, _Kernel] = {
    "conv": _conv,
    "depthwise": _depthwise,
    "dense": _dense,
    "add": _add,
    "average_pool": _average_pool,
    "max_pool": _max_pool,
    "reshape": _reshape,
    "requantize": _requantize,
}
