"""Kernels for cores without products of pairs: Cortex-M0 and M3 in assembly, RV32 in C."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from qnnlab.codegen.kits.kit import Kit


def _rows(rows: NDArray[Any], together: int) -> tuple[str, NDArray[Any]]:
    return "int8_t", rows


def _side_by_side(rows: NDArray[Any], together: int) -> tuple[str, NDArray[Any]]:
    """`together` channels at a time: one value of each in turn."""
    return "int8_t", rows.reshape(-1, together, rows.shape[1]).transpose(0, 2, 1)


def _lifted(rows: NDArray[Any], together: int) -> tuple[str, NDArray[Any]]:
    return "uint8_t", _side_by_side(rows + 128, together)[1]


KITS = (
    Kit(
        name="thumb1",
        isas=("thumb1",),
        bits=8,
        template="kit_thumb1",
        channels=4,
        dense_channels=4,
        pixels=1,
        values=4,
        pixel_bytes=lambda k: 4 + k,
        row_bytes=lambda k: 4 + k,
        pack=_lifted,
        lifted=128,
    ),
    Kit(
        name="thumb2",
        isas=("thumb2",),
        bits=8,
        template="kit_thumb2",
        channels=2,
        dense_channels=4,
        pixels=4,
        values=1,
        pixel_bytes=lambda k: 4 * k,
        row_bytes=lambda k: 0,
        pack=_side_by_side,
    ),
    Kit(
        name="portable",
        isas=("portable",),
        bits=8,
        template="kit_portable",
        channels=2,
        dense_channels=2,
        pixels=2,
        values=1,
        pixel_bytes=lambda k: 2 * k,
        row_bytes=lambda k: 0,
        pack=_rows,
    ),
)
