"""Weights of 4, 2 and 1 bits: stored packed, answers as the integer executor's."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from integer_graphs import Chain, random_codes

from qnnlab.codegen import generate
from qnnlab.codegen.arrays import Form, packed_words, weight_form
from qnnlab.codegen.kits import KITS, kit_for
from qnnlab.errors import CodegenError
from qnnlab.graph.integer.execute import run_integer
from qnnlab.graph.integer.model import IntegerGraph, Weights

pytest.importorskip("ziglang", reason="needs the firmware extra")
pytest.importorskip("unicorn", reason="needs the firmware extra")

from qnnlab.targets.bench import build_firmware, run_firmware

GRAPHS = int(os.environ.get("FIRMWARE_GRAPHS", "2"))


def _chain(seed: int, bits: int) -> IntegerGraph:
    rng = np.random.default_rng(seed)
    depth = int(rng.choice([1, 3, 4, 8, 16, 33]))
    chain = Chain(rng, 8, (int(rng.integers(3, 10)), int(rng.integers(3, 10)), depth), bits)
    for kind in rng.choice(["conv", "depthwise", "add", "conv"], int(rng.integers(1, 5))):
        getattr(chain, str(kind))()
    chain.dense()
    return chain.graph()


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m3", "cortex-m4", "rv32imac"])
@pytest.mark.parametrize("bits", [1, 2, 3, 4])
def test_random_networks(core: str, bits: int) -> None:
    for seed in range(GRAPHS):
        graph = _chain(100 * bits + seed, bits)
        codes = random_codes(np.random.default_rng(seed), graph, 2)
        expected = run_integer(graph, codes).reshape(2, -1)
        for run, answer in zip(
            run_firmware(build_firmware(generate(graph, core)), codes), expected, strict=True
        ):
            assert np.array_equal(run.outputs, answer)


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m3", "cortex-m4", "rv32imac"])
def test_codebooks_that_are_evenly_spaced(core: str) -> None:
    chain = Chain(np.random.default_rng(8), 8, (6, 6, 8), 4)
    chain.depthwise()
    chain.conv()
    chain.dense()
    graph = chain.graph()
    book = (9 * np.arange(-8, 8)).astype(np.int8)
    ops = []
    for op in graph.ops:
        if op.weights is not None:
            codes = (op.weights.codes.astype(np.int16) + 8).astype(np.uint8)
            scale = (op.weights.scale / 9).astype(np.float32)
            ops.append(replace(op, weights=Weights(codes, 4, scale, book)))
        else:
            ops.append(op)
    spaced = replace(graph, ops=tuple(ops))
    model = generate(spaced, core)
    assert weight_form(ops[0]) == Form(4, 9, 72)
    assert model.weight_bytes == generate(graph, core).weight_bytes
    codes = random_codes(np.random.default_rng(1), spaced, 2)
    expected = run_integer(spaced, codes).reshape(2, -1)
    for run, answer in zip(run_firmware(build_firmware(model), codes), expected, strict=True):
        assert np.array_equal(run.outputs, answer)


@pytest.mark.parametrize(("bits", "share"), [(4, 2), (2, 4), (1, 8)])
def test_flash_is_really_saved(bits: int, share: int) -> None:
    rng = np.random.default_rng(3)
    chain = Chain(rng, 8, (8, 8, 32), bits)
    chain.dense()
    graph = chain.graph()
    model = generate(graph, "cortex-m4")
    dense = graph.ops[-1]
    assert dense.weights is not None
    # Channels are padded to a multiple of four, values to whole words.
    channels, k = dense.weights.codes.shape
    assert model.weight_bytes == -(-channels // 4) * 4 * k // share + 8
    wide = replace(dense, weights=Weights(dense.weights.values(), 8, dense.weights.scale))
    eight = generate(replace(graph, ops=(*graph.ops[:-1], wide)), "cortex-m4")
    assert eight.weight_bytes == share * (model.weight_bytes - 8)
    firmware, whole = build_firmware(model), build_firmware(eight)
    saved = eight.weight_bytes - model.weight_bytes
    assert abs(whole.constant_bytes - firmware.constant_bytes - saved) < 64


def _dense(values: list[list[int]], bits: int, book: list[int] | None) -> IntegerGraph:
    chain = Chain(np.random.default_rng(0), 8, (len(values[0]),), 8)
    chain.dense()
    graph = chain.graph()
    codes = np.array(values, np.int8 if book is None else np.uint8)
    weights = Weights(
        codes,
        bits,
        np.ones(1, np.float32),
        None if book is None else np.array(book, np.int8),
    )
    return replace(graph, ops=(replace(graph.ops[-1], weights=weights),))


@pytest.mark.parametrize(
    ("values", "bits", "book", "form"),
    [
        ([[0, 1, 1]], 1, [-1, 1], Form(1, 2, 1)),
        ([[0, 1, 1]], 1, [-32, 32], Form(1, 64, 32)),
        ([[0, -1, 0]], 1, None, Form(1, 1, 1)),
        ([[0, 1, 2]], 2, [0, 1, -1], Form(2, 1, 2)),
        ([[0, 1, 2]], 2, [-38, 0, 38], Form(2, 38, 76)),
        ([[-4, 3, 0]], 3, None, Form(4, 1, 8)),
        ([[-8, 7, 0]], 4, None, Form(4, 1, 8)),
        ([[0, 1, 2]], 2, [-100, 3, 99], Form(8)),
        ([[-8, 7, 0]], 8, None, Form(8)),
    ],
)
def test_form_of_weights(
    values: list[list[int]], bits: int, book: list[int] | None, form: Form
) -> None:
    assert weight_form(_dense(values, bits, book).ops[-1]) == form


@given(
    st.builds(Form, st.sampled_from([1, 2, 4]), st.integers(1, 9), st.integers(0, 99)),
    st.integers(1, 70),
    st.integers(0, 2**32 - 1),
)
def test_words_hold_the_values_in_order(form: Form, count: int, seed: int) -> None:
    bits, lift, step = form.bits, form.lift, form.step
    values = np.random.default_rng(seed).integers(0, 2**bits, count) * step - lift
    words = packed_words(values, form)
    back = [
        (int(words[i * bits // 32]) >> (i * bits % 32)) % 2**bits * step - lift
        for i in range(count)
    ]
    assert back == values.tolist()


def test_every_instruction_set_has_every_form() -> None:
    for isa in ("dsp", "thumb1", "thumb2", "portable"):
        assert [kit_for(isa, bits).bits for bits in (8, 4, 2, 1)] == [8, 4, 2, 1]
    with pytest.raises(CodegenError, match="no kernels for weights of 3 bits on dsp cores"):
        kit_for("dsp", 3)
    assert len({kit.name for kit in KITS.values()}) == len(KITS)


def test_kernels_by_the_reach_of_weights_and_sums() -> None:
    assert kit_for("dsp", 8, least=-127, most=2**23 - 1).name == "dsp"
    assert kit_for("dsp", 8, least=-127, most=2**23).name == "dsp_bytes"
    assert kit_for("dsp", 8, least=-128, most=100).name == "dsp_bytes"
