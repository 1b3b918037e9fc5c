"""FlatBuffers accessors over bytes that trust nothing in the buffer.

The `flatbuffers` and `tflite` packages follow any offset that a file holds: a negative one wraps
round to the end of the buffer, a vector that claims 2^31 entries is walked to its end, and what
goes wrong surfaces as struct.error, IndexError or a hang. Here every read is checked against the
buffer, a vector must fit in the file before any of it is touched, and the total read is capped by
a budget proportional to the file's size, so that tables and vectors that deliberately share the
same bytes cannot multiply the work. The only error raised is ModelFormatError.

Format: https://flatbuffers.dev/internals/ (little-endian, offsets of 32 bits).
"""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import ModelFormatError

_U16 = struct.Struct("<H")
_I32 = struct.Struct("<i")
_U32 = struct.Struct("<I")
_F32 = struct.Struct("<f")
_INTEGERS = {
    "i8": struct.Struct("<b"),
    "u8": struct.Struct("<B"),
    "i32": _I32,
    "u32": _U32,
    "u64": struct.Struct("<Q"),
}

# A writer lays each table and vector out once, so an honest file spends about one unit a byte.
# Twice that leaves room for small files, whose fixed costs weigh more.
_BUDGET_PER_BYTE = 2
_BUDGET_FLOOR = 4096
_TABLE_COST = 24

# What becomes a Python object takes many times its bytes in the file, so that those are capped
# for any file: a table weighs 8, a number 1, sixteen characters 1. 50 000 tensors still fit.
_MAX_WEIGHT = 2**22
_TABLE_WEIGHT = 8


class FlatBuffer:
    """A read-only buffer with checked reads and a budget of work."""

    __slots__ = ("_left", "_weight", "size", "view")

    def __init__(self, data: bytes | memoryview) -> None:
        self.view = memoryview(data).cast("B")
        self.size = len(self.view)
        self._left = _BUDGET_PER_BYTE * self.size + _BUDGET_FLOOR
        self._weight = _MAX_WEIGHT

    def charge(self, amount: int, weight: int = 0) -> None:
        """Spend `amount` bytes and `weight` objects; raises ModelFormatError beyond the budget."""
        self._left -= amount
        self._weight -= weight
        if self._left < 0:
            raise ModelFormatError("corrupt file: its tables or vectors share the same bytes")
        if self._weight < 0:
            raise ModelFormatError("the model has too many tensors and operators to be read")

    def read(self, layout: struct.Struct, position: int) -> Any:
        """The scalar at byte `position`; raises ModelFormatError outside the buffer."""
        if position < 0 or position + layout.size > self.size:
            raise ModelFormatError(
                f"corrupt file: byte {position} is referred to, the file has {self.size} bytes"
            )
        return layout.unpack_from(self.view, position)[0]

    def target(self, position: int) -> int:
        """Where the offset stored at `position` leads: always forward, so never in a circle."""
        step: int = self.read(_U32, position)
        if step < _U32.size or step > self.size - position - _U32.size:
            raise ModelFormatError(
                f"corrupt file: the offset at byte {position} leads {step} bytes on, "
                f"the file has {self.size} bytes"
            )
        return position + step

    def extent(self, position: int, width: int) -> tuple[int, int]:
        """First byte and length of the vector at `position` of elements of `width` bytes."""
        count: int = self.read(_U32, position)
        start = position + _U32.size
        if count * width > self.size - start:
            raise ModelFormatError(
                f"corrupt file: a vector at byte {position} claims {count} × {width} bytes, "
                f"the file has {self.size} bytes"
            )
        self.charge(_U32.size + count * width)
        return start, count

    def behind(self, offset: int, size: int) -> memoryview:
        """`size` bytes at `offset` from the file's start: data that lie behind the tables."""
        if offset + size > self.size:
            raise ModelFormatError(
                f"data at bytes {offset} to {offset + size} lie outside the file "
                f"of {self.size} bytes"
            )
        self.charge(size)
        return self.view[offset : offset + size]

    def root(self) -> Table:
        """The root table."""
        return Table(self, self.target(0))


