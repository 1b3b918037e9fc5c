from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from qnnlab.numerics.packing import pack, unpack


@given(st.integers(1, 8), st.booleans(), st.data())
def test_packed_codes_come_back(bits: int, signed: bool, data: st.DataObject) -> None:
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    elements = st.integers(low, high)
    codes = data.draw(hnp.arrays(np.int16, st.integers(0, 40), elements=elements))
    packed = pack(codes, bits)
    assert len(packed) == -(-len(codes) * bits // 8)
    back = unpack(packed, bits, len(codes), signed)
    assert back.dtype == (np.int8 if signed else np.uint8)
    assert np.array_equal(back, codes)


def test_layout_by_hand() -> None:
    assert pack(np.array([1, -2], np.int8), 4) == bytes([0xE1])  # TFLite: low half first
    assert pack(np.array([-4, 3, 1]), 3) == bytes([0b01_011_100, 0b0])
    assert pack(np.array([[1, 0], [1, 1]]), 1) == bytes([0b1101])
    assert unpack(bytes([0b01_011_100, 0b0]), 3, 3, signed=True).tolist() == [-4, 3, 1]


@pytest.mark.parametrize(
    ("codes", "bits"),
    [([8, -1], 4), ([16], 4), ([-9], 4), ([256], 8), ([2**64 - 1], 8), ([-1, 1], 1)],
)
def test_codes_that_do_not_fit_are_refused(codes: list[int], bits: int) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        pack(np.array(codes), bits)


def test_bad_input_is_refused() -> None:
    for bits in (0, 9):
        with pytest.raises(ValueError, match="bits must be"):
            pack(np.zeros(1, np.int8), bits)
        with pytest.raises(ValueError, match="bits must be"):
            unpack(b"\0", bits, 1, signed=False)
    with pytest.raises(ValueError, match="integers"):
        pack(np.array([1.5]), 4)
    for data, count in ((b"\0", 3), (b"\0\0", 2), (b"", -1)):
        with pytest.raises(ValueError, match="do not hold"):
            unpack(data, 4, count, signed=True)
    with pytest.raises(ValueError, match="not 0"):
        unpack(b"\x10", 4, 1, signed=True)
