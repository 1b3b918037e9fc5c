"""Sliding windows over images."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.graph.integer.model import Op, window


def windows(
    x: NDArray[Any], op: Op, size: tuple[int, int], fill: int, apart: tuple[int, int] = (1, 1)
) -> NDArray[Any]:
    """A view (samples, rows, columns, channels, height, width) of `x` padded with `fill`.

    Windows of `size` taps that lie `apart`, placed by the operator's strides and padding.
    """
    extents = tuple((taps - 1) * step + 1 for taps, step in zip(size, apart, strict=True))
    padded = [(0, 0), (0, 0), (0, 0), (0, 0)]
    for axis in (0, 1):
        stride = op.attributes["strides"][axis]
        _, before, after = window(
            x.shape[axis + 1], extents[axis], stride, op.attributes["padding"]
        )
        padded[axis + 1] = (before, after)
    source = np.pad(x, padded, constant_values=fill) if np.any(padded) else x
    views = np.lib.stride_tricks.sliding_window_view(source, extents, axis=(1, 2))
    down, right = op.attributes["strides"]
    return views[:, ::down, ::right, :, :: apart[0], :: apart[1]]
