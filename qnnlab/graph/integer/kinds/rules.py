"""Rules that several kinds of operators share; each raises ModelFormatError."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import ModelFormatError
from qnnlab.graph.checks import printable, shape_text
from qnnlab.graph.integer.model import PADDINGS, Activation, IntegerGraph, Op, window
from qnnlab.graph.integer.rounding import quantize_multiplier

MAX_WINDOW = 2**16
#: Of scales in these bounds no product or quotient leaves float32.
SCALES = (2.0**-60, 2.0**60)
#: Room for the zero point on top of what 32 bits hold.
NARROW_LIMIT = 2**31 - 2**16
_WIDE_LIMIT = 2**47
_WIDE_MAX_SHIFT = 7


def require(fits: bool, problem: str) -> None:
    """Raise ModelFormatError with `problem` unless `fits`."""
    if not fits:
        raise ModelFormatError(problem)


def check_scale(scale: float) -> None:
    """A finite scale whose products stay in float32."""
    low, high = SCALES
    require(
        math.isfinite(scale) and low <= scale <= high,
        f"its scale {scale:g} is not a number from 2^-60 to 2^60",
    )


def ends(graph: IntegerGraph, op: Op) -> tuple[Activation, Activation]:
    """The activations of the first input and of the output."""
    return graph.activations[op.inputs[0]], graph.activations[op.output]


def check_output(expected: tuple[int, ...], output: Activation) -> None:
    """The output's shape."""
    require(
        output.shape == expected,
        f"its output has shape {shape_text(output.shape)}, not {shape_text(expected)}",
    )


def check_width(source: Activation, target: Activation) -> None:
    """Both of 8 bits and fewer, or both above."""
    require(
        source.wide == target.wide,
        f"it goes from {source.bits} to {target.bits} bits; only a requantize crosses 8 bits",
    )


def check_kept(source: Activation, target: Activation) -> None:
    """The operator moves codes, it does not change what they mean."""
    kept = all(
        getattr(source, part) == getattr(target, part) for part in ("bits", "scale", "zero_point")
    )
    require(kept, "its output must have the bits, scale and zero point of its input")


def check_whole_bits(op: Op, *activations: Activation) -> None:
    """8 or 16 bits, as the tables and fixed-point functions have them."""
    for activation in activations:
        require(
            activation.bits in (8, 16),
            f"a {op.kind} takes 8 or 16 bits, not {activation.bits}",
        )


def check_products(bound: NDArray[np.float64], real: NDArray[np.float64], wide: bool) -> None:
    """Accumulators up to `bound` times `real` stay in the integers that kernels compute with."""
    _, shift = quantize_multiplier(real)
    if wide:
        require(bool((bound < _WIDE_LIMIT).all()), "its accumulator can leave 48 bits")
        fits = (shift <= _WIDE_MAX_SHIFT).all() and (bound * real < NARROW_LIMIT).all()
    else:
        require(bool((bound < NARROW_LIMIT).all()), "its accumulator can leave 32 bits")
        fits = (bound * 2.0 ** np.maximum(shift, 0) < NARROW_LIMIT).all()
    require(bool(fits), "its output scale is so small that requantization can overflow 32 bits")


def pair(op: Op, name: str) -> tuple[int, int]:
    """The attribute `name`: two positive integers."""
    value = op.attributes.get(name)
    if (
        not isinstance(value, tuple)
        or len(value) != 2
        or not all(type(part) is int and 0 < part <= MAX_WINDOW for part in value)
    ):
        raise ModelFormatError(
            f"its {name} must be two positive integers, not {printable(repr(value))}"
        )
    return value


def integers(op: Op, name: str, count: int | None = None) -> tuple[int, ...]:
    """The attribute `name`: a tuple of integers, `count` of them where given."""
    value = op.attributes.get(name)
    if (
        not isinstance(value, tuple)
        or not all(type(part) is int and abs(part) < 2**31 for part in value)
        or (count is not None and len(value) != count)
    ):
        wanted = "integers" if count is None else f"{count} integers"
        raise ModelFormatError(f"its {name} must be {wanted}, not {printable(repr(value))}")
    return value


def number(op: Op, name: str) -> float:
    """The attribute `name`: a finite number, not negative."""
    value = op.attributes.get(name)
    if not isinstance(value, (int, float)) or not 0 <= value < 2.0**30:
        raise ModelFormatError(f"its {name} must be a number, not {printable(repr(value))}")
    return float(value)


def axes_of(op: Op, name: str, rank: int) -> tuple[int, ...]:
    """The attribute `name`: different axes of `rank` dimensions, in order."""
    axes = integers(op, name)
    require(
        all(0 <= axis < rank for axis in axes) and list(axes) == sorted(set(axes)),
        f"its {name} {shape_text(axes)} are no axes of {rank} dimensions in order",
    )
    return axes


def dilations_of(op: Op) -> tuple[int, int]:
    """The attribute `dilations`, (1, 1) where there is none."""
    return pair(op, "dilations") if "dilations" in op.attributes else (1, 1)


def check_image(source: Activation) -> None:
    """Three dimensions: height, width, channels."""
    require(
        len(source.shape) == 3,
        f"its input has shape {shape_text(source.shape)}, not [height, width, channels]",
    )


def check_padding(op: Op) -> None:
    """The attribute `padding`."""
    padding = op.attributes["padding"]
    require(padding in PADDINGS, f"its padding is {printable(str(padding))}, not same or valid")


def window_shape(op: Op, source: Activation, size: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns that a window of `size`, already dilated, finds on the image `source`."""
    check_image(source)
    check_padding(op)
    strides, padding = pair(op, "strides"), op.attributes["padding"]
    rows, columns = (window(source.shape[i], size[i], strides[i], padding)[0] for i in (0, 1))
    require(
        rows > 0 and columns > 0,
        f"its window {shape_text(size)} is larger than its input {shape_text(source.shape)}",
    )
    return rows, columns
