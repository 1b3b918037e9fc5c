"""Every kind of operator: equal to TFLite Micro byte for byte, readable from its own .tflite."""

from __future__ import annotations

import os

import numpy as np
import pytest
from integer_graphs import random_codes
from numpy.typing import NDArray
from operator_graphs import BUILDERS, NARROW_ONLY, operator_graph

from qnnlab.graph.integer.execute import run_integer
from qnnlab.graph.integer.file import graph_from_bytes, graph_to_bytes
from qnnlab.graph.integer.kinds import KINDS
from qnnlab.graph.integer.model import IntegerGraph
from qnnlab.graph.integer.reader import integer_graph
from qnnlab.graph.integer.tflite import to_tflite
from qnnlab.graph.runtimes import available_runtimes, run_models
from qnnlab.graph.tflite import parse_tflite

# Raise it to search longer: GRAPHS_PER_OPERATOR=1000 takes four minutes.
GRAPHS = int(os.environ.get("GRAPHS_PER_OPERATOR", "12"))
SAMPLES = 8
CASES = [
    (kind, bits) for kind in BUILDERS for bits in (8, 16) if bits == 8 or kind not in NARROW_ONLY
]
#: LiteRT's reference kernels sum codes without their scales, have no DEPTH_TO_SPACE, and answer
#: one in some thousand codes of an int16 softmax by one code otherwise.
LITERT_ELSEWHERE = (("sum", 8), ("sum", 16), ("depth_to_space", 8), ("softmax", 16))
#: What XNNPACK takes over; it leaves the other kinds to LiteRT's optimized kernels.
XNNPACK = ("conv", "depthwise", "dense", "add", "sub", "mul", "logistic", "tanh", "softmax")

needs_litert = pytest.mark.skipif(
    "litert_reference" not in available_runtimes(), reason="ai-edge-litert is not installed here"
)
needs_tflm = pytest.mark.skipif(
    "tflm" not in available_runtimes(), reason="tflite-micro is not installed here"
)


def _drawn(kind: str, bits: int) -> list[tuple[IntegerGraph, NDArray[np.integer]]]:
    rng = np.random.default_rng([bits, list(BUILDERS).index(kind)])
    graphs = [operator_graph(rng, kind, bits) for _ in range(GRAPHS)]
    return [(graph, random_codes(rng, graph, SAMPLES)) for graph in graphs]


def _differing(kind: str, bits: int, runtime: str, rounding: str) -> int:
    """Graphs of which an output code differs; one in five must have more than three codes."""
    drawn = _drawn(kind, bits)
    runs = run_models([(to_tflite(graph), codes) for graph, codes in drawn], runtime)
    differing = lively = 0
    for (graph, codes), run in zip(drawn, runs, strict=True):
        if isinstance(run, Exception):
            raise run
        ours = run_integer(graph, codes, rounding)
        assert run.outputs is not None
        assert run.outputs.dtype == ours.dtype
        differing += bool((run.outputs.reshape(ours.shape) != ours).any())
        lively += len(np.unique(ours)) > 3
    assert lively > 0.2 * GRAPHS
    return differing


def test_every_kind_is_drawn() -> None:
    assert set(BUILDERS) == set(KINDS) - {"constant"}


@needs_tflm
@pytest.mark.parametrize(("kind", "bits"), CASES)
def test_equals_tflm(kind: str, bits: int) -> None:
    assert _differing(kind, bits, "tflm", "tflm") == 0


@needs_litert
@pytest.mark.parametrize(
    ("kind", "bits"),
    [case for case in CASES if case not in LITERT_ELSEWHERE],
)
def test_equals_litert_reference(kind: str, bits: int) -> None:
    assert _differing(kind, bits, "litert_reference", "litert_reference") == 0


@needs_litert
@pytest.mark.parametrize("kind", XNNPACK)
def test_equals_xnnpack(kind: str) -> None:
    assert _differing(kind, 8, "litert_xnnpack", "xnnpack") == 0


@pytest.mark.parametrize(("kind", "bits"), CASES)
def test_comes_back_from_files(kind: str, bits: int) -> None:
    for graph, codes in _drawn(kind, bits)[:5]:
        ours = run_integer(graph, codes)
        stored = graph_from_bytes(graph_to_bytes(graph))
        assert np.array_equal(run_integer(stored, codes), ours)
        read = integer_graph(parse_tflite(to_tflite(graph)))
        shaped = codes.reshape(len(codes), *read.activations[read.input].shape)
        assert np.array_equal(run_integer(read, shaped).reshape(ours.shape), ours)


@pytest.mark.parametrize(("kind", "bits"), CASES)
def test_samples_do_not_mix(kind: str, bits: int) -> None:
    graph, codes = _drawn(kind, bits)[0]
    whole = run_integer(graph, codes)
    for place in range(len(codes)):
        assert np.array_equal(run_integer(graph, codes[place : place + 1])[0], whole[place])
