"""Whatever the bytes, reading ends soon, in a graph or in ModelFormatError."""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qnnlab.errors import ModelFormatError
from qnnlab.files import resource
from qnnlab.graph.costs import graph_costs
from qnnlab.graph.integer.execute import run_integer
from qnnlab.graph.integer.reader import integer_graph
from qnnlab.graph.memory import plan_memory
from qnnlab.graph.tflite import parse_tflite

KWS = resource("data/mlperf_tiny/models/kws_ref_model.tflite").read_bytes()
WORDS = len(KWS) // 4
GOLDEN = [path.read_bytes() for path in sorted(resource("data/golden").glob("*.tflite"))]

# Offsets, lengths and dimensions are words; these are the values that break careless readers.
words = st.one_of(
    st.sampled_from([0, 1, 3, 4, len(KWS), 2**16, 2**31 - 1, 2**31, 2**32 - 4, 2**32 - 1]),
    st.integers(0, 2**32 - 1),
    st.integers(0, len(KWS)),
)
# The tables lie at both ends of this file, its weights between them.
places = st.one_of(
    st.integers(0, 2500), st.integers(WORDS - 3000, WORDS - 1), st.integers(0, WORDS - 1)
)
# MUTATIONS=20000 searches longer; the seven tests then try 140,000 files.
MUTATIONS = int(os.environ.get("MUTATIONS", "300"))
reading = settings(
    deadline=None, max_examples=MUTATIONS, database=None, suppress_health_check=list(HealthCheck)
)


def _read(data: bytes) -> None:
    """Read, count and plan; another error than ModelFormatError fails the test."""
    try:
        graph = parse_tflite(data)
        costs = graph_costs(graph)
    except ModelFormatError as error:
        message = str(error)
    else:
        message = "read"
        assert costs.constant_bytes <= len(data)
    assert message.isprintable()


def _execute(data: bytes) -> None:
    """Read, plan and, where there is an integer form, run it on one sample."""
    try:
        graph = parse_tflite(data)
        assert not plan_memory(graph).overlaps()
        form = integer_graph(graph)
        source = form.activations[form.input]
        output = run_integer(form, np.full((1, *source.shape), source.zero_point, source.dtype))
        message = f"executed to {output.dtype}"
    except ModelFormatError as error:
        message = str(error)
    assert message.isprintable()


@reading
@given(st.binary(max_size=400))
def test_arbitrary_bytes(data: bytes) -> None:
    _read(data)


@reading
@given(st.binary(max_size=400))
def test_arbitrary_bytes_with_the_identifier(data: bytes) -> None:
    _read(data[:4].ljust(4, b"\0") + b"TFL3" + data[4:])


@reading
@given(st.dictionaries(places, words, min_size=1, max_size=6))
def test_overwritten_words(changes: dict[int, int]) -> None:
    data = bytearray(KWS)
    for place, word in changes.items():
        struct.pack_into("<I", data, 4 * place, word)
    _read(bytes(data))


@reading
@given(st.sets(st.integers(0, 8 * len(KWS) - 1), min_size=1, max_size=16))
def test_flipped_bits(bits: set[int]) -> None:
    data = bytearray(KWS)
    for bit in bits:
        data[bit // 8] ^= 1 << bit % 8
    _read(bytes(data))


@reading
@given(st.integers(0, len(KWS)), st.integers(0, len(KWS)), st.integers(1, 500))
def test_moved_blocks(source: int, target: int, length: int) -> None:
    data = bytearray(KWS)
    data[target : target + length] = data[source : source + length]
    _read(bytes(data))


@reading
@given(st.integers(0, len(KWS)), st.binary(max_size=8))
def test_truncated_and_extended(length: int, tail: bytes) -> None:
    _read(KWS[:length] + tail)


@reading
@given(st.sampled_from(GOLDEN), st.data())
def test_mutated_operators_are_refused_or_executed(content: bytes, data: st.DataObject) -> None:
    """Files of one operator are short, so that changes hit shapes, scales and options."""
    changed = bytearray(content)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(changed) // 4 - 1))
        kind = data.draw(st.sampled_from(["word", "bit", "small"]))
        if kind == "word":
            struct.pack_into("<I", changed, 4 * place, data.draw(words))
        elif kind == "bit":
            changed[4 * place] ^= 1 << data.draw(st.integers(0, 7))
        else:
            changed[4 * place + data.draw(st.integers(0, 3))] = data.draw(st.integers(0, 9))
    _execute(bytes(changed))


def _calls(work: Callable[[], Any]) -> int:
    """Function calls made: a measure of time that no busy machine disturbs."""
    count = 0

    def note(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    previous = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(previous)
    return count


@pytest.mark.parametrize("entries", [500, 2000, 8000, 32000])
def test_work_is_bounded_by_the_size(altered: Any, entries: int) -> None:
    """Tensors, operators and inputs by the thousand, all of them the same table."""
    word = struct.pack("<I", entries)

    def inflated(model: Any) -> None:
        model.subgraphs[0].operators[0].inputs = [0, 18, 1] + [0] * entries

    data = altered(inflated)
    calls = _calls(lambda: _read(data))
    assert calls < 2 * len(data)
    # The same file once more, each of its words in turn claiming that many entries.
    for place in range(0, 2400, 24):
        claimed = data[:place] + word + data[place + 4 :]
        assert _calls(lambda claimed=claimed: _read(claimed)) < 2 * len(data)


def test_aliasing_tables_stop_early() -> None:
    """Each entry of the tensor vector leads to the one tensor: no more work than the budget."""
    count = 50_000
    data = _aliasing(count)
    calls = _calls(lambda: _read(data))
    assert calls < 6 * len(data)
    with pytest.raises(ModelFormatError, match="share the same bytes"):
        parse_tflite(data)
    parse_tflite(_aliasing(10))


def _aliasing(count: int) -> bytes:
    """A model whose only subgraph lists one tensor `count` times; vtables come first."""
    head = struct.pack("<I4s", 40, b"TFL3")
    # Model: version, subgraphs and buffers; SubGraph: tensors; Tensor and Buffer: nothing.
    model = struct.pack("<7H", 14, 16, 4, 0, 8, 0, 12) + b"\0\0"
    subgraph = struct.pack("<3H", 6, 8, 4) + b"\0\0"
    empty = struct.pack("<2H", 4, 4)
    vtables = model + subgraph + empty + bytes(4)
    assert len(head + vtables) == 40
    body = struct.pack("<iI", 40 - 8, 3) + struct.pack("<2I", 8, 12)
    body += struct.pack("<2I", 1, 16)  # subgraphs, at 56: one, at 76
    body += struct.pack("<2Ii", 1, 4, 72 - 32)  # buffers, at 64: one, at 72
    body += struct.pack("<iI", 76 - 24, 4)  # the subgraph, at 76
    entries = [4 * (count - index) for index in range(count)]
    body += struct.pack(f"<I{count}I", count, *entries)
    tensor = 88 + 4 * count
    return head + vtables + body + struct.pack("<i", tensor - 32)
