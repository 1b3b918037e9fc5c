"""Every kind of operator in C, at 8 and 16 bits, answers as the integer executor does."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest
from integer_graphs import Chain, random_chain, random_codes
from operator_graphs import BUILDERS, NARROW_ONLY, operator_graph

from qnnlab.codegen import generate
from qnnlab.codegen.emitters import emitter_of, emitters
from qnnlab.errors import CodegenError, FirmwareFault
from qnnlab.graph.integer.execute import run_integer
from qnnlab.graph.integer.kinds import KINDS
from qnnlab.graph.integer.model import IntegerGraph, Op

pytest.importorskip("ziglang", reason="needs the firmware extra")
pytest.importorskip("unicorn", reason="needs the firmware extra")

from qnnlab.targets.bench import build_firmware, host_library, run_firmware

# Raise it to search longer: FIRMWARE_GRAPHS=50 takes some minutes.
GRAPHS = int(os.environ.get("FIRMWARE_GRAPHS", "2"))
CASES = [
    (kind, bits)
    for kind in sorted(BUILDERS)
    for bits in (8, 16)
    if bits == 8 or kind not in NARROW_ONLY
]


def _assert_equal(graph: IntegerGraph, core: str, seed: int) -> None:
    codes = random_codes(np.random.default_rng(seed), graph, 3)
    expected = run_integer(graph, codes).reshape(3, -1)
    runs = run_firmware(build_firmware(generate(graph, core)), codes)
    for run, answer in zip(runs, expected, strict=True):
        assert run.outputs.dtype == answer.dtype
        assert np.array_equal(run.outputs, answer)


@pytest.mark.parametrize(("kind", "bits"), CASES)
def test_random_operators(kind: str, bits: int) -> None:
    made = 0
    for seed in range(20 * GRAPHS):
        graph = operator_graph(np.random.default_rng([seed, bits]), kind, bits)
        try:
            generate(graph, "cortex-m4")
        except CodegenError:
            # Scales that are far apart now and then need a shift that no template covers.
            continue
        for core in ("cortex-m4", "rv32imac"):
            _assert_equal(graph, core, seed)
        made += 1
        if made == GRAPHS:
            return
    pytest.fail(f"only {made} graphs")


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4", "rv32imac"])
def test_networks_of_16_bits(core: str) -> None:
    for seed in range(GRAPHS):
        _assert_equal(random_chain(np.random.default_rng(seed), 16, 8), core, seed)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_narrow_weights_with_16_bits(bits: int) -> None:
    graph = random_chain(np.random.default_rng(6), 16, bits)
    _assert_equal(graph, "cortex-m4", bits)
    weights = [op.weights for op in graph.ops if op.weights is not None]
    packed = sum(-(-w.codes.size * bits // 32) * 4 for w in weights)
    assert generate(graph, "cortex-m4").weight_bytes == packed


def test_from_8_to_16_bits_and_back() -> None:
    rng = np.random.default_rng(4)
    chain = Chain(rng, 8, (4, 4, 3))
    chain.conv()
    graph = chain.graph()
    last = graph.activations[graph.output]
    wide = replace(last, name="wide", bits=16, scale=last.scale / 200, zero_point=0)
    narrow = replace(last, name="narrow", scale=last.scale * 1.1)
    count = len(graph.activations)
    ops = (
        *graph.ops,
        Op("up", "requantize", (graph.output,), count),
        Op("down", "requantize", (count,), count + 1),
    )
    graph = replace(
        graph, activations=(*graph.activations, wide, narrow), ops=ops, output=count + 1
    )
    _assert_equal(graph.check(), "cortex-m4", 1)
    up = replace(graph, activations=graph.activations[:-1], ops=graph.ops[:-1], output=count)
    _assert_equal(up.check(), "cortex-m3", 1)


def test_16_bits_on_this_computer() -> None:
    graph = random_chain(np.random.default_rng(3), 16, 8)
    codes = random_codes(np.random.default_rng(3), graph, 4)
    with host_library(generate(graph, "host")) as model:
        assert np.array_equal(model.run(codes), run_integer(graph, codes).reshape(4, -1))
        with pytest.raises(FirmwareFault, match=r"a sample is int8\[.*\], not int16"):
            model.run(codes.astype(np.int8))


def test_every_kind_has_an_emitter() -> None:
    kinds = {kind for kind, _ in emitters()}
    assert kinds == set(KINDS) - {"constant"}
    assert {(kind, bits) for kind, bits in CASES} <= set(emitters())


def test_what_is_not_generated_says_so() -> None:
    graph = operator_graph(np.random.default_rng(0), "requantize", 16)
    odd = replace(graph.ops[-1], kind="prelu")
    with pytest.raises(CodegenError, match="no C is generated for prelu with activations of 16"):
        emitter_of(graph, odd)
