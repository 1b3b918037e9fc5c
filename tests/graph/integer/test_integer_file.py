"""The integer format: what is written is read back; damage is an error and nothing else."""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from integer_graphs import random_chain, random_codes

from qnnlab.errors import ModelFormatError
from qnnlab.graph.integer.execute import run_integer
from qnnlab.graph.integer.file import (
    SUFFIX,
    graph_from_bytes,
    graph_to_bytes,
    load_graph,
    save_graph,
)
from qnnlab.graph.integer.model import Activation, IntegerGraph, Op, Weights

some = settings(max_examples=40)


def _tiny() -> IntegerGraph:
    weights = Weights(np.array([[-4, 3, 1]], np.int8), 3, np.array([0.5], np.float32))
    activations = (Activation("x", (3,), 8, 0.25, -3), Activation("y", (1,), 4, 2.0, 1))
    op = Op("fc", "dense", (0,), 1, weights, np.array([-2], np.int64), "relu")
    return IntegerGraph("tiny", activations, (op,), 0, 1)


def _sealed(header: bytes, payload: bytes, version: int = 2) -> bytes:
    body = b"QNNI" + struct.pack("<HHII", version, 0, len(header), len(payload)) + header + payload
    return body + struct.pack("<I", zlib.crc32(body))


def _opened(data: bytes) -> tuple[bytes, bytes]:
    size = struct.unpack_from("<I", data, 8)[0]
    return data[16 : 16 + size], data[16 + size : -4]


DATA = graph_to_bytes(random_chain(np.random.default_rng(8), 8, 2))
HEADER, PAYLOAD = _opened(DATA)
TINY = _opened(graph_to_bytes(_tiny()))


def _read(data: bytes) -> None:
    """Read and, where that works, write; another error than ModelFormatError fails the test."""
    message = ""
    try:
        graph_to_bytes(graph_from_bytes(data))
    except ModelFormatError as error:
        message = str(error)
    assert "\n" not in message
    assert len(message) < 400


def test_the_documented_bytes() -> None:
    data = graph_to_bytes(_tiny())
    header, payload = _opened(data)
    assert data == _sealed(header, payload)
    # −4 is 100, 3 is 011 and 1 is 001: the first code in the lowest bits.
    assert payload == (bytes([0b01_011_100, 0b0]) + struct.pack("<f", 0.5) + struct.pack("<q", -2))
    fields = json.loads(header)
    assert fields["activations"][0] == {
        "name": "x",
        "shape": [3],
        "bits": 8,
        "scale": 0.25,
        "zero_point": -3,
    }
    assert fields["ops"][0] == {
        "name": "fc",
        "kind": "dense",
        "inputs": [0],
        "output": 1,
        "relu": "relu",
        "attributes": {},
        "weights": {"shape": [1, 3], "bits": 3, "codebook": None, "scales": 1},
        "biases": 1,
        "constant": None,
    }


def test_the_first_version_is_read() -> None:
    header, payload = _opened(graph_to_bytes(_tiny()))
    before = _sealed(header.replace(b',"constant":null', b""), payload, version=1)
    assert graph_to_bytes(graph_from_bytes(before)) == graph_to_bytes(_tiny())


@some
@given(seed=st.integers(0, 2**32 - 1), bits=st.integers(2, 16), weight_bits=st.integers(1, 8))
def test_a_graph_comes_back(seed: int, bits: int, weight_bits: int) -> None:
    rng = np.random.default_rng(seed)
    graph = random_chain(rng, bits, weight_bits)
    data = graph_to_bytes(graph)
    again = graph_from_bytes(data)
    assert graph_to_bytes(again) == data
    assert again.weight_bytes == graph.weight_bytes
    codes = random_codes(rng, graph, 3)
    assert np.array_equal(run_integer(again, codes), run_integer(graph, codes))


def test_save_and_load(tmp_path: Path) -> None:
    path = tmp_path / f"net{SUFFIX}"
    save_graph(_tiny(), path)
    assert path.read_bytes() == graph_to_bytes(_tiny())
    assert load_graph(str(path)).name == "tiny"


