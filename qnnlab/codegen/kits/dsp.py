"""Kernels for cores with SMLAD and SXTB16: Cortex-M4, M7, M33. Three pixels, two channels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.codegen.kits.kit import Kit, Packing


def interleaved(rows: NDArray[Any], together: int) -> tuple[str, NDArray[Any]]:
    """`together` channels at a time: four values of each in turn."""
    channels, k = rows.shape
    words = rows.reshape(channels // together, together, k // 4, 4)
    return "int8_t", words.transpose(0, 2, 1, 3)


def _twins(rows: NDArray[Any], together: int) -> tuple[str, NDArray[Any]]:
    """Pairs of channels in halfwords, 256 × first + second: values (0, 2) and (1, 3) of four."""
    channels, k = rows.shape
    pairs = rows.reshape(channels // together, together // 2, 2, k // 4, 4)
    twins = 256 * pairs[:, :, 0] + pairs[:, :, 1]
    return "int16_t", twins[..., [0, 2, 1, 3]].transpose(0, 2, 1, 3)


def _bytes(name: str, twin: bool, **limits: int) -> Kit:
    return Kit(
        name=name,
        isas=("dsp",),
        bits=8,
        template="kit_dsp",
        channels=2,
        dense_channels=4,
        pixels=3,
        values=4,
        pixel_bytes=lambda k: 6 * k,
        row_bytes=lambda k: k,
        row_in_place=True,
        pack=_twins if twin else interleaved,
        run=4,
        saturates=True,
        depthwise="depthwise_dsp",
        helpers="dsp_widen",
        constants={"twin": twin, "word": "int16_t" if twin else "int8_t"},
        **limits,
    )


def _paired(bits: int) -> Packing:
    """Words of 32 / bits values: fields of the low half go with those of the high half.

    A pixel's four values v0 … v3 lie as pairs (v0, v2) and (v1, v3), as SXTB16 leaves them, so
    that one AND gives a pair of weights.
    """
    fields = 16 // bits

    def pack(rows: NDArray[Any], together: int) -> tuple[str, NDArray[Any]]:
        channels, k = rows.shape
        quads = rows.reshape(channels, k // (2 * fields), fields // 2, 4)
        low = quads[..., [0, 1]].reshape(*quads.shape[:2], fields)
        high = quads[..., [2, 3]].reshape(*quads.shape[:2], fields)
        shifts = bits * np.arange(fields, dtype=np.int64)
        words = (low << shifts).sum(axis=-1) + ((high << shifts).sum(axis=-1) << 16)
        grouped = words.reshape(channels // together, together, -1).transpose(0, 2, 1)
        return "uint32_t", grouped

    return pack


def _packed(bits: int) -> Kit:
    return Kit(
        name=f"dsp_int{bits}",
        # Cortex-M55 has these instructions, too, and no vectors of narrower fields.
        isas=("dsp", "helium"),
        bits=bits,
        template="kit_dsp_packed",
        channels=2,
        dense_channels=4,
        pixels=3,
        values=32 // bits,
        pixel_bytes=lambda k: 16 + 6 * k,
        row_bytes=lambda k: 8 + 2 * k,
        pack=_paired(bits),
        run=4,
        depthwise="depthwise_dsp",
        helpers="dsp_widen",
        constants={"fields": 16 // bits},
    )


KITS = (
    _bytes("dsp", True, least=-127, most=2**23),
    _bytes("dsp_bytes", False),
    *(_packed(bits) for bits in (4, 2, 1)),
)
