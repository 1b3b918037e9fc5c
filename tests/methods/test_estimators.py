"""The contract of every estimator: integers it trains with are the integers it exports."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tiny_jobs import residual, tiny_job

from qnnlab import backend
from qnnlab.graph.integer.execute import dequantize_output, quantize_input, run_integer
from qnnlab.methods import FAMILIES, RECIPES
from qnnlab.methods.estimators import ESTIMATORS
from qnnlab.methods.network.keras_model import build_model, layers_by_node, simulated_model
from qnnlab.methods.network.nodes import Node
from qnnlab.methods.network.quantized import Range
from qnnlab.methods.network.reading import read_network
from qnnlab.methods.network.straight_through import fake_quantized, rounded
from qnnlab.methods.network.trained import TrainedActivation, TrainedWeights, exported, kernel_of
from qnnlab.methods.qat import upright

pytestmark = pytest.mark.slow

WIDTHS = [(name, bits) for name, e in ESTIMATORS.items() for bits in e.weight_bits]


def started(name: str, bits: int, per_channel: bool = True) -> tuple[TrainedWeights, Any]:
    """A quantizer of a drawn kernel, and the kernel's variable."""
    backend.fresh_session(0)
    kernel = np.random.default_rng(0).normal(0, 0.4, (3, 3, 4, 5)).astype(np.float32)
    node = Node("conv", "conv", (0,), (4, 4, 5), kernel)
    quantizer = TrainedWeights(ESTIMATORS[name], node, bits, per_channel)
    layer = backend.keras().layers.Layer()
    quantizer.start(layer, kernel)
    return quantizer, backend.tensorflow().Variable(kernel)


@pytest.mark.parametrize(("name", "bits"), WIDTHS)
def test_what_is_exported_is_what_was_trained_with(name: str, bits: int) -> None:
    quantizer, kernel = started(name, bits)
    fake = quantizer.fake(kernel).numpy()
    made = quantizer.export(kernel)
    assert made.bits == bits
    assert np.unique(made.codes).size <= 2**bits
    assert made.scale.shape in ((1,), (5,))
    np.testing.assert_allclose(made.real(5), fake, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("name", "bits"), WIDTHS)
def test_weights_and_what_is_learned_get_gradients(name: str, bits: int) -> None:
    tf = backend.tensorflow()
    quantizer, kernel = started(name, bits)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(quantizer.fake(kernel) ** 2)
    gradients = tape.gradient(loss, [kernel, *quantizer.learned.values()])
    for gradient in gradients:
        assert np.isfinite(gradient.numpy()).all()
        assert np.abs(gradient.numpy()).sum() > 0


@pytest.mark.parametrize("name", ESTIMATORS)
def test_per_tensor_means_one_scale(name: str) -> None:
    quantizer, kernel = started(name, ESTIMATORS[name].weight_bits[0], per_channel=False)
    assert quantizer.export(kernel).scale.shape == (1,)


def test_known_values_of_the_extreme_ones() -> None:
    tf = backend.tensorflow()
    matrix = tf.constant([[0.1], [-0.5], [0.9], [-0.1]])
    signs, scale = ESTIMATORS["xnor"].weights(matrix, 1, True, {})
    assert signs.numpy().ravel().tolist() == [1, -1, 1, -1]
    assert scale.numpy() == pytest.approx([0.4])
    kept, scale = ESTIMATORS["twn"].weights(matrix, 2, True, {})
    assert kept.numpy().ravel().tolist() == [0, -1, 1, 0]
    assert scale.numpy() == pytest.approx([0.7])
    near, scale = ESTIMATORS["b158"].weights(matrix, 2, True, {})
    assert near.numpy().ravel().tolist() == [0, -1, 1, 0]
    assert scale.numpy() == pytest.approx([0.4])
    odd, scale = ESTIMATORS["dorefa"].weights(matrix, 2, True, {})
    assert set(odd.numpy().ravel()) <= {-3, -1, 1, 3}
    assert scale.numpy() == pytest.approx(0.9 / 3)


def test_gradients_of_a_learned_scale_are_those_of_the_paper() -> None:
    tf = backend.tensorflow()
    values, scale = tf.Variable([0.3, 1.2, 9.0, -9.0]), tf.Variable(0.5)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(fake_quantized(values, scale, -4.0, 3.0))
    to_values, to_scale = tape.gradient(loss, [values, scale])
    assert to_values.numpy().tolist() == [1, 1, 0, 0]
    inside = (round(0.6) - 0.6) + (round(2.4) - 2.4)
    assert float(to_scale) == pytest.approx(inside + 3 - 4, abs=1e-5)
    with tf.GradientTape() as tape:
        clipped = tf.reduce_sum(fake_quantized(values, scale, -4.0, 3.0, rounding_counts=False))
    assert float(tape.gradient(clipped, scale)) == pytest.approx(3 - 4)


def test_straight_through_rounds_ties_to_even() -> None:
    found = rounded(backend.tensorflow().constant([0.5, 1.5, -0.5, 9.0]), -2, 2)
    assert found.numpy().tolist() == [0, 2, 0, 2]


def test_integers_that_no_codebook_holds_are_refused() -> None:
    from qnnlab.errors import MethodError

    with pytest.raises(MethodError, match="levels"):
        kernel_of(np.array([-5, 0, 5, 7, 9], np.int16), 2, np.ones(1, np.float32))


def test_ranges_and_codes_at_export_are_those_of_training() -> None:
    """Batch norms with statistics of their own, γ of both signs, folded without touching a code."""
    job = tiny_job(residual)
    network = upright(read_network(job.model))
    weights = {
        index: TrainedWeights(ESTIMATORS["lsq"], network.nodes[index], 4, True)
        for index in network.computing()
    }
    activations = {
        index: TrainedActivation(ESTIMATORS["lsqplus"], Range(0.05, -8 if index else 0, 4))
        for index in network.quantizing()
    }
    model = build_model(network, weights, activations)
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(job.data.train.x, job.data.train.y, epochs=1, verbose=0)
    made = exported(network, model, weights, activations)
    layers = layers_by_node(model)
    for index, kernel in made.kernels.items():
        trained = weights[index].export(layers[network.nodes[index].name].kernel)
        np.testing.assert_array_equal(kernel.codes, trained.codes)
    for index, quantizer in activations.items():
        scale, zero_point = quantizer.parts()
        assert made.ranges[index].scale == float(scale)
        assert made.ranges[index].zero_point == float(zero_point)
    x = job.data.test.x
    fake = model.predict(x, verbose=0)
    assert simulated_model(made).predict(x, verbose=0) == pytest.approx(fake, abs=0.05)


@pytest.mark.parametrize("name", ["qat_lsq_w4a8", "qat_lsqplus_w2a2", "qat_xnor_w1a8_kd"])
def test_the_integer_model_decides_like_the_trained_one(name: str) -> None:
    job = tiny_job(residual)
    recipe = RECIPES[name]
    made = FAMILIES[recipe.family].apply(job, recipe.settings)
    assert made.graph is not None
    assert made.simulate is not None
    x = job.data.test.x
    codes = run_integer(made.graph, quantize_input(made.graph, x))
    integer = dequantize_output(made.graph, codes).argmax(axis=1)
    assert (integer == made.simulate(x).argmax(axis=1)).mean() >= 0.95
    assert (made.tflite is None) == ("a2" in name)
