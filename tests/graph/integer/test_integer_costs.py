"""Counts of an IntegerGraph, the ranges of its codes, and channels that are dead for sure."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from integer_graphs import random_chain, random_codes
from operator_graphs import BUILDERS, NARROW_ONLY, operator_graph

from qnnlab.errors import UnsupportedModel
from qnnlab.files import resource
from qnnlab.graph.costs import graph_costs
from qnnlab.graph.integer.costs import graph_macs, integer_costs
from qnnlab.graph.integer.execute import run_integer, run_layers
from qnnlab.graph.integer.model import IntegerGraph, Weights
from qnnlab.graph.integer.ranges import code_ranges
from qnnlab.graph.integer.reader import integer_graph, read_integer_graph
from qnnlab.graph.tflite import read_tflite

MODELS = resource("data/mlperf_tiny/models")
GOLDEN = resource("data/golden")
with resource("data/mlperf_tiny/models.csv").open(newline="") as stream:
    ROWS = {row["file"]: row for row in csv.DictReader(stream)}
INTEGER = [
    "ad01_int8.tflite",
    "kws_ref_model.tflite",
    "pretrainedResnet_quant.tflite",
    "pretrainedResnet_large_int8.tflite",
    "str_ww_ref_model.tflite",
    "vww_96_int8.tflite",
]


def _inside(graph: IntegerGraph, seed: int) -> None:
    codes = random_codes(np.random.default_rng(seed), graph, 16)
    for layer, bounds in zip(run_layers(graph, codes), code_ranges(graph), strict=True):
        assert (layer >= bounds.low).all()
        assert (layer <= bounds.high).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([8, 16]))
def test_no_code_leaves_its_range(seed: int, bits: int) -> None:
    _inside(random_chain(np.random.default_rng(seed), bits, 8), seed)


@pytest.mark.parametrize("kind", BUILDERS)
def test_no_code_of_any_kind_leaves_its_range(kind: str) -> None:
    for bits in (8,) if kind in NARROW_ONLY else (8, 16):
        for seed in range(6):
            _inside(operator_graph(np.random.default_rng([seed, bits]), kind, bits), seed)


@pytest.mark.parametrize("name", INTEGER)
def test_macs_are_those_of_the_reference_table(name: str) -> None:
    graph = read_integer_graph(MODELS / name)
    costs = integer_costs(graph)
    assert costs.macs == graph_macs(graph) == int(ROWS[name]["macs_total"])
    assert costs.macs_by_bits == {(8, 8): costs.macs}
    assert costs.bit_operations == 64 * costs.macs
    # The table leaves out what zero weights make; three products of one pixel are told apart.
    assert abs(costs.live_macs - int(ROWS[name]["macs_live_channels"])) <= 27


def test_transposed_convolutions_count_alike_in_both_forms() -> None:
    path = sorted(resource("data/golden").glob("transpose_conv*.int8.tflite"))[0]
    assert graph_macs(read_integer_graph(path)) == graph_costs(read_tflite(path)).macs_total


def test_a_dead_channel_is_found_and_its_products_do_not_matter() -> None:
    graph = read_integer_graph(MODELS / "kws_ref_model.tflite")
    first, second = graph.ops[0], graph.ops[1]
    assert first.weights is not None
    assert first.bias is not None
    codes = first.weights.codes.copy()
    bias = first.bias.copy()
    codes[5], bias[5] = 0, 0
    weights = Weights(codes, 8, first.weights.scale)
    dead = replace(graph, ops=(replace(first, weights=weights, bias=bias), *graph.ops[1:]))
    ranges = code_ranges(dead)
    assert ranges[first.output].dead_channels().tolist() == [i == 5 for i in range(64)]
    before, after = integer_costs(graph), integer_costs(dead)
    assert after.dead_channels >= before.dead_channels + 2
    # The depthwise layer behind it makes a constant of it too: whatever its weights are.
    assert second.weights is not None
    changed = second.weights.codes.copy()
    changed[..., 5] = 77
    other = replace(second, weights=Weights(changed, 8, second.weights.scale))
    altered = replace(dead, ops=(dead.ops[0], other, *dead.ops[2:]))
    inputs = random_codes(np.random.default_rng(0), graph, 20)
    assert np.array_equal(run_integer(dead, inputs), run_integer(altered, inputs))
    saved = before.live_macs - after.live_macs
    assert saved == 25 * 5 * (40 + 9 + 64)


def test_bytes_moved_are_operands_and_results() -> None:
    graph = read_integer_graph(MODELS / "ad01_int8.tflite")
    costs = integer_costs(graph)
    first = costs.ops[0]
    assert first.read_bytes == 640 + 640 * 128 + 4 * 128 + 4 * _scales(graph)
    assert first.written_bytes == 128
    assert costs.moved_bytes == sum(op.read_bytes + op.written_bytes for op in costs.ops)


def _scales(graph: IntegerGraph) -> int:
    weights = graph.ops[0].weights
    assert weights is not None
    return int(weights.scale.size)


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.tflite")), ids=lambda path: path.stem)
def test_costs_of_every_golden_model_are_had(path: Path) -> None:
    try:
        graph = integer_graph(read_tflite(path))
    except UnsupportedModel:
        return
    found = integer_costs(graph)
    assert 0 <= found.live_macs <= found.macs
