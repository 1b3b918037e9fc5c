"""Accessors read what is there and refuse what does not fit."""

from __future__ import annotations

import struct

import pytest

from qnnlab.errors import ModelFormatError
from qnnlab.graph.flatbuffer import FlatBuffer, Table


def _file(fields: bytes, slots: tuple[int, ...], rest: bytes = b"") -> bytes:
    """Root offset, vtable with `slots`, the root table with `fields`, then `rest`."""
    vtable = struct.pack(f"<{2 + len(slots)}H", 4 + 2 * len(slots), 4 + len(fields), *slots)
    vtable += b"\0" * (-len(vtable) % 4)
    root = 4 + len(vtable)
    return struct.pack("<I", root) + vtable + struct.pack("<i", len(vtable)) + fields + rest


def _root(data: bytes) -> Table:
    return FlatBuffer(data).root()


def test_scalars_and_defaults() -> None:
    table = _root(_file(struct.pack("<if", -5, 0.5), (4, 8, 0)))
    assert table.integer(0, "i32") == -5
    assert table.integer(0, "u32") == 2**32 - 5
    assert table.number(1) == 0.5
    assert table.integer(2, "i32", 7) == 7
    assert table.integer(99, "u8", 3) == 3
    assert table.table(2) is None
    assert table.text(2) == ""
    assert table.vector(2, "<i4").shape == (0,)
    assert table.tables(2) == []
    assert table.data(2) is None


def test_vector_is_a_view() -> None:
    table = _root(_file(struct.pack("<I", 4), (4,), struct.pack("<I3i", 3, 1, -2, 3)))
    assert table.integers(0) == (1, -2, 3)
    vector = table.vector(0, "<i4")
    assert not vector.flags.owndata
    assert not vector.flags.writeable


def test_text_that_is_not_utf8_is_escaped() -> None:
    table = _root(_file(struct.pack("<I", 4), (4,), struct.pack("<I", 3) + b"a\xffb"))
    assert table.text(0) == "a\\xffb"


@pytest.mark.parametrize("step", [0, 3, 17, 1000, 2**31, 2**32 - 8])
def test_offset_that_leaves_the_file_is_refused(step: int) -> None:
    table = _root(_file(struct.pack("<I", step), (4,), bytes(16)))
    with pytest.raises(ModelFormatError, match="offset at byte 16 leads"):
        table.vector(0, "<i4")


@pytest.mark.parametrize("count", [3, 2**30, 2**31, 2**32 - 1])
def test_vector_longer_than_the_file_is_refused(count: int) -> None:
    table = _root(_file(struct.pack("<I", 4), (4,), struct.pack("<I2i", count, 1, 2)))
    with pytest.raises(ModelFormatError, match=f"claims {count} × 4 bytes"):
        table.vector(0, "<i4")
    with pytest.raises(ModelFormatError, match="claims"):
        _root(_file(struct.pack("<I", 4), (4,), struct.pack("<I2i", count, 1, 2))).tables(0)


@pytest.mark.parametrize("slot", [1, 3, 6, 8, 65535])
def test_field_outside_its_table_is_refused(slot: int) -> None:
    with pytest.raises(ModelFormatError, match="outside its table"):
        _root(_file(bytes(4), (slot,), bytes(64))).integer(0, "i32")


@pytest.mark.parametrize("jump", [-(2**31), -1000, 1000, 2**31 - 1])
def test_vtable_outside_the_file_is_refused(jump: int) -> None:
    with pytest.raises(ModelFormatError, match="corrupt file"):
        _root(struct.pack("<Ii", 4, jump) + bytes(16))


@pytest.mark.parametrize("data", [b"", b"\4", b"\4\0\0\0", b"\xff" * 8, bytes(64)])
def test_no_root_is_refused(data: bytes) -> None:
    with pytest.raises(ModelFormatError):
        _root(data)


@pytest.mark.parametrize("bits", [0x7F800000, 0xFF800000, 0x7FC00000])
def test_number_that_is_not_finite_is_refused(bits: int) -> None:
    with pytest.raises(ModelFormatError, match="not a finite number"):
        _root(_file(struct.pack("<I", bits), (4,))).number(0)


def test_tables_that_alias_one_another_exhaust_the_budget() -> None:
    """A vector whose entries all lead to one table must not multiply the work."""
    count = 20_000
    # Behind the entries lies one empty table, whose vtable is the two words after it.
    entries = b"".join(struct.pack("<I", 4 * (count - i)) for i in range(count))
    shared = struct.pack("<iHH", -4, 4, 4)
    data = _file(struct.pack("<I", 4), (4,), struct.pack("<I", count) + entries + shared)
    with pytest.raises(ModelFormatError, match="share the same bytes"):
        _root(data).tables(0)


def test_overlapping_vectors_exhaust_the_budget() -> None:
    table = _root(_file(struct.pack("<I", 4), (4,), struct.pack("<I", 10_000) + bytes(10_000)))
    views = (table.data(0) for _ in range(10))
    assert next(views) == bytes(10_000)
    with pytest.raises(ModelFormatError, match="share the same bytes"):
        list(views)


def test_data_behind_the_tables_must_lie_in_the_file() -> None:
    buffer = FlatBuffer(bytes(range(100)))
    assert bytes(buffer.behind(90, 10)) == bytes(range(90, 100))
    with pytest.raises(ModelFormatError, match="outside the file of 100 bytes"):
        buffer.behind(91, 10)
    with pytest.raises(ModelFormatError, match="outside the file"):
        buffer.behind(2**64 - 1, 2)
