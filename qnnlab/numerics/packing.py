"""Few-bit codes in bytes: a code's low bits first, the next one right after it.

Four bits lie as TFLite packs its int4, the low half of a byte first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def pack(codes: NDArray[np.integer], bits: int) -> bytes:
    """`codes`, flattened, in ⌈count × bits / 8⌉ bytes; negative ones as two's complement.

    Raises ValueError on a code that `bits` (1 to 8) don't hold, signed or unsigned.
    """
    _check_bits(bits)
    flat = np.asarray(codes).reshape(-1).astype(np.int64)
    signed = bool(flat.size) and flat.min() < 0
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    if flat.size and not (low <= flat.min() and flat.max() <= high):
        raise ValueError(f"codes from {flat.min()} to {flat.max()} don't fit {bits} bits")
    places = np.arange(bits)
    return np.packbits(((flat[:, np.newaxis] >> places) & 1).astype(bool), bitorder="little").tobytes()


def unpack(
    data: bytes | memoryview, bits: int, count: int, signed: bool
) -> NDArray[np.int8] | NDArray[np.uint8]:
    """`count` codes of `bits` bits. Raises ValueError unless `data` has just the bytes for them
    and the bits that are left over are 0.
    """
    _check_bits(bits)
    if count < 0 or len(data) != -(-count * bits // 8):
        raise ValueError(f"{len(data)} bytes are not {count} codes of {bits} bits")
    stream = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
    if stream[count * bits :].any():
        raise ValueError("the bits after the last code are not 0")
    digits = stream[: count * bits].reshape(count, bits).astype(np.int16)
    weights = 2 ** np.arange(bits, dtype=np.int16)
    if signed:
        weights[-1] = -weights[-1]
        return (digits @ weights).astype(np.int8)
    return (digits @ weights).astype(np.uint8)


def _check_bits(bits: int) -> None:
    if not 1 <= bits <= 8:
        raise ValueError(f"bits must be from 1 to 8, not {bits}")
