"""From Keras to a network and back: the same function, or the layer that can't be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tiny_jobs import residual, unevened

from qnnlab import backend
from qnnlab.errors import MethodError
from qnnlab.methods.network.keras_model import build_model, outputs_of_nodes, trained_network
from qnnlab.methods.network.reading import read_network
from qnnlab.methods.qat import upright
from qnnlab.tasks.architectures import ARCHITECTURES

pytestmark = pytest.mark.slow

SHAPES: dict[str, tuple[int, ...]] = {
    "autoencoder": (12,),
    "mlp": (12,),
    "cnn_1d": (64, 2),
    "cnn_2d": (16, 16, 1),
    "ds_cnn": (49, 10, 1),
    "mobilenet_v1": (32, 32, 3),
    "resnet8": (32, 32, 3),
}


def trained_like(build: Callable[..., Any], shape: tuple[int, ...]) -> Any:
    backend.fresh_session(0)
    return unevened(build(shape, 4))


def samples(shape: tuple[int, ...]) -> Any:
    return np.random.default_rng(0).standard_normal((5, *shape)).astype(np.float32)


@pytest.mark.parametrize("name", [*ARCHITECTURES, "residual"])
def test_a_network_computes_what_its_model_does(name: str) -> None:
    shape = SHAPES.get(name, (8, 8, 4))
    model = trained_like(ARCHITECTURES.get(name, residual), shape)
    x = samples(shape)
    wanted = model.predict(x, verbose=0)
    network = read_network(model)
    for same in (network, network.folded(), upright(network)):
        assert build_model(same).predict(x, verbose=0) == pytest.approx(wanted, rel=1e-3, abs=1e-4)
    assert all(node.batch_norm is None for node in network.folded().nodes)
    for index in upright(network).computing():
        norm = upright(network).nodes[index].batch_norm
        assert norm is None or (norm.gamma >= 0).all()


def test_outputs_of_nodes_are_in_their_order_and_softmax_is_left_out() -> None:
    model = trained_like(residual, (8, 8, 4))
    network = read_network(model)
    x = samples((8, 8, 4))
    outputs = outputs_of_nodes(network, x)
    assert [output.shape[1:] for output in outputs] == [node.shape for node in network.nodes]
    np.testing.assert_array_equal(outputs[0], x)
    assert network.softmax
    logits = outputs[network.output]
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert shares == pytest.approx(model.predict(x, verbose=0), abs=1e-5)


def test_what_a_built_model_learned_is_read_back() -> None:
    network = read_network(trained_like(residual, (8, 8, 4)))
    model = build_model(network)
    model.set_weights([value + 0.5 for value in model.get_weights()])
    again = build_model(trained_network(network, model))
    x = samples((8, 8, 4))
    np.testing.assert_allclose(again.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-5)


def _layers() -> Any:
    return backend.keras().layers


def _odd(kind: str, *before: Any, **options: Any) -> Callable[[Any], Any]:
    """What puts a layer called odd behind convolutions and what else stands before it."""

    def build(x: Any) -> Any:
        for layer, arguments in before:
            x = getattr(_layers(), layer)(*arguments)(x)
        return getattr(_layers(), kind)(name="odd", **options)(x)

    return build


CONV = ("Conv2D", (2, 1))
WRONG: dict[str, tuple[Callable[[Any], Any], str]] = {
    "unknown kind": (_odd("LayerNormalization"), "LayerNormalization"),
    "unknown activation": (_odd("Conv2D", filters=2, kernel_size=1, activation="tanh"), "tanh"),
    "leaky": (_odd("ReLU", CONV, negative_slope=0.1), "ReLU6"),
    "dilated": (_odd("Conv2D", filters=2, kernel_size=3, dilation_rate=2), "dilated"),
    "norm of the input": (_odd("BatchNormalization"), "weights"),
    "dense of a picture": (_odd("Dense", units=2), "Flatten"),
    "two norms": (_odd("BatchNormalization", CONV, ("BatchNormalization", ())), "second"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_layer_without_an_integer_form_is_named(case: str) -> None:
    backend.fresh_session(0)
    build, words = WRONG[case]
    inputs = _layers().Input((6, 6, 3))
    model = backend.keras().Model(inputs, build(inputs))
    with pytest.raises(MethodError, match="'odd'") as error:
        read_network(model)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_sum_that_is_read_before_its_relu_is_named() -> None:
    backend.fresh_session(0)
    inputs = _layers().Input((6, 6, 3))
    first = _layers().Conv2D(3, 1, name="first")(inputs)
    outputs = _layers().Add(name="odd")([first, _layers().ReLU(name="early")(first)])
    with pytest.raises(MethodError, match=r"'odd' reads .*first"):
        read_network(backend.keras().Model(inputs, outputs))
    second = _layers().Conv2D(3, 1, name="second")(first)
    outputs = _layers().Add()([first, second, first])
    with pytest.raises(MethodError, match="two inputs"):
        read_network(backend.keras().Model(inputs, outputs))
