"""Few values a layer: places settled before training, values learned, both kept in integers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tiny_jobs import residual, tiny_job

from qnnlab import backend
from qnnlab.errors import MethodError
from qnnlab.graph.integer.execute import dequantize_output, quantize_input, run_integer
from qnnlab.methods import FAMILIES
from qnnlab.methods.clustering import Shared, code_bits
from qnnlab.methods.network.keras_model import build_model, layers_by_node
from qnnlab.methods.network.reading import read_network
from qnnlab.numerics.codebooks import assign, kmeans


def dense_model(values: np.ndarray) -> Any:
    """One dense layer with this kernel."""
    layers = backend.keras().layers
    inputs = layers.Input((values.shape[0],))
    model = backend.keras().Model(inputs, layers.Dense(values.shape[1], name="only")(inputs))
    model.layers[-1].set_weights([values, np.zeros(values.shape[1], np.float32)])
    return model


@pytest.mark.parametrize(("clusters", "bits"), [(2, 1), (4, 2), (8, 3), (9, 4), (16, 4)])
def test_bits_of_a_place(clusters: int, bits: int) -> None:
    assert code_bits(clusters) == bits


@pytest.mark.slow
@pytest.mark.parametrize("clusters", [4, 16])
def test_integers_are_places_in_a_learned_codebook(clusters: int) -> None:
    job = tiny_job(residual, epochs=3)
    before = job.model.get_layer("last").get_weights()[0]
    found = FAMILIES["cluster"].apply(job, {"clusters": clusters, "activation_bits": 8})
    assert found.graph is not None
    assert found.tflite is not None
    places = 0
    for op in found.graph.ops:
        if op.weights is None:
            continue
        assert op.weights.bits == code_bits(clusters)
        assert op.weights.codebook is not None
        assert op.weights.codebook.size == clusters
        assert op.weights.codes.max() < clusters
        places += -(-op.weights.codes.size * op.weights.bits // 8) + clusters
    assert found.graph.weight_bytes == places
    last = next(op.weights for op in found.graph.ops if op.name == "last")
    assert last is not None
    levels = kmeans(before, clusters, job.seed)
    assert np.array_equal(last.codes.T, assign(before, levels))
    assert last.codebook is not None
    # The values moved in training; int8 alone moves them by half a code at most.
    assert np.abs(last.codebook * last.scale - levels).max() > last.scale[0]


@pytest.mark.slow
def test_batch_norm_moves_scales_not_places() -> None:
    found = FAMILIES["cluster"].apply(tiny_job(residual), {"clusters": 8, "activation_bits": 8})
    assert found.graph is not None
    scales = {op.name: op.weights.scale for op in found.graph.ops if op.weights is not None}
    assert {name: scale.size for name, scale in scales.items()} == {
        "first": 8,
        "depthwise": 8,
        "second": 8,
        "third": 6,
        "last": 1,
    }
    assert found.values[0].name == "most_values_a_layer"
    assert found.values[0].value == 8


@pytest.mark.slow
def test_integers_answer_like_the_fake_quantized_model() -> None:
    job = tiny_job(residual, epochs=3)
    found = FAMILIES["cluster"].apply(job, {"clusters": 16, "activation_bits": 8})
    assert found.graph is not None
    assert found.simulate is not None
    x = job.data.test.x
    logits = dequantize_output(
        found.graph, run_integer(found.graph, quantize_input(found.graph, x))
    )
    assert (logits.argmax(1) == found.simulate(x).argmax(1)).mean() > 0.95


def test_a_kernel_of_few_values_keeps_them() -> None:
    values = np.array([[0.5, -1, 2], [2, 0.5, -1]], np.float32)
    network = read_network(dense_model(values))
    (index,) = network.computing()
    shared = Shared(16, seed=0)
    layer = layers_by_node(build_model(network, weights={index: shared}))["only"]
    kernel = shared.export(layer.kernel)
    assert kernel.bits == 4
    assert kernel.codebook is not None
    assert kernel.codebook.size == 16
    np.testing.assert_allclose(kernel.real(3), values, atol=2 / 254)


def test_the_layer_computes_with_the_shared_values() -> None:
    values = np.random.default_rng(0).standard_normal((32, 16)).astype(np.float32)
    network = read_network(dense_model(values))
    (index,) = network.computing()
    shared = Shared(4, seed=0)
    model = build_model(network, weights={index: shared})
    rows = model.predict_on_batch(np.eye(32, dtype=np.float32))
    levels = kmeans(values, 4, 0)
    np.testing.assert_allclose(rows, levels[assign(values, levels)], rtol=1e-5)


def test_a_layer_without_integer_form_is_named() -> None:
    layers = backend.keras().layers

    def build(shape: Any, classes: int) -> Any:
        inputs = layers.Input(shape)
        return backend.keras().Model(inputs, layers.Conv2DTranspose(2, 3, name="up")(inputs))

    with pytest.raises(MethodError, match="'up' is a Conv2DTranspose"):
        FAMILIES["cluster"].apply(tiny_job(build), {"clusters": 4, "activation_bits": 8})
