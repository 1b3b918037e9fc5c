"""Few-bit codes in bytes: a code's low bits first, the next code right after it.

Four bits lie as TFLite packs its int4, the low half of a byte first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def pack(codes: NDArray[np.integer], bits: int) -> bytes:
    """`codes`, flattened, in ⌈count × bits / 8⌉ bytes; negative ones as two's complement.

    The bits left over in the last byte are 0. Raises ValueError for codes that are not integers
    or do not fit in `bits` (1 to 8), and for unsigned codes among negative ones.
    """
    _check_bits(bits)
    flat = np.asarray(codes).reshape(-1)
    if flat.dtype.kind not in "iu":
        raise ValueError(f"codes must be integers, not {flat.dtype}")
    if not flat.size:
        return b""
    least, most = int(flat.min()), int(flat.max())
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if least < 0 else (0, 2**bits - 1)
    if not low <= least <= most <= high:
        raise ValueError(f"codes from {least} to {most} do not fit in {bits} bits")
    columns = flat.astype(np.uint8)[:, np.newaxis]
    stream = np.unpackbits(columns, axis=1, count=bits, bitorder="little")
    return np.packbits(stream, bitorder="little").tobytes()


def unpack(
    data: bytes | memoryview, bits: int, count: int, signed: bool
) -> NDArray[np.int8] | NDArray[np.uint8]:
    """The `count` codes of `bits` bits that `pack` put in `data`, as int8 or uint8.

    Raises ValueError unless `data` has just the bytes for them and the bits left over are 0.
    """
    _check_bits(bits)
    if count < 0 or len(data) != -(-count * bits // 8):
        raise ValueError(f"{len(data)} bytes do not hold {count} codes of {bits} bits")
    stream = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
    if stream[count * bits :].any():
        raise ValueError("the bits after the last code are not 0")
    digits = stream[: count * bits].reshape(count, bits)
    codes = np.packbits(digits, axis=1, bitorder="little").reshape(count)
    if not signed:
        return codes
    # The sign bit, moved to the top of the byte and back down, fills the bits above the code.
    return (codes << (8 - bits)).view(np.int8) >> (8 - bits)


def _check_bits(bits: int) -> None:
    if not 1 <= bits <= 8:
        raise ValueError(f"bits must be from 1 to 8, not {bits}")
