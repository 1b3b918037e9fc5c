"""Stored bytes: hand-worked examples, bounds of coding theory, and the files themselves."""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from integer_graphs import random_chain

from qnnlab.files import resource
from qnnlab.graph.costs import graph_costs
from qnnlab.graph.integer.model import IntegerGraph
from qnnlab.graph.integer.tflite import to_tflite
from qnnlab.graph.stored import (
    FORMATS,
    StoredWeights,
    bitmap_bytes,
    dense_content,
    huffman_bytes,
    huffman_lengths,
    lut_bytes,
    n_m_bytes,
    stored_sizes,
    weights_of,
)
from qnnlab.graph.tflite import parse_tflite, read_tflite
from qnnlab.lab.stored import stored_values

MODELS = sorted(resource("data/mlperf_tiny/models").glob("*.tflite"))
COUNTS = st.lists(st.integers(1, 10_000), min_size=2, max_size=80)


def entropy_bits(counts: list[int]) -> float:
    """Shannon's bound for the whole message, in bits."""
    total = sum(counts)
    return -sum(count * math.log2(count / total) for count in counts)


def of(values: list[list[int]], bits: int = 8, **changes: object) -> StoredWeights:
    array = np.array(values, np.int8)
    return StoredWeights(array, bits, array.size, **changes)  # type: ignore[arg-type]


def sizes_of(graph: IntegerGraph) -> dict[str, int]:
    return {size.name: size.n_bytes for size in stored_sizes(graph)}


def chain(seed: int, weight_bits: int = 8) -> IntegerGraph:
    return random_chain(np.random.default_rng(seed), 8, weight_bits)


def test_huffman_code_of_a_textbook() -> None:
    """Cormen et al., Introduction to Algorithms, section 16.3: 224 thousand bits."""
    counts = [45, 13, 12, 16, 9, 5]
    lengths = huffman_lengths(counts)
    assert lengths == [1, 3, 3, 3, 4, 4]
    assert np.dot(counts, lengths) == 224


@given(COUNTS)
def test_huffman_is_a_whole_prefix_code_within_a_bit_of_the_entropy(counts: list[int]) -> None:
    lengths = huffman_lengths(counts)
    assert sum(2.0**-length for length in lengths) == 1
    bits = float(np.dot(counts, lengths))
    assert entropy_bits(counts) - 1e-6 <= bits < entropy_bits(counts) + sum(counts)


@given(st.lists(st.integers(-128, 127), min_size=1, max_size=300))
def test_huffman_bytes_are_above_the_entropy(values: list[int]) -> None:
    array = np.array(values, np.int8)
    counts = np.unique(array, return_counts=True)[1].tolist()
    assert huffman_bytes(array) >= entropy_bits(counts) / 8 + 2 * len(counts)


def test_a_lone_symbol_takes_a_bit_and_none_is_refused() -> None:
    assert huffman_lengths([7]) == [1]
    assert huffman_bytes(np.zeros(16, np.int8)) == 2 + 2
    with pytest.raises(ValueError, match="must occur"):
        huffman_lengths([3, 0])


def test_bitmap_by_hand() -> None:
    row = [0, 3, 0, 0, -7, 0, 0, 0] * 2
    assert bitmap_bytes(of([row])) == 2 + 4
    assert bitmap_bytes(of([row], bits=4)) == 2 + 2
    assert bitmap_bytes(of([row], bits=4, codebook_bytes=16)) == 2 + 2 + 16
    # The code that stands for 0 need not be 0.
    assert bitmap_bytes(of([row], zero=3)) == 2 + 14


def test_two_of_four_by_hand() -> None:
    row = [0, 3, 0, 1, -7, 0, 0, 0]
    assert n_m_bytes(of([row])) == 5  # two groups of two codes of 8 + 2 bits
    assert n_m_bytes(of([row], bits=4)) == 3
    assert n_m_bytes(of([[1, 2, 3, 0, *row[4:]]])) == 8
    assert n_m_bytes(of([row[:6]])) == 6
    assert n_m_bytes(of([row], input_last=False)) == 8


def test_table_by_hand() -> None:
    assert lut_bytes(of([[1, 2, 3, 4] * 4])) == 4 + 4
    assert lut_bytes(of([[1, 2, 3] * 4])) == 3 + 3
    assert lut_bytes(of([[9] * 16])) == 2 + 1


@given(st.integers(0, 10_000), st.integers(1, 8))
def test_figures_of_an_integer_graph(seed: int, bits: int) -> None:
    graph = chain(seed, bits)
    found = sizes_of(graph)
    weights = [op.weights for op in graph.ops if op.weights is not None]
    count = sum(w.codes.size for w in weights)
    assert list(found) == [name for name, _, _ in FORMATS]
    assert found["dense"] == found["runtime"] == count
    assert found["packed"] == graph.weight_bytes
    coded = [found[name] for name in ("huffman", "bitmap", "nm24", "lut")]
    assert max(coded) <= found["packed"]
    bound = sum(
        entropy_bits(np.unique(w.values(), return_counts=True)[1].tolist()) for w in weights
    )
    assert found["huffman"] >= bound / 8


def test_packed_bytes_follow_the_bits() -> None:
    found = {bits: sizes_of(chain(5, bits))["packed"] for bits in (8, 4)}
    odd = sum(w.values.size % 2 for w in weights_of(chain(5, 4)))
    assert 2 * found[4] == found[8] + odd


def test_gzip_holds_every_value() -> None:
    weights = weights_of(chain(3))
    content = dense_content(weights)
    packed = gzip.compress(content, compresslevel=9, mtime=0)
    assert sizes_of(chain(3))["gzip"] == len(packed)
    back = np.frombuffer(gzip.decompress(packed), np.int8)
    assert np.array_equal(back, np.concatenate([w.values.ravel() for w in weights]))


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_runtime_bytes_are_those_of_the_file(path: Path) -> None:
    graph = read_tflite(path)
    found = {size.name: size.n_bytes for size in stored_sizes(graph)}
    assert found["runtime"] == found["dense"] == graph_costs(graph).weight_bytes
    assert found["gzip"] < found["dense"]


def test_a_file_and_its_integer_graph_agree() -> None:
    pytest.importorskip("ai_edge_litert", reason="needs the runtimes extra")
    graph = chain(4)
    file = parse_tflite(to_tflite(graph))
    assert stored_sizes(file) == stored_sizes(graph)


def test_a_file_of_int4_is_packed_in_flash_too() -> None:
    pytest.importorskip("ai_edge_litert", reason="needs the runtimes extra")
    rng = np.random.default_rng(0)
    graph = next(
        graph
        for graph in (random_chain(rng, 8, 4) for _ in range(100))
        if all(op.kind != "dense" or op.weights.scale.size == 1 for op in graph.ops if op.weights)
    )
    found = {s.name: s.n_bytes for s in stored_sizes(parse_tflite(to_tflite(graph, int4=True)))}
    assert found["runtime"] == found["packed"] == sizes_of(graph)["packed"]
    assert found["dense"] == sizes_of(graph)["dense"]


def test_figures_carry_their_names_units_and_sources() -> None:
    values = stored_values(chain(3))
    stored = [f"stored_{name}_bytes" for name, _, _ in FORMATS]
    assert [value.name for value in values] == [*stored, "float_weight_bytes"]
    assert values[-1].value == 0
    assert {value.unit for value in values} == {"B"}
    assert all("the integer graph" in value.source for value in values)
