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