class Table:
    """A table of a FlatBuffer; fields are addressed by their ids in the schema."""

    __slots__ = ("_buffer", "_position", "_size", "_vtable", "_vtable_size")

    def __init__(self, buffer: FlatBuffer, position: int) -> None:
        buffer.charge(_TABLE_COST, _TABLE_WEIGHT)
        self._buffer = buffer
        self._position = position
        self._vtable: int = position - buffer.read(_I32, position)
        self._vtable_size: int = buffer.read(_U16, self._vtable)
        self._size: int = buffer.read(_U16, self._vtable + 2)
        fits = (
            self._vtable_size >= 4
            and self._vtable_size % 2 == 0
            and self._vtable + self._vtable_size <= buffer.size
            and self._size >= 4
            and position + self._size <= buffer.size
        )
        if not fits:
            raise ModelFormatError(f"corrupt file: no valid table at byte {position}")

    def _field(self, field: int, width: int) -> int | None:
        slot = 4 + 2 * field
        if slot >= self._vtable_size:
            return None
        offset: int = self._buffer.read(_U16, self._vtable + slot)
        if offset == 0:
            return None
        if offset < 4 or offset + width > self._size:
            raise ModelFormatError(
                f"corrupt file: field {field} lies outside its table at byte {self._position}"
            )
        return self._position + offset

    def _target(self, field: int) -> int | None:
        position = self._field(field, _U32.size)
        return None if position is None else self._buffer.target(position)

    def integer(self, field: int, kind: str, default: int = 0) -> int:
        """An integer field; `kind` is i8, u8, i32, u32 or u64."""
        layout = _INTEGERS[kind]
        position = self._field(field, layout.size)
        return default if position is None else int(self._buffer.read(layout, position))

    def boolean(self, field: int, default: bool = False) -> bool:
        """A bool field."""
        return self.integer(field, "u8", int(default)) != 0

    def number(self, field: int, default: float = 0.0) -> float:
        """A float32 field; raises ModelFormatError unless it is finite."""
        position = self._field(field, _F32.size)
        value = default if position is None else float(self._buffer.read(_F32, position))
        if not math.isfinite(value):
            raise ModelFormatError(f"field {field} is {value}, not a finite number")
        return value

    def table(self, field: int) -> Table | None:
        """A table field, None where absent."""
        position = self._target(field)
        return None if position is None else Table(self._buffer, position)

    def tables(self, field: int) -> list[Table]:
        """A vector of tables, empty where absent."""
        vector = self._target(field)
        if vector is None:
            return []
        start, count = self._buffer.extent(vector, _U32.size)
        return [Table(self._buffer, self._buffer.target(start + 4 * i)) for i in range(count)]

    def data(self, field: int) -> memoryview | None:
        """A vector of bytes as a view without a copy, None where absent."""
        vector = self._target(field)
        if vector is None:
            return None
        start, count = self._buffer.extent(vector, 1)
        return self._buffer.view[start : start + count]

    def vector(self, field: int, dtype: str) -> NDArray[Any]:
        """A vector of numbers of the little-endian numpy `dtype`; empty where absent.

        A read-only view of the file, of shape (length,), not a copy.
        """
        kind = np.dtype(dtype)
        vector = self._target(field)
        if vector is None:
            return np.empty(0, kind)
        start, count = self._buffer.extent(vector, kind.itemsize)
        if count == 0:
            return np.empty(0, kind)
        return np.frombuffer(self._buffer.view, kind, count, start)

    def vector_start(self, field: int) -> int:
        """Byte position of a vector's first entry; raises ModelFormatError where it has none."""
        vector = self._target(field)
        if vector is None:
            raise ModelFormatError(f"field {field} holds no vector")
        start, count = self._buffer.extent(vector, 4)
        if count == 0:
            raise ModelFormatError(f"field {field} holds an empty vector")
        return start

    def integers(self, field: int) -> tuple[int, ...]:
        """A vector of int32 as a tuple, empty where absent."""
        numbers = self.vector(field, "<i4")
        self._buffer.charge(0, numbers.size)
        return tuple(numbers.tolist())

    def text(self, field: int) -> str:
        """A string field, empty where absent; bytes that are not UTF-8 are shown escaped."""
        content = self.data(field)
        if content is None:
            return ""
        self._buffer.charge(0, len(content) // 16)
        return bytes(content).decode("utf-8", "backslashreplace")
