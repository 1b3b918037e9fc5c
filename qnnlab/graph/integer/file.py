"""The qnnlab integer format (.qnn): an IntegerGraph with its weights packed to their bits.

Layout and rules in docs/integer_format.md.
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import ModelFormatError
from qnnlab.files import write_atomic
from qnnlab.graph.checks import printable
from qnnlab.graph.integer.model import Activation, IntegerGraph, Op, Weights
from qnnlab.numerics.packing import pack, unpack

#: Suffix of files in this format.
SUFFIX = ".qnn"

MAGIC = b"QNNI"
_VERSION = 2
_READABLE = (1, 2)
_PREFIX = struct.Struct("<4sHHII")
_CHECKSUM = struct.Struct("<I")
_MAX_FILE_BYTES = 64 * 2**20
_MAX_ELEMENTS = 2**28


def save_graph(graph: IntegerGraph, path: Path | str) -> None:
    """Write `graph` to `path`, whole or not at all; raises as graph_to_bytes, and OSError."""
    write_atomic(Path(path), graph_to_bytes(graph))


def load_graph(path: Path | str) -> IntegerGraph:
    """Read and check the graph at `path`; raises ModelFormatError, which names the file."""
    path = Path(path)
    try:
        if not path.is_file():
            raise ModelFormatError("it is not a regular file")
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise ModelFormatError(f"it is larger than {_MAX_FILE_BYTES // 2**20} MiB")
        return graph_from_bytes(path.read_bytes())
    except (OSError, ValueError) as error:
        reason = f"can't be read: {error}"
    except ModelFormatError as error:
        reason = str(error)
    raise ModelFormatError(f"{printable(path.name or str(path))}: {reason}")


def graph_to_bytes(graph: IntegerGraph) -> bytes:
    """`graph` in the qnnlab integer format; raises ModelFormatError where it fails its check."""
    graph.check()
    header = {
        "name": graph.name,
        "input": graph.input,
        "output": graph.output,
        "activations": [
            {
                "name": a.name,
                "shape": list(a.shape),
                "bits": a.bits,
                "scale": a.scale,
                "zero_point": a.zero_point,
            }
            for a in graph.activations
        ],
        "ops": [_op_header(op) for op in graph.ops],
    }
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    encoded = text.encode()
    payload = b"".join(_op_payload(op) for op in graph.ops)
    body = _PREFIX.pack(MAGIC, _VERSION, 0, len(encoded), len(payload)) + encoded + payload
    return body + _CHECKSUM.pack(zlib.crc32(body))


def graph_from_bytes(data: bytes) -> IntegerGraph:
    """The graph in `data`, checked.

    Raises ModelFormatError for anything else than a whole, valid file. Time and memory are bounded
    by the size of `data`.
    """
    version, header, payload = _sections(data)
    try:
        fields = json.loads(header.decode())
    except (ValueError, RecursionError):
        raise ModelFormatError("its header is no JSON") from None
    reader = _Payload(payload)
    top = _fields(fields, "header", "name", "input", "output", "activations", "ops")
    graph = IntegerGraph(
        name=_text(top["name"], "name"),
        activations=tuple(
            _activation(item, f"activation {i}")
            for i, item in enumerate(_list(top["activations"], "activations"))
        ),
        ops=tuple(
            _op(item, f"operator {i}", reader, version)
            for i, item in enumerate(_list(top["ops"], "ops"))
        ),
        input=_integer(top["input"], "input"),
        output=_integer(top["output"], "output"),
    )
    reader.end()
    return graph.check()


def _sections(data: bytes) -> tuple[int, bytes, bytes]:
    """Version, header and payload, once magic, lengths and checksum have been found right."""
    if data[:4] != MAGIC:
        raise ModelFormatError("not a qnnlab integer model: it does not begin with QNNI")
    if len(data) < _PREFIX.size + _CHECKSUM.size:
        raise ModelFormatError(f"truncated: it has {len(data)} bytes")
    _, version, reserved, header, payload = _PREFIX.unpack_from(data)
    if version not in _READABLE:
        raise ModelFormatError(f"format version {version} is not supported, only 1 and 2")
    size = _PREFIX.size + header + payload + _CHECKSUM.size
    if len(data) != size:
        raise ModelFormatError(f"it has {len(data)} bytes, its lengths need {size}")
    body = data[: -_CHECKSUM.size]
    if reserved or zlib.crc32(body) != _CHECKSUM.unpack(data[-_CHECKSUM.size :])[0]:
        raise ModelFormatError("damaged: its checksum is wrong")
    return version, body[_PREFIX.size : _PREFIX.size + header], body[_PREFIX.size + header :]


def _op_header(op: Op) -> dict[str, Any]:
    weights = op.weights
    return {
        "name": op.name,
        "kind": op.kind,
        "inputs": list(op.inputs),
        "output": op.output,
        "relu": op.relu,
        "attributes": {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in sorted(op.attributes.items())
        },
        "weights": None
        if weights is None
        else {
            "shape": list(weights.codes.shape),
            "bits": weights.bits,
            "codebook": None if weights.codebook is None else weights.codebook.tolist(),
            "scales": weights.scale.size,
        },
        "biases": None if op.bias is None else op.bias.size,
        "constant": None if op.constant is None else list(op.constant.shape),
    }


def _op_payload(op: Op) -> bytes:
    parts = []
    if op.weights is not None:
        parts = [pack(op.weights.codes, op.weights.bits), op.weights.scale.astype("<f4").tobytes()]
    if op.bias is not None:
        parts.append(op.bias.astype("<i8").tobytes())
    if op.constant is not None:
        parts.append(op.constant.astype("<i2").tobytes())
    return b"".join(parts)


class _Payload:
    """The payload, read from front to end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int, what: str) -> bytes:
        """The next `size` bytes."""
        if size > len(self._data) - self._at:
            raise ModelFormatError(f"{what}: the payload ends before it")
        self._at += size
        return self._data[self._at - size : self._at]

    def end(self) -> None:
        """Raise ModelFormatError unless all was read."""
        left = len(self._data) - self._at
        if left:
            raise ModelFormatError(f"the payload has {left} bytes that nothing refers to")


