"""The executor on its own: against loops over plain integers, few-bit widths, chunks, refusals."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from integer_graphs import Chain, random_chain, random_codes, random_graph, random_weights
from numpy.typing import NDArray

from qnnlab.errors import SpecError
from qnnlab.graph.integer import execute
from qnnlab.graph.integer.execute import (
    dequantize_output,
    quantize_input,
    run_integer,
    run_layers,
)
from qnnlab.graph.integer.model import Activation, IntegerGraph, Op, Weights
from qnnlab.graph.integer.rounding import channel_multipliers, rounding_named

some = settings(max_examples=40)


def _loop_conv(graph: IntegerGraph, codes: NDArray[Any]) -> NDArray[Any]:
    """One convolution over `same` padding in loops of Python integers."""
    op, source, target = graph.ops[0], graph.activations[0], graph.activations[1]
    assert op.weights is not None
    values = op.weights.values().astype(int)
    bias = np.zeros(len(values), int) if op.bias is None else op.bias
    rows, columns, _ = source.shape
    size, strides = values.shape[1:3], op.attributes["strides"]
    before = [
        max((target.shape[i] - 1) * strides[i] + size[i] - source.shape[i], 0) // 2 for i in (0, 1)
    ]
    sums = np.zeros((len(codes), *target.shape), np.int64)
    for sample, y, x, channel in np.ndindex(sums.shape):
        total = int(bias[channel])
        for i, j, depth in np.ndindex(values.shape[1:]):
            row, column = y * strides[0] + i - before[0], x * strides[1] + j - before[1]
            if 0 <= row < rows and 0 <= column < columns:
                code = int(codes[sample, row, column, depth]) - source.zero_point
                total += code * int(values[channel, i, j, depth])
        sums[sample, y, x, channel] = total
    scaled = rounding_named("tflm").rule(sums, channel_multipliers(graph, op), source.wide)
    return np.clip(scaled + target.zero_point, target.code_low, target.code_high)


@some
@given(
    seed=st.integers(0, 2**32 - 1),
    bits=st.integers(2, 16),
    weight_bits=st.integers(1, 8),
    size=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    strides=st.tuples(st.integers(1, 3), st.integers(1, 3)),
)
def test_convolution_equals_loops(
    seed: int, bits: int, weight_bits: int, size: tuple[int, int], strides: tuple[int, int]
) -> None:
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(1, 5)), int(rng.integers(1, 5)), int(rng.integers(1, 3)))
    chain = Chain(rng, bits, shape, weight_bits)
    weights = random_weights(rng, (2, *size, shape[2]), weight_bits, 0, True)
    place = tuple(-(-shape[i] // strides[i]) for i in (0, 1))
    chain.weighted("conv", weights, 4, (*place, 2), strides=strides, padding="same")
    chain.ops[0] = replace(chain.ops[0], relu=None)
    graph = chain.graph()
    codes = random_codes(rng, graph, 3)
    assert np.array_equal(run_integer(graph, codes), _loop_conv(graph, codes))


@some
@given(seed=st.integers(0, 2**32 - 1), bits=st.sampled_from([2, 3, 4, 6, 12]))
def test_fewer_bits_only_narrow_the_clamp(seed: int, bits: int) -> None:
    rng = np.random.default_rng(seed)
    chain = Chain(rng, bits, (5, 6, 3), 4)
    chain.depthwise()
    few = chain.graph()
    codes = random_codes(rng, few, 6)
    full = tuple(replace(a, bits=16 if a.wide else 8) for a in few.activations)
    reference = run_integer(replace(few, activations=full), codes)
    target = few.activations[1]
    clipped = np.clip(reference, target.code_low, target.code_high)
    assert np.array_equal(run_integer(few, codes), clipped)


@some
@given(seed=st.integers(0, 2**32 - 1), bits=st.integers(2, 16), weight_bits=st.integers(1, 8))
def test_codes_stay_in_their_bits(seed: int, bits: int, weight_bits: int) -> None:
    rng = np.random.default_rng(seed)
    graph = random_chain(rng, bits, weight_bits)
    for activation, layer in zip(
        graph.activations, run_layers(graph, random_codes(rng, graph, 4)), strict=True
    ):
        assert layer.shape == (4, *activation.shape)
        assert layer.dtype == activation.dtype
        assert layer.min() >= activation.code_low
        assert layer.max() <= activation.code_high


def test_layers_hold_input_and_output() -> None:
    rng = np.random.default_rng(0)
    graph = random_chain(rng, 8, 4)
    codes = random_codes(rng, graph, 5)
    layers = run_layers(graph, codes)
    assert np.array_equal(layers[graph.input], codes)
    assert np.array_equal(layers[graph.output], run_integer(graph, codes))


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    graph = random_graph(rng, ("conv", "add", "max_pool", "dense"), 8)
    codes = random_codes(rng, graph, 7)
    whole = run_integer(graph, codes)
    monkeypatch.setattr(execute, "_CHUNK_BYTES", 1)
    assert np.array_equal(run_integer(graph, codes), whole)
    assert run_integer(graph, codes[:0]).shape == (0, *whole.shape[1:])


def test_sums_beyond_float32_are_exact() -> None:
    depth = 30_000
    weights = Weights(np.full((1, depth), 127, np.int8), 8, np.array([1.0], np.float32))
    activations = (
        Activation("in", (depth,), 8, 1.0, -128),
        Activation("sum", (1,), 8, 2.0**26, 0),
    )
    bias = np.array([-depth * 127 * 255 + 3 * 2**25], np.int64)
    op = Op("dense", "dense", (0,), 1, weights, bias)
    graph = IntegerGraph("long", activations, (op,), 0, 1)
    codes = np.full((1, depth), 127, np.int8)
    # 1.5 × 2^26: any error of the float32 product would tip the tie.
    assert run_integer(graph, codes).item() == 2
    below = replace(op, bias=bias - 1)
    assert run_integer(replace(graph, ops=(below,)), codes, "single").item() == 1


def test_average_pool_rounds_half_away_from_zero() -> None:
    activations = (Activation("in", (1, 2, 1), 8, 1.0, 5), Activation("out", (1, 1, 1), 8, 1.0, 5))
    attributes = {"pool": (1, 2), "strides": (1, 1), "padding": "valid"}
    op = Op("pool", "average_pool", (0,), 1, attributes=attributes)
    graph = IntegerGraph("pool", activations, (op,), 0, 1)
    codes = np.array([[1, 2], [-1, -2], [0, 0], [127, 127]]).reshape(4, 1, 2, 1)
    assert run_integer(graph, codes).ravel().tolist() == [2, -2, 0, 127]


def test_input_and_output_scales() -> None:
    rng = np.random.default_rng(2)
    graph = random_graph(rng, ("requantize",), 5)
    source, target = graph.activations
    real = np.array([-1e9, 0.0, source.scale * 2, 1e9]).repeat(np.prod(source.shape))
    codes = quantize_input(graph, real.reshape(4, *source.shape))
    assert codes.dtype == np.int8
    expected = [-16, source.zero_point, min(source.zero_point + 2, 15), 15]
    assert codes.reshape(4, -1)[:, 0].tolist() == expected
    ones = np.full((1, *target.shape), target.zero_point + 1)
    assert np.allclose(dequantize_output(graph, ones), target.scale)


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (np.zeros((2, 3), np.int8), "codes have shape"),
        (np.zeros((2, 4), np.float32), "must be integers"),
        (np.full((2, 4), 8), "from -8 to 7"),
        (np.int8(0), "codes have shape"),
    ],
)
def test_codes_that_do_not_fit(codes: NDArray[Any], message: str) -> None:
    chain = Chain(np.random.default_rng(0), 4, (4,))
    chain.dense()
    with pytest.raises(ValueError, match=message):
        run_integer(chain.graph(), codes)


def test_unknown_rounding() -> None:
    chain = Chain(np.random.default_rng(0), 8, (4,))
    chain.dense()
    with pytest.raises(SpecError, match="unknown rounding 'double'"):
        run_integer(chain.graph(), np.zeros((1, 4), np.int8), "double")
