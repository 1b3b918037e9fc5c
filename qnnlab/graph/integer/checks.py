"""What makes an IntegerGraph whole; each rule raises ModelFormatError that names the operator."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import ModelFormatError
from qnnlab.graph.checks import printable, shape_text
from qnnlab.graph.integer.model import (
    KINDS,
    PADDINGS,
    RELUS,
    Activation,
    IntegerGraph,
    Op,
    Weights,
    window,
)
from qnnlab.graph.integer.rounding import (
    add_multipliers,
    channel_multipliers,
    quantize_multiplier,
)

_MAX_ELEMENTS = 2**28
_MAX_WINDOW = 2**16
# Of scales in these bounds no product or quotient leaves float32.
_SCALES = (2.0**-60, 2.0**60)
# Room for the zero point on top of what 32 bits hold.
_NARROW_LIMIT = 2**31 - 2**16
_WIDE_LIMIT = 2**47
_WIDE_MAX_SHIFT = 7


def check_integer_graph(graph: IntegerGraph) -> None:
    """Raise ModelFormatError unless `graph` can be executed exactly.

    Shapes follow from the operators, codes and zero points lie in their ranges, and no sum or
    product leaves the integers that TFLite's kernels compute with.
    """
    _check_name(graph.name)
    for position, activation in enumerate(graph.activations):
        try:
            _check_activation(activation)
        except ModelFormatError as error:
            name = printable(activation.name)
            raise ModelFormatError(f"activation {position} {name!r}: {error}") from None
    count = len(graph.activations)
    for what, index in (("input", graph.input), ("output", graph.output)):
        if not 0 <= index < count:
            raise ModelFormatError(f"graph {what}: activation {index} does not exist")
    made = {graph.input}
    for position, op in enumerate(graph.ops):
        try:
            _check_op(graph, op, made)
        except ModelFormatError as error:
            name = printable(op.name)
            raise ModelFormatError(
                f"operator {position} {name!r} ({printable(op.kind)}): {error}"
            ) from None
        made.add(op.output)
    if len(made) < count:
        missing = min(set(range(count)) - made)
        name = printable(graph.activations[missing].name)
        raise ModelFormatError(f"activation {missing} {name!r}: no operator makes it")


def accumulator_bound(graph: IntegerGraph, op: Op) -> NDArray[np.int64]:
    """The largest magnitude, by output channel, of a sum of products in conv, depthwise or dense.

    No partial sum is larger either; the bias comes on top.
    """
    assert op.weights is not None
    source = graph.activations[op.inputs[0]]
    largest = max(source.zero_point - source.code_low, source.code_high - source.zero_point)
    axis = channel_axis(op)
    others = tuple(i for i in range(op.weights.codes.ndim) if i != axis)
    bound: NDArray[np.int64] = np.abs(op.weights.values().astype(np.int64)).sum(axis=others)
    return bound * largest


def channel_axis(op: Op) -> int:
    """The axis of the weights that counts output channels."""
    return 3 if op.kind == "depthwise" else 0


def _require(fits: bool, problem: str) -> None:
    if not fits:
        raise ModelFormatError(problem)


def _check_name(name: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ModelFormatError("its name is no Unicode text") from None


def _check_scale(scale: float) -> None:
    low, high = _SCALES
    _require(
        math.isfinite(scale) and low <= scale <= high,
        f"its scale {scale:g} is not a number from 2^-60 to 2^60",
    )


def _check_activation(activation: Activation) -> None:
    _check_name(activation.name)
    _require(2 <= activation.bits <= 16, f"it has {activation.bits} bits, they go from 2 to 16")
    _check_scale(activation.scale)
    zero_point = activation.zero_point
    _require(
        activation.code_low <= zero_point <= activation.code_high,
        f"its zero point {zero_point} is no code of {activation.bits} bits",
    )
    _require(
        not activation.wide or zero_point == 0,
        f"its zero point is {zero_point}, above 8 bits it must be 0",
    )
    shape = activation.shape
    _require(
        0 < len(shape) <= 3
        and all(0 < extent <= _MAX_ELEMENTS for extent in shape)
        and math.prod(shape) <= _MAX_ELEMENTS,
        f"its shape {shape_text(shape)} must have 1 to 3 dimensions, none of them empty, and "
        f"at most {_MAX_ELEMENTS} elements",
    )


def _check_op(graph: IntegerGraph, op: Op, made: set[int]) -> None:
    _check_name(op.name)
    _require(op.kind in KINDS, f"no such kind; known: {', '.join(KINDS)}")
    _require(op.relu in RELUS, f"its relu is {printable(str(op.relu))}, not relu or relu6")
    operands = 2 if op.kind == "add" else 1
    _require(len(op.inputs) == operands, f"it has {len(op.inputs)} inputs, not {operands}")
    for index in op.inputs:
        _require(index in made, f"its input, activation {index}, is not made before it")
    count = len(graph.activations)
    _require(0 <= op.output < count, f"its output, activation {op.output}, does not exist")
    _require(op.output not in made, f"its output, activation {op.output}, is made twice")
    weighted = op.kind in ("conv", "depthwise", "dense")
    _require(
        weighted == (op.weights is not None),
        "it has no weights" if weighted else "it can't have weights",
    )
    _require(weighted or op.bias is None, "it can't have a bias")
    _RULES[op.kind](graph, op)
    if op.relu == "relu6":
        scale = graph.activations[op.output].scale
        _require(6 / scale < 2**30, f"its output scale {scale:g} is too small for a relu6")


def _ends(graph: IntegerGraph, op: Op) -> tuple[Activation, Activation]:
    return graph.activations[op.inputs[0]], graph.activations[op.output]


def _check_output(op: Op, expected: tuple[int, ...], output: Activation) -> None:
    _require(
        output.shape == expected,
        f"its output has shape {shape_text(output.shape)}, not {shape_text(expected)}",
    )


def _check_width(source: Activation, target: Activation) -> None:
    _require(
        source.wide == target.wide,
        f"it goes from {source.bits} to {target.bits} bits; only a requantize crosses 8 bits",
    )


def _check_kept(source: Activation, target: Activation) -> None:
    kept = all(
        getattr(source, part) == getattr(target, part) for part in ("bits", "scale", "zero_point")
    )
    _require(kept, "its output must have the bits, scale and zero point of its input")


def _check_weights(weights: Weights, rank: int, channels_at: int) -> None:
    codes, bits = weights.codes, weights.bits
    _require(1 <= bits <= 8, f"its weights have {bits} bits, they go from 1 to 8")
    _require(
        codes.ndim == rank and codes.size > 0,
        f"its weights have shape {shape_text(codes.shape)}, not {rank} dimensions with elements",
    )
    dtype = "int8" if weights.codebook is None else "uint8"
    _require(codes.dtype.name == dtype, f"its weight codes are {codes.dtype}, not {dtype}")
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    if weights.codebook is not None:
        low, high = 0, 2**bits - 1
        book = weights.codebook
        _require(
            book.dtype.name == "int8" and book.shape == (2**bits,),
            f"its codebook is {book.dtype}{shape_text(book.shape)}, not int8[{2**bits}]",
        )
    outside = codes.min() < low or codes.max() > high
    _require(not outside, f"its weight codes leave the range {low} to {high} of {bits} bits")
    scale = weights.scale
    _require(
        scale.dtype.name == "float32" and scale.shape in ((1,), (codes.shape[channels_at],)),
        f"its weight scales are {scale.dtype}{shape_text(scale.shape)}, not float32 of 1 or "
        f"{codes.shape[channels_at]}",
    )
    for value in scale:
        _check_scale(float(value))


def _check_accumulators(graph: IntegerGraph, op: Op) -> None:
    """Every sum fits its accumulator, and every product of the requantization 64 bits."""
    source, target = _ends(graph, op)
    _check_width(source, target)
    bound = accumulator_bound(graph, op).astype(np.float64)
    if op.bias is not None:
        _require(
            op.bias.dtype.name == "int64" and op.bias.shape == bound.shape,
            f"its bias is {op.bias.dtype}{shape_text(op.bias.shape)}, "
            f"not int64{shape_text(bound.shape)}",
        )
        bound = bound + np.abs(op.bias.astype(np.float64))
    _check_products(bound, channel_multipliers(graph, op), source.wide)


def _check_products(bound: NDArray[np.float64], real: NDArray[np.float64], wide: bool) -> None:
    _, shift = quantize_multiplier(real)
    if wide:
        _require(bool((bound < _WIDE_LIMIT).all()), "its accumulator can leave 48 bits")
        fits = (shift <= _WIDE_MAX_SHIFT).all() and (bound * real < _NARROW_LIMIT).all()
    else:
        _require(bool((bound < _NARROW_LIMIT).all()), "its accumulator can leave 32 bits")
        fits = (bound * 2.0 ** np.maximum(shift, 0) < _NARROW_LIMIT).all()
    _require(bool(fits), "its output scale is so small that requantization can overflow 32 bits")


def _pair(op: Op, name: str) -> tuple[int, int]:
    value = op.attributes.get(name)
    if (
        not isinstance(value, tuple)
        or len(value) != 2
        or not all(type(part) is int and 0 < part <= _MAX_WINDOW for part in value)
    ):
        raise ModelFormatError(
            f"its {name} must be two positive integers, not {printable(repr(value))}"
        )
    return value


def _check_attributes(op: Op, *names: str) -> None:
    wrong = set(op.attributes).symmetric_difference(names)
    _require(not wrong, f"its attributes must be {', '.join(names) or 'none'}")


def _window_shape(op: Op, source: Activation, size: tuple[int, int]) -> tuple[int, int]:
    _require(
        len(source.shape) == 3,
        f"its input has shape {shape_text(source.shape)}, not [height, width, channels]",
    )
    padding = op.attributes["padding"]
    _require(padding in PADDINGS, f"its padding is {printable(str(padding))}, not same or valid")
    strides = _pair(op, "strides")
    rows, columns = (window(source.shape[i], size[i], strides[i], padding)[0] for i in (0, 1))
    _require(
        rows > 0 and columns > 0,
        f"its window {shape_text(size)} is larger than its input {shape_text(source.shape)}",
    )
    return rows, columns


def _check_conv(graph: IntegerGraph, op: Op) -> None:
    source, target = _ends(graph, op)
    assert op.weights is not None
    _check_attributes(op, "strides", "padding")
    _check_weights(op.weights, 4, channel_axis(op))
    first, height, width, last = op.weights.codes.shape
    place = _window_shape(op, source, (height, width))
    channels = source.shape[2]
    fits = last == channels if op.kind == "conv" else first == 1 and last % channels == 0
    _require(
        fits,
        f"its weights {shape_text(op.weights.codes.shape)} do not fit {channels} input channels",
    )
    _check_output(op, (*place, first if op.kind == "conv" else last), target)
    _check_accumulators(graph, op)


def _check_dense(graph: IntegerGraph, op: Op) -> None:
    source, target = _ends(graph, op)
    assert op.weights is not None
    _check_attributes(op)
    _check_weights(op.weights, 2, channel_axis(op))
    channels, depth = op.weights.codes.shape
    _require(
        source.shape == (depth,),
        f"its input has shape {shape_text(source.shape)}, not {shape_text((depth,))}",
    )
    _check_output(op, (channels,), target)
    _check_accumulators(graph, op)


def _check_add(graph: IntegerGraph, op: Op) -> None:
    target = graph.activations[op.output]
    _check_attributes(op)
    for index in op.inputs:
        source = graph.activations[index]
        _check_output(op, source.shape, target)
        _check_width(source, target)
    *inputs, output, _ = add_multipliers(graph, op)
    multiplier, shift = quantize_multiplier(np.array([*inputs, output]))
    _require(
        bool((shift <= 0).all() and (multiplier > 0).all()),
        "its scales are too far apart for an integer add",
    )


def _check_pool(graph: IntegerGraph, op: Op) -> None:
    source, target = _ends(graph, op)
    _check_attributes(op, "pool", "strides", "padding")
    place = _window_shape(op, source, _pair(op, "pool"))
    _check_output(op, (*place, source.shape[2]), target)
    _check_kept(source, target)


def _check_reshape(graph: IntegerGraph, op: Op) -> None:
    source, target = _ends(graph, op)
    _check_attributes(op)
    _require(op.relu is None, "a reshape has no relu")
    _require(
        math.prod(source.shape) == math.prod(target.shape),
        f"it can't make {shape_text(target.shape)} of {shape_text(source.shape)}",
    )
    _check_kept(source, target)


def _check_requantize(graph: IntegerGraph, op: Op) -> None:
    source, target = _ends(graph, op)
    _check_attributes(op)
    _require(op.relu is None, "a requantize has no relu")
    _check_output(op, source.shape, target)
    span = np.array([2.0**source.bits])
    _check_products(span, channel_multipliers(graph, op), wide=False)


_RULES: Mapping[str, Callable[[IntegerGraph, Op], None]] = {
    "conv": _check_conv,
    "depthwise": _check_conv,
    "dense": _check_dense,
    "add": _check_add,
    "average_pool": _check_pool,
    "max_pool": _check_pool,
    "reshape": _check_reshape,
    "requantize": _check_requantize,
}
