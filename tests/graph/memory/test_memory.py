"""Plans keep apart what lives at once, stay at or below TFLM's, and TFLM can follow them."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from integer_graphs import Chain

from qnnlab.errors import ModelFormatError
from qnnlab.files import resource
from qnnlab.graph.costs import graph_costs
from qnnlab.graph.integer.tflite import to_tflite
from qnnlab.graph.memory import (
    Buffer,
    activation_buffers,
    memory_timeline,
    merged_in_place,
    place,
    plan_memory,
)
from qnnlab.graph.memory.offline import with_memory_plan
from qnnlab.graph.runtimes import available_runtimes, run_model
from qnnlab.graph.tflite import parse_tflite, read_tflite

MODELS = resource("data/mlperf_tiny/models")
with resource("data/mlperf_tiny/models.csv").open(newline="") as stream:
    ROWS = {row["file"]: row for row in csv.DictReader(stream)}
HERE = sorted(path.name for path in MODELS.glob("*.tflite"))
needs_tflm = pytest.mark.skipif(
    "tflm" not in available_runtimes(), reason="tflite-micro is not installed here"
)

buffers = st.lists(
    st.builds(
        lambda size, first, span: Buffer((0,), size, first, first + span),
        st.integers(1, 5000),
        st.integers(0, 12),
        st.integers(0, 6),
    ),
    max_size=24,
)


@settings(max_examples=60)
@given(buffers)
def test_no_two_live_buffers_overlap(drawn: list[Buffer]) -> None:
    plan = place(drawn)
    assert plan.overlaps() == []
    ends = [offset + b.aligned for b, offset in zip(plan.buffers, plan.offsets, strict=True)]
    assert plan.peak_bytes == max(ends, default=0)
    assert plan.bound_bytes <= plan.peak_bytes <= sum(b.aligned for b in drawn)
    assert all(offset % 16 == 0 for offset in plan.offsets)
    assert place(drawn).offsets == plan.offsets


def test_an_overlap_is_found() -> None:
    plan = place([Buffer((0,), 64, 0, 1), Buffer((1,), 64, 1, 2)])
    moved = type(plan)(plan.buffers, (0, 32), 96, plan.bound_bytes)
    assert len(moved.overlaps()) == 1


def _random_model(seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    chain = Chain(rng, 8, (6, 6, 3))
    for kind in rng.choice(["conv", "depthwise", "add", "average_pool", "requantize"], 7):
        getattr(chain, str(kind))()
    chain.dense()
    return to_tflite(chain.graph())


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_random_graphs_in_place_and_not(seed: int) -> None:
    graph = parse_tflite(_random_model(seed))
    apart, merged = plan_memory(graph, in_place=False), plan_memory(graph)
    for plan in (apart, merged):
        assert plan.overlaps() == []
        placed = {tensor for b in plan.buffers for tensor in b.tensors}
        assert placed == {b.tensors[0] for b in activation_buffers(graph)}
    assert merged.peak_bytes <= apart.peak_bytes


def test_in_place_only_where_nothing_is_lost() -> None:
    rng = np.random.default_rng(3)
    chain = Chain(rng, 8, (4, 4, 2))
    chain.conv()
    chain.requantize()
    chain.add()
    graph = parse_tflite(to_tflite(chain.graph()))
    merged = merged_in_place(graph, activation_buffers(graph))
    together = [set(b.tensors) for b in merged if len(b.tensors) > 1]
    readers = {i: [op.index for op in graph.operators if i in op.inputs] for i in range(4)}
    for group in together:
        assert 0 not in group, "the graph's input is kept"
        for tensor in group - {max(group)}:
            assert len(readers[tensor]) == 1 or max(readers[tensor]) == tensor


@pytest.mark.parametrize("name", HERE)
def test_mlperf_tiny_plans_are_no_larger_than_tflms(name: str) -> None:
    plan = plan_memory(read_tflite(MODELS / name))
    assert plan.overlaps() == []
    assert plan.peak_bytes == plan.bound_bytes
    theirs = ROWS[name]["tflm_arena_nonpersistent_head"]
    if theirs:
        assert plan.peak_bytes <= int(theirs)


def test_the_best_arenas_seen_are_met() -> None:
    seen = {
        "pretrainedResnet_quant.tflite": 49152,
        "kws_ref_model.tflite": 16000,
        "vww_96_int8.tflite": 55296,
        "ad01_int8.tflite": 768,
    }
    for name, most in seen.items():
        assert plan_memory(read_tflite(MODELS / name)).peak_bytes <= most


@needs_tflm
@pytest.mark.parametrize("name", ["vww_96_int8.tflite", "ad01_int8.tflite"])
def test_tflm_follows_the_plan_and_answers_the_same(name: str) -> None:
    model = (MODELS / name).read_bytes()
    graph = parse_tflite(model)
    planned = with_memory_plan(with_memory_plan(model))
    shape = graph.tensors[graph.inputs[0]].shape
    inputs = np.random.default_rng(0).integers(-128, 128, (4, *shape[1:])).astype(np.int8)
    before, after = run_model(model, inputs, "tflm"), run_model(planned, inputs, "tflm")
    assert np.array_equal(before.outputs, after.outputs)
    assert after.activation_bytes == plan_memory(graph).peak_bytes
    assert before.activation_bytes >= after.activation_bytes


@needs_tflm
@pytest.mark.parametrize("seed", range(4))
def test_tflm_answers_the_same_in_place(seed: int) -> None:
    model = _random_model(seed)
    graph = parse_tflite(model)
    rng = np.random.default_rng(seed)
    shape = graph.tensors[graph.inputs[0]].shape
    inputs = rng.integers(-128, 128, (8, *shape[1:])).astype(np.int8)
    planned = with_memory_plan(model, plan_memory(graph))
    a, b = run_model(model, inputs, "tflm"), run_model(planned, inputs, "tflm")
    assert np.array_equal(a.outputs, b.outputs)
    assert b.activation_bytes <= a.activation_bytes


def test_the_timeline_adds_up(kws: bytes) -> None:
    graph = parse_tflite(kws)
    steps = memory_timeline(graph)
    assert [step.operator for step in steps] == list(range(len(graph.operators)))
    assert max(step.total for step in steps) == graph_costs(graph).peak_live_bytes
    for step in steps:
        sizes = sum(graph.tensors[i].n_bytes for i in step.tensors)
        assert step.total == sizes


def test_a_foreign_file_is_refused() -> None:
    with pytest.raises(ModelFormatError, match=r"not a \.tflite model"):
        with_memory_plan(b"no model at all")
