"""Packed weights on cores without products of pairs: two channels in one 32-bit product.

A word holds fields of two channels, the second sixteen bits above the first. Masked, it gives a
weight of each; times a code from 0 to 255 both products lie side by side, and sums of them stay
apart as long as the lower one fits 16 bits: for 17 values of 4 bits, 85 of 2 and 257 of 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.codegen.kits.kit import Kit, Packing


def _doubled(bits: int) -> Packing:
    fields = 16 // bits

    def pack(rows: NDArray[Any], together: int) -> tuple[str, NDArray[Any]]:
        channels, k = rows.shape
        shifts = bits * np.arange(fields, dtype=np.int64)
        halves = (rows.reshape(channels, k // fields, fields) << shifts).sum(axis=-1)
        pairs = halves.reshape(channels // together, together // 2, 2, k // fields)
        words = pairs[:, :, 0] + (pairs[:, :, 1] << 16)
        return "uint32_t", words.transpose(0, 2, 1)

    return pack


def _kit(isa: str, bits: int, pixels: int) -> Kit:
    fields = 16 // bits
    return Kit(
        name=f"{isa}_int{bits}",
        isas=(isa,),
        bits=bits,
        template="kit_packed",
        channels=4,
        dense_channels=4,
        pixels=pixels,
        values=fields,
        pixel_bytes=lambda k: pixels * (4 + k),
        row_bytes=lambda k: 4 + k,
        pack=_doubled(bits),
        lifted=128,
        constants={
            "isa": isa,
            "fields": fields,
            "pixels": pixels,
            "words": 65535 // (255 * (2**bits - 1)) // fields,
        },
    )


KITS = tuple(
    _kit(isa, bits, pixels)
    for isa, pixels in (("thumb1", 1), ("thumb2", 2), ("portable", 2))
    for bits in (4, 2, 1)
)