def _activation(item: Any, where: str) -> Activation:
    parts = _fields(item, where, "name", "shape", "bits", "scale", "zero_point")
    return Activation(
        name=_text(parts["name"], where),
        shape=_integers(parts["shape"], where),
        bits=_integer(parts["bits"], where),
        scale=_number(parts["scale"], where),
        zero_point=_integer(parts["zero_point"], where),
    )


def _op(item: Any, where: str, payload: _Payload, version: int) -> Op:
    names = ("name", "kind", "inputs", "output", "relu", "attributes", "weights", "biases")
    parts = _fields(item, where, *names, *(("constant",) if version > 1 else ()))
    relu, attributes = parts["relu"], parts["attributes"]
    if not isinstance(attributes, dict):
        raise ModelFormatError(f"{where}: its attributes are no object")
    weights = None if parts["weights"] is None else _weights(parts["weights"], where, payload)
    bias = None
    if parts["biases"] is not None:
        count = _count(parts["biases"], where)
        bias = np.frombuffer(payload.take(8 * count, where), "<i8").astype(np.int64)
    constant = None
    if parts.get("constant") is not None:
        shape = _integers(parts["constant"], where)
        data = payload.take(2 * _product(shape, where), where)
        constant = np.frombuffer(data, "<i2").astype(np.int16).reshape(shape)
    return Op(
        name=_text(parts["name"], where),
        kind=_text(parts["kind"], where),
        inputs=_integers(parts["inputs"], where),
        output=_integer(parts["output"], where),
        weights=weights,
        bias=bias,
        relu=None if relu is None else _text(relu, where),
        attributes={key: _attribute(value, where) for key, value in attributes.items()},
        constant=constant,
    )


def _attribute(value: Any, where: str) -> str | float | tuple[int, ...]:
    if isinstance(value, str):
        return value
    return _integers(value, where) if isinstance(value, list) else _number(value, where)


def _weights(item: Any, where: str, payload: _Payload) -> Weights:
    parts = _fields(item, where, "shape", "bits", "codebook", "scales")
    shape, bits = _integers(parts["shape"], where), _integer(parts["bits"], where)
    if not 1 <= bits <= 8:
        raise ModelFormatError(f"{where}: its weights have {bits} bits, they go from 1 to 8")
    count = _product(shape, where)
    packed = payload.take(-(-count * bits // 8), where)
    book = None if parts["codebook"] is None else _codebook(parts["codebook"], where)
    try:
        codes = unpack(packed, bits, count, signed=book is None)
    except ValueError as error:
        raise ModelFormatError(f"{where}: its weight codes: {error}") from None
    scales = _count(parts["scales"], where)
    scale = np.frombuffer(payload.take(4 * scales, where), "<f4").astype(np.float32)
    return Weights(codes.reshape(shape), bits, scale, book)


def _codebook(item: Any, where: str) -> NDArray[np.int8]:
    values = _integers(item, where)
    if not all(-128 <= value <= 127 for value in values):
        raise ModelFormatError(f"{where}: its codebook leaves int8")
    return np.array(values, np.int8)


def _product(shape: Sequence[int], where: str) -> int:
    if len(shape) > 5 or any(not 0 < extent <= _MAX_ELEMENTS for extent in shape):
        raise ModelFormatError(f"{where}: its shape is not one of 1 to 5 dimensions")
    return math.prod(shape)


def _fields(item: Any, where: str, *names: str) -> dict[str, Any]:
    if not isinstance(item, dict) or set(item) != set(names):
        raise ModelFormatError(f"{where}: it must have the fields {', '.join(names)}")
    return item


def _list(item: Any, where: str) -> list[Any]:
    if not isinstance(item, list):
        raise ModelFormatError(f"{where}: it is no list")
    return item


def _text(item: Any, where: str) -> str:
    if not isinstance(item, str):
        raise ModelFormatError(f"{where}: text is missing where it belongs")
    return item


def _integer(item: Any, where: str) -> int:
    if type(item) is not int or abs(item) >= 2**53:
        raise ModelFormatError(f"{where}: an integer is missing where it belongs")
    return item


def _count(item: Any, where: str) -> int:
    count = _integer(item, where)
    if count < 0:
        raise ModelFormatError(f"{where}: a count is negative")
    return count


def _integers(item: Any, where: str) -> tuple[int, ...]:
    return tuple(_integer(value, where) for value in _list(item, where))


def _number(item: Any, where: str) -> float:
    if type(item) not in (int, float) or not abs(item) < 2.0**100:
        raise ModelFormatError(f"{where}: a number is missing where it belongs")
    return float(item)
