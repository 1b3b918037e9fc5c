"""Channels that no answer depends on are taken out, and no answer changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from integer_graphs import Chain, random_chain, random_codes

from qnnlab.files import resource
from qnnlab.graph.integer.costs import graph_macs, integer_costs
from qnnlab.graph.integer.execute import run_integer
from qnnlab.graph.integer.model import IntegerGraph
from qnnlab.graph.integer.passes import remove_dead_channels
from qnnlab.graph.integer.reader import read_integer_graph

MODELS = resource("data/mlperf_tiny/models")


def _with_dead_channels(graph: IntegerGraph, rng: np.random.Generator) -> IntegerGraph:
    """Biases so large, up or down, that about half of the hidden channels never change."""
    ops = []
    for op in graph.ops:
        if op.weights is not None and op.output != graph.output:
            axis = 3 if op.kind == "depthwise" else 0
            channels = op.weights.codes.shape[axis]
            far = rng.choice([-(2**24), 0, 0, 2**24], channels)
            base = np.zeros(channels, np.int64) if op.bias is None else op.bias
            ops.append(replace(op, bias=base + far))
        else:
            ops.append(op)
    return replace(graph, ops=tuple(ops))


def _equal(first: IntegerGraph, second: IntegerGraph, seed: int) -> bool:
    codes = random_codes(np.random.default_rng(seed), first, 12)
    return np.array_equal(run_integer(first, codes), run_integer(second, codes))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 4]))
def test_answers_stay(seed: int, multiple: int) -> None:
    rng = np.random.default_rng(seed)
    graph = _with_dead_channels(random_chain(rng, 8, 8), rng)
    removed = remove_dead_channels(graph, multiple)
    assert _equal(graph, removed.graph, seed)
    assert graph_macs(removed.graph) <= graph_macs(graph)


def test_something_goes() -> None:
    removed_in_all = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        chain = Chain(rng, 8, (6, 6, 8))
        for _ in range(3):
            chain.conv()
        chain.dense()
        graph = _with_dead_channels(chain.graph(), rng)
        removed = remove_dead_channels(graph, 1)
        assert (removed.graph.weight_bytes < graph.weight_bytes) == (removed.channels > 0)
        removed_in_all += removed.channels
    assert removed_in_all > 0


def test_half_of_visual_wake_words() -> None:
    graph = read_integer_graph(MODELS / "vww_96_int8.tflite")
    removed = remove_dead_channels(graph, 1)
    costs = integer_costs(graph)
    assert removed.channels > 0.95 * costs.dead_channels
    assert graph_macs(removed.graph) < 1.01 * costs.live_macs < 0.51 * costs.macs
    assert _equal(graph, removed.graph, 0)
    fours = remove_dead_channels(graph).graph
    shapes = [a.shape[-1] for a in fours.activations if a.shape[-1] > 4]
    assert all(depth % 4 == 0 for depth in shapes)


@pytest.mark.parametrize("name", ["kws_ref_model", "ad01_int8", "pretrainedResnet_quant"])
def test_nothing_to_take(name: str) -> None:
    graph = read_integer_graph(MODELS / f"{name}.tflite")
    removed = remove_dead_channels(graph)
    assert removed.channels == 0
    assert removed.graph.weight_bytes == graph.weight_bytes
