"""The affine quantizer: real = scale × (code − zero_point)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qnnlab.numerics.rounding import round_codes
from qnnlab.numerics.slices import check_slices, spread

# Files store a scale as float32: what is below its normal numbers would be read as 0.
_LEAST_SCALE = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class CodeRange:
    """The integers of a number format; raises ValueError unless it has 1 to 16 bits.

    `narrow` leaves a signed format's lowest code out, so that it is symmetric.
    """

    bits: int
    signed: bool = True
    narrow: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= 16:
            raise ValueError(f"bits must be from 1 to 16, not {self.bits}")
        if self.narrow and self.signed and self.bits == 1:
            raise ValueError("a narrow signed range of 1 bit has no code but 0; take 2 bits")

    @property
    def low(self) -> int:
        """The lowest code."""
        return -(1 << (self.bits - 1)) + self.narrow if self.signed else 0

    @property
    def high(self) -> int:
        """The highest code."""
        return (1 << (self.bits - 1 if self.signed else self.bits)) - 1


@dataclass(frozen=True, eq=False)
class Affine:
    """How codes stand for real numbers: real = scale × (code − zero_point).

    `scale` and `zero_point` have the shape () for a tensor; (channels,) for the channels along
    `axis`; (channels, n_groups) where each channel's elements, flattened in C order with the
    channel axis moved first, are cut in groups of `group` (the last one may be shorter). Raises
    ValueError for another shape, a scale that is not positive and finite, and a zero point that
    is no code.
    """

    scale: NDArray[np.float64]
    zero_point: NDArray[np.int64]
    codes: CodeRange
    axis: int | None = None
    group: int | None = None

    def __post_init__(self) -> None:
        scale, zero_point = np.asarray(self.scale, np.float64), np.asarray(self.zero_point)
        object.__setattr__(self, "scale", scale)
        object.__setattr__(self, "zero_point", zero_point.astype(np.int64))
        check_slices(self.axis, self.group)
        dimensions = 0 if self.axis is None else 1 if self.group is None else 2
        if scale.ndim != dimensions or zero_point.shape != scale.shape:
            raise ValueError(
                f"scale and zero_point must both have {dimensions} dimensions, "
                f"not the shapes {scale.shape} and {zero_point.shape}"
            )
        if not (np.isfinite(scale) & (scale > 0)).all():
            raise ValueError("each scale must be positive and finite")
        if ((zero_point < self.codes.low) | (zero_point > self.codes.high)).any():
            raise ValueError(
                f"zero_point must be a code, from {self.codes.low} to {self.codes.high}"
            )


def affine_from_range(
    low: ArrayLike,
    high: ArrayLike,
    codes: CodeRange,
    *,
    symmetric: bool,
    axis: int | None = None,
    group: int | None = None,
) -> Affine:
    """The quantizer whose codes cover the real numbers from `low` to `high`, one pair each scale.

    The range is first widened to contain 0, which then is a code. Symmetric: the zero point is 0
    and the larger magnitude is the highest code (1 bit: −1); unsigned codes cover 0 to `high`,
    and what is negative saturates. Otherwise the zero point is rounded to a code, which shifts
    the range by up to half a scale (Jacob et al. 2018, arXiv:1712.05877, section 3; Krishnamoorthi
    2018, arXiv:1806.08342, section 2.1). A range of zeros, or one whose scale float32 can't hold,
    gets scale 1. Raises ValueError for ends that are not finite or in the wrong order.
    """
    ends = np.asarray(low, np.float64), np.asarray(high, np.float64)
    if not (np.isfinite(ends[0]).all() and np.isfinite(ends[1]).all()):
        raise ValueError("a range must be finite; look for NaN or infinity in what it was taken of")
    if (ends[0] > ends[1]).any():
        raise ValueError("a range must not end below where it starts")
    bottom, top = np.minimum(ends[0], 0), np.maximum(ends[1], 0)
    if symmetric:
        reach = np.maximum(-bottom, top) if codes.signed else top
        scale = reach / max(codes.high, 1)
    else:
        steps = codes.high - codes.low
        scale = top / steps - bottom / steps
    scale = np.where(scale < _LEAST_SCALE, 1.0, scale)
    zero_point = np.zeros(scale.shape)
    if not symmetric:
        zero_point = np.clip(np.rint(codes.low - bottom / scale), codes.low, codes.high)
    return Affine(scale, zero_point.astype(np.int64), codes, axis, group)


def quantize(
    real: NDArray[np.floating],
    affine: Affine,
    rounding: str = "nearest_even",
    rng: np.random.Generator | None = None,
) -> NDArray[np.int32]:
    """The codes of `real`, in its shape: rounded, then saturated, infinities too.

    Jacob et al. 2018 (arXiv:1712.05877), section 2.1. Raises ValueError for NaN, for a shape that
    the scales do not fit and for a rounding that `round_codes` refuses.
    """
    real = np.asarray(real)
    if np.isnan(real).any():
        raise ValueError("NaN has no code")
    scale = spread(affine.scale, real.shape, affine.axis, affine.group)
    zero_point = spread(affine.zero_point, real.shape, affine.axis, affine.group)
    with np.errstate(over="ignore"):
        steps = np.asarray(real, np.float64) / scale
    codes = round_codes(steps, rounding, rng) + zero_point
    saturated: NDArray[np.int32] = np.clip(codes, affine.codes.low, affine.codes.high).astype(
        np.int32
    )
    return saturated


def dequantize(codes: NDArray[np.integer], affine: Affine) -> NDArray[np.float32]:
    """The real numbers that `codes` stand for, in their shape."""
    scale = spread(affine.scale, codes.shape, affine.axis, affine.group)
    zero_point = spread(affine.zero_point, codes.shape, affine.axis, affine.group)
    real: NDArray[np.float32] = ((codes.astype(np.int64) - zero_point) * scale).astype(np.float32)
    return real


def fake_quantize(
    real: NDArray[np.floating],
    affine: Affine,
    rounding: str = "nearest_even",
    rng: np.random.Generator | None = None,
) -> NDArray[np.float32]:
    """`real` moved to the numbers that codes stand for: `quantize`, then `dequantize`."""
    return dequantize(quantize(real, affine, rounding, rng), affine)
