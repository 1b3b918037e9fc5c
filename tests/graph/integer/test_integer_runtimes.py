"""The executor answers as the interpreters do, byte for byte, on models written as .tflite."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from integer_graphs import Chain, lively, random_chain, random_codes, random_graph, random_weights

from qnnlab.graph.integer.execute import run_integer
from qnnlab.graph.integer.model import IntegerGraph
from qnnlab.graph.integer.tflite import to_tflite
from qnnlab.graph.runtimes import available_runtimes, run_model

INSTALLED = available_runtimes()
tflm = pytest.mark.skipif("tflm" not in INSTALLED, reason="tflite-micro is not installed here")
litert = pytest.mark.skipif(
    "litert_reference" not in INSTALLED, reason="ai-edge-litert is not installed here"
)
KINDS = ("conv", "depthwise", "dense", "add", "average_pool", "max_pool", "requantize")


def _differing(
    graph: IntegerGraph,
    rng: np.random.Generator,
    runtime: str,
    rounding: str,
    int4: bool = False,
    samples: int = 32,
) -> int:
    """Output codes that differ, of many; the graph's output must not be constant."""
    codes = random_codes(rng, graph, samples)
    graph = lively(graph, codes)
    theirs = run_model(to_tflite(graph, int4), codes, runtime).outputs
    ours = run_integer(graph, codes, rounding)
    assert theirs is not None
    assert theirs.dtype == ours.dtype
    return int((theirs.reshape(ours.shape) != ours).sum())


@tflm
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("kind", KINDS)
def test_each_operator_equals_tflm(kind: str, bits: int) -> None:
    rng = np.random.default_rng(11 * bits + KINDS.index(kind))
    assert _differing(random_graph(rng, (kind,), bits), rng, "tflm", "tflm") == 0


@tflm
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("bits", [8, 16])
def test_chains_with_residual_adds_and_pools_equal_tflm(bits: int, seed: int) -> None:
    rng = np.random.default_rng(1000 * bits + seed)
    weight_bits = int(rng.choice([1, 2, 3, 4, 8]))
    assert _differing(random_chain(rng, bits, weight_bits), rng, "tflm", "tflm") == 0


@tflm
@pytest.mark.parametrize("weight_bits", [1, 2, 3, 4])
def test_few_bit_weights_and_codebooks_equal_tflm(weight_bits: int) -> None:
    rng = np.random.default_rng(weight_bits)
    graph = random_graph(rng, ("conv", "depthwise", "dense"), 8, weight_bits)
    books = [op.weights.codebook is not None for op in graph.ops if op.weights is not None]
    assert weight_bits > 1 or all(books)
    assert _differing(graph, rng, "tflm", "tflm") == 0


@tflm
@pytest.mark.parametrize("weight_bits", [3, 4])
def test_packed_int4_weights_equal_tflm(weight_bits: int) -> None:
    rng = np.random.default_rng(40 + weight_bits)
    chain = Chain(rng, 8, (7, 9, 3), weight_bits)
    chain.conv()
    chain.depthwise()
    chain.dense(per_channel=False)
    assert _differing(chain.graph(), rng, "tflm", "tflm", int4=True) == 0


@tflm
def test_dense_with_a_scale_per_channel_and_16_bits_equals_tflm() -> None:
    rng = np.random.default_rng(5)
    chain = Chain(rng, 16, (30,))
    chain.dense(per_channel=True)
    assert _differing(chain.graph(), rng, "tflm", "tflm") == 0


@tflm
def test_dense_multiplies_its_scales_in_float64() -> None:
    # Of these outputs two differ where the scales are multiplied in float32.
    rng = np.random.default_rng(5)
    chain = Chain(rng, 8, (50,))
    chain.weighted("dense", random_weights(rng, (2000, 50), 8, 0, False), 50, (2000,))
    chain.ops[0] = replace(chain.ops[0], relu=None)
    assert _differing(chain.graph(), rng, "tflm", "tflm", samples=60) == 0


@tflm
def test_requantize_between_8_and_16_bits_equals_tflm() -> None:
    rng = np.random.default_rng(6)
    chain = Chain(rng, 8, (8, 8, 3))
    chain.conv()
    chain.requantize(16)
    chain.depthwise()
    chain.add()
    chain.requantize(8)
    chain.dense()
    assert _differing(chain.graph(), rng, "tflm", "tflm") == 0


@tflm
def test_multipliers_above_one_equal_tflm() -> None:
    rng = np.random.default_rng(7)
    chain = Chain(rng, 8, (4, 4, 2), 2)
    chain.conv()
    chain.requantize()
    fine = replace(chain.activations[1], scale=chain.activations[0].scale / 8)
    chain.activations[1] = fine
    chain.activations[2] = replace(chain.activations[2], scale=fine.scale / 1.7)
    graph = chain.graph()
    assert _differing(graph, rng, "tflm", "tflm") == 0


@litert
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("seed", range(2))
def test_litert_reference_equals_its_own_rounding(bits: int, seed: int) -> None:
    rng = np.random.default_rng(2000 * bits + seed)
    graph = random_chain(rng, bits, 8)
    assert _differing(graph, rng, "litert_reference", "litert_reference") == 0


@litert
@pytest.mark.parametrize("bits", [8, 16])
def test_litert_reference_differs_from_tflm_in_dense_layers_only(bits: int) -> None:
    rng = np.random.default_rng(bits)
    chain = Chain(rng, bits, (6, 6, 4))
    for kind in ("conv", "depthwise", "add", "average_pool", "max_pool", "requantize"):
        getattr(chain, kind)()
    assert _differing(chain.graph(), rng, "litert_reference", "tflm") == 0
    chain = Chain(rng, bits, (50,))
    chain.weighted("dense", random_weights(rng, (200, 50), 8, 0, True), 50, (200,))
    chain.ops[0] = replace(chain.ops[0], relu=None)
    graph = chain.graph()
    assert _differing(graph, rng, "litert_reference", "tflm") > 0
    assert _differing(graph, rng, "litert_reference", "float_rescale") == 0
