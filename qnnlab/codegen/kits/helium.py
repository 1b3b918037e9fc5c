"""Kernels for cores with Helium's vectors of 16 bytes: Cortex-M55. Three pixels, four channels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.codegen.kits.kit import Kit

#: Values in a vector, and the order in which products of a depthwise group of 16 channels lie.
LANES = 16
GROUP_ORDER = (0, 4, 8, 12, 2, 6, 10, 14, 1, 5, 9, 13, 3, 7, 11, 15)


def _vectors(rows: NDArray[Any], together: int) -> tuple[str, NDArray[Any]]:
    """Two channels at a time: sixteen values of each in turn."""
    channels, k = rows.shape
    groups = rows.reshape(channels // 2, 2, k // LANES, LANES)
    return "int8_t", groups.transpose(0, 2, 1, 3)


def depthwise_groups(taps: NDArray[np.int8]) -> NDArray[np.int64]:
    """Weights (taps, channels) as groups of 16 channels, tap by tap, zeros behind the last."""
    count, channels = taps.shape
    padded = np.pad(taps, ((0, 0), (0, -channels % LANES))).astype(np.int64)
    return padded.reshape(count, -1, LANES).transpose(1, 0, 2)


KITS = (
    Kit(
        name="helium",
        isas=("helium",),
        bits=8,
        template="kit_helium",
        channels=4,
        dense_channels=4,
        pixels=3,
        values=LANES,
        pixel_bytes=lambda k: 3 * k,
        row_bytes=lambda k: k,
        pack=_vectors,
        depthwise="depthwise_helium",
        helpers="helium_vectors",
    ),
)
