"""The affine quantizer: real = scale × (q − zero_point)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def quantize(
    real: NDArray[np.floating], scale: float, zero_point: int, dtype: np.dtype[Any]
) -> NDArray[np.integer]:
    """Round `real` to the nearest code, ties to even, and saturate to `dtype`'s range.

    Per-tensor quantization of Jacob et al. 2018 (arXiv:1712.05877, section 2.1). Raises
    ValueError unless `scale` is positive and finite.
    """
    if not (np.isfinite(scale) and scale > 0):
        raise ValueError(f"scale must be positive and finite, not {scale}")
    limits = np.iinfo(dtype)
    codes = np.rint(np.asarray(real, np.float64) / scale) + zero_point
    clipped: NDArray[np.integer] = np.clip(codes, limits.min, limits.max).astype(dtype)
    return clipped


def dequantize(codes: NDArray[np.integer], scale: float, zero_point: int) -> NDArray[np.float32]:
    """The real numbers that integer `codes` stand for."""
    return ((codes.astype(np.float64) - zero_point) * scale).astype(np.float32)


def round_to_grid(weights: NDArray[np.float32], bits: int, axis: int) -> NDArray[np.float32]:
    """`weights` moved to the nearest points of a symmetric grid, one scale a slice along `axis`.

    The codes are −(2^(bits−1) − 1) to 2^(bits−1) − 1 (narrow range) and the largest magnitude of
    a slice is the largest code: min-max quantization, ties to even. A slice of zeros stays so.
    Raises ValueError unless `bits` is from 2 to 16.
    """
    if not 2 <= bits <= 16:
        raise ValueError(f"bits must be from 2 to 16, not {bits}")
    top = 2 ** (bits - 1) - 1
    others = tuple(i for i in range(weights.ndim) if i != axis % weights.ndim)
    largest = np.abs(weights.astype(np.float64)).max(axis=others, keepdims=True)
    scale = np.where(largest > 0, largest / top, 1.0)
    rounded: NDArray[np.float32] = (np.rint(weights / scale) * scale).astype(np.float32)
    return rounded