def test_load_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "bad.qnn"
    path.write_bytes(DATA[:-1])
    with pytest.raises(ModelFormatError, match=r"^bad\.qnn: it has \d+ bytes, its lengths need"):
        load_graph(path)
    with pytest.raises(ModelFormatError, match="not a regular file"):
        load_graph(tmp_path)
    with pytest.raises(ModelFormatError, match=r"can't be read|not a regular file"):
        load_graph("a\0b")


def test_a_broken_graph_is_not_written() -> None:
    with pytest.raises(ModelFormatError, match="graph output"):
        graph_to_bytes(replace(_tiny(), output=7))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "does not begin with QNNI"),
        (b"TFL3" + DATA, "does not begin with QNNI"),
        (b"QNNI", "truncated"),
        (DATA[:4] + b"\3\0" + DATA[6:], "format version 3 is not supported, only 1 and 2"),
        (DATA + b"\0", "its lengths need"),
        (DATA[:-4] + bytes(4), "its checksum is wrong"),
        (_sealed(b"[" * 100_000, b""), "its header is no JSON"),
        (_sealed(b"\xff", b""), "its header is no JSON"),
        (_sealed(b"[]", b""), "header: it must have the fields"),
        (_sealed(HEADER, PAYLOAD + b"\0"), "1 bytes that nothing refers to"),
        (_sealed(TINY[0], TINY[1][:1] + b"\2" + TINY[1][2:]), "bits after the last code are not 0"),
        (_sealed(HEADER, PAYLOAD[:-1]), "the payload ends before it"),
    ],
)
def test_refusals(data: bytes, message: str) -> None:
    with pytest.raises(ModelFormatError, match=message):
        graph_from_bytes(data)


@given(st.integers(0, len(DATA) - 1), st.integers(1, 255))
def test_a_changed_byte_is_found(place: int, flip: int) -> None:
    damaged = bytearray(DATA)
    damaged[place] ^= flip
    with pytest.raises(ModelFormatError):
        graph_from_bytes(bytes(damaged))


@given(st.integers(0, len(DATA) - 1))
def test_a_truncated_file_is_found(size: int) -> None:
    with pytest.raises(ModelFormatError):
        graph_from_bytes(DATA[:size])


@given(st.binary(max_size=200))
def test_random_bytes_in_a_sealed_file(data: bytes) -> None:
    _read(_sealed(data[:100], data[100:]))


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(st.integers(0, len(HEADER) - 1), st.integers(0, 255)), min_size=1, max_size=4
    ),
    st.lists(st.tuples(st.integers(0, len(PAYLOAD) - 1), st.integers(0, 255)), max_size=4),
)
def test_changed_bytes_under_a_right_checksum(
    head: list[tuple[int, int]], tail: list[tuple[int, int]]
) -> None:
    header, payload = bytearray(HEADER), bytearray(PAYLOAD)
    for place, value in head:
        header[place] = value
    for place, value in tail:
        payload[place] = value
    _read(_sealed(bytes(header), bytes(payload)))


def _paths(item: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = item.items() if isinstance(item, dict) else enumerate(item)
    found = []
    for key, value in children:
        found.append((*path, key))
        if isinstance(value, dict | list):
            found += _paths(value, (*path, key))
    return found


FIELDS = json.loads(HEADER)
junk = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**400), 10**400),
    st.sampled_from([-1, 0, 1, 2, 7, 255, 2**31, 2**53, 2**63]),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["conv", "add", "same", "\ud800", "a\nb" * 200]),
    st.lists(st.integers(-2, 2**40), max_size=5),
    st.dictionaries(st.text(max_size=3), st.none(), max_size=2),
)


@settings(max_examples=200)
@given(st.sampled_from(_paths(FIELDS)), junk)
def test_any_field_replaced_by_any_value(path: tuple[Any, ...], value: Any) -> None:
    fields = json.loads(HEADER)
    parent = fields
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = value
    _read(_sealed(json.dumps(fields).encode(), PAYLOAD))
