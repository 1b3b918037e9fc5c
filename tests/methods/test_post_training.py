"""Each step of post-training quantization does what it promises, on the layer it works on."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_jobs import residual, tiny_job

from qnnlab.methods import RECIPES
from qnnlab.methods.network.keras_model import build_model, simulated_model
from qnnlab.methods.network.nodes import Network, as_matrix
from qnnlab.methods.network.quantized import QuantizedNetwork, to_integer_graph
from qnnlab.methods.network.reading import read_network
from qnnlab.methods.post_training.blocks import residual_blocks, single_layers
from qnnlab.methods.post_training.equalization import equalized, pairs
from qnnlab.methods.post_training.gptq import compensated_codes
from qnnlab.methods.post_training.plan import plan_bits
from qnnlab.methods.post_training.quantize import quantize_network

pytestmark = pytest.mark.slow


@cache
def network() -> Network:
    return read_network(tiny_job(residual).model).folded()


@cache
def samples() -> Any:
    return tiny_job(residual).data.train.x


@cache
def quantized(name: str, steps: int = 60) -> QuantizedNetwork:
    settings = RECIPES[name].settings
    return quantize_network(network(), samples(), samples(), settings, 0, steps)


def outputs(made: QuantizedNetwork) -> Any:
    return simulated_model(made).predict(samples(), verbose=0)


def error(name: str) -> float:
    wanted = build_model(network()).predict(samples(), verbose=0)
    return float(((outputs(quantized(name)) - wanted) ** 2).mean())


def test_better_methods_answer_more_like_the_float_model() -> None:
    plain = error("ptq_w3a16_pc_mse")
    for better in ("gptq", "adaround", "brecq"):
        assert error(f"ptq_{better}_w3a16_pc_mse") < plain, better
    assert error("ptq_w3a16_pc_minmax_bias") < error("ptq_w3a16_pc_minmax")
    assert error("ptq_w7a16_pc_minmax") < error("ptq_w4a16_pc_minmax")
    assert error("ptq_w4a16_pc_minmax") < error("ptq_floor_w4a16_pc_minmax")


def test_codes_lie_in_their_range_and_one_seed_gives_one_result() -> None:
    for name in ("ptq_stochastic_w3a8_pc", "ptq_adaround_w3a8_pc_mse", "ptq_gptq_w3a8_pt_mse"):
        made = quantized(name)
        again = quantize_network(
            network(), samples(), samples(), RECIPES[name].settings, 0, steps=60
        )
        for index, kernel in made.kernels.items():
            assert kernel.codes.min() >= -3
            assert kernel.codes.max() <= 3
            assert kernel.codes.shape == network().nodes[index].weights.shape
            np.testing.assert_array_equal(kernel.codes, again.kernels[index].codes)


def test_adaround_moves_a_code_by_less_than_one() -> None:
    made = quantized("ptq_adaround_w4a8_pc_minmax")
    for index, kernel in made.kernels.items():
        node = network().nodes[index]
        exact = as_matrix(node.weights, node.channels) / kernel.scale
        codes = as_matrix(kernel.codes, node.channels)
        assert np.abs(codes - exact).max() < 1 + 1e-3


def test_bias_correction_gives_back_the_mean_of_the_outputs() -> None:
    wanted = build_model(network(), every=True).predict(samples(), verbose=0)[1].mean((0, 1, 2))
    means = {}
    for name in ("ptq_w2a16_pc_mse", "ptq_w2a16_pc_mse_bias", "ptq_w2a16_pc_mse_biasa"):
        real = build_model(quantized(name).real(), every=True).predict(samples(), verbose=0)
        means[name] = np.abs(real[1].mean((0, 1, 2)) - wanted).mean()
    plain, empirical, analytic = means.values()
    assert empirical < plain
    assert analytic < plain


def badly_scaled() -> Network:
    """The same function, with channels of the first pair scaled far apart."""
    first, second = pairs(network())[0]
    one, two = network().nodes[first], network().nodes[second]
    factor = np.geomspace(0.01, 100, one.channels).astype(np.float32)
    assert one.bias is not None
    kernel = (as_matrix(one.weights, one.channels) * factor).reshape(one.weights.shape)
    return network().with_nodes(
        {
            first: replace(one, kernel=kernel, bias=one.bias * factor),
            second: replace(two, kernel=two.weights / factor[:, np.newaxis]),
        }
    )


def test_equalization_keeps_the_function_and_mends_bad_channels() -> None:
    assert [(network().nodes[a].name, network().nodes[b].name) for a, b in pairs(network())] == [
        ("depthwise", "second")
    ]
    bad = badly_scaled()
    good = equalized(bad)
    wanted = build_model(network()).predict(samples(), verbose=0)
    for same in (bad, good):
        assert build_model(same).predict(samples(), verbose=0) == pytest.approx(wanted, abs=1e-4)
    results = {}
    for name in ("ptq_w7a16_pt_minmax", "ptq_w7a16_pt_cle"):
        made = quantize_network(bad, samples(), samples(), RECIPES[name].settings, 0, 1)
        results[name] = float(((outputs(made) - wanted) ** 2).mean())
    assert results["ptq_w7a16_pt_cle"] < results["ptq_w7a16_pt_minmax"] / 4


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6), rows=st.integers(2, 12), channels=st.integers(1, 4))
def test_compensation_beats_plain_rounding_on_its_inputs(
    seed: int, rows: int, channels: int
) -> None:
    rng = np.random.default_rng(seed)
    mixing = rng.standard_normal((rows, rows))
    inputs = rng.standard_normal((200, rows)) @ mixing
    matrix = rng.standard_normal((rows, channels)).astype(np.float32)
    scale = (np.abs(matrix).max(axis=0) / 7).astype(np.float32)
    moment = inputs.T @ inputs
    codes = compensated_codes(matrix, scale, (-7, 7), moment)
    plain = np.clip(np.rint(matrix / scale), -7, 7)

    def lost(found: Any) -> float:
        return float(((inputs @ (found * scale - matrix)) ** 2).sum())

    assert np.abs(codes).max() <= 7
    # Greedy: not better in every case, but never far worse, and exact for what needs no rounding.
    assert lost(codes) <= 1.5 * lost(plain)
    whole = (plain * scale).astype(np.float32)
    np.testing.assert_array_equal(compensated_codes(whole, scale, (-7, 7), moment), plain)


def test_a_silent_input_does_not_stop_compensation() -> None:
    moment = np.diag([0.0, 4.0, 0.0])
    matrix = np.array([[0.3], [0.6], [-0.2]], np.float32)
    codes = compensated_codes(matrix, np.array([0.25], np.float32), (-7, 7), moment)
    assert codes.ravel().tolist() == [1, 2, -1]


def test_blocks_hold_every_node_once_and_close_at_additions() -> None:
    for split in (single_layers, residual_blocks):
        blocks = split(network())
        assert [index for block in blocks for index in block] == list(
            range(1, len(network().nodes))
        )
    names = [[network().nodes[at].name for at in block] for block in residual_blocks(network())]
    assert ["depthwise", "second", "add"] in names


def test_the_plan_keeps_edges_and_what_is_averaged_at_8_bits() -> None:
    chosen = RECIPES["ptq_w2a4_pc_e8"].settings
    plan = plan_bits(network(), chosen)
    computing = network().computing()
    assert [plan.weights[index] for index in computing] == [8, 2, 2, 2, 8]
    assert plan.activations[0] == plan.activations[network().output] == 8
    assert plan.activations[computing[0]] == 4
    same = plan_bits(network(), RECIPES["ptq_w2a4_pc"].settings)
    assert set(same.weights.values()) == {2}


def test_few_bit_kernels_get_a_finer_accumulator_but_keep_their_bits() -> None:
    made = quantized("ptq_w2a2_pc_mse")
    graph = to_integer_graph(made)
    for op in graph.ops:
        if op.weights is None:
            continue
        kernel = made.kernels[op.output]
        assert op.weights.bits == kernel.bits
        real = op.weights.values().astype(np.float64).reshape(-1)
        assert np.unique(real).size <= 4
    exact = sorted(np.unique(np.abs(made.kernels[1].real(network().nodes[1].channels))))
    first = graph.ops[0].weights
    assert first is not None
    shaped = np.moveaxis(first.values(), 0, -1) * first.scale
    assert sorted(np.unique(np.abs(shaped.astype(np.float32)))) == pytest.approx(exact)
