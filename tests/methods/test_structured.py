"""A network without filters computes what the whole one does with those filters at zero."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tiny_jobs import residual, tiny_job, unevened

from qnnlab import backend
from qnnlab.errors import MethodError
from qnnlab.graph.integer.costs import graph_macs
from qnnlab.graph.tflite import parse_tflite
from qnnlab.methods import FAMILIES
from qnnlab.methods.network.keras_model import build_model
from qnnlab.methods.network.nodes import Network, as_matrix
from qnnlab.methods.network.reading import read_network
from qnnlab.methods.qat import upright
from qnnlab.methods.structured import Places, channel_groups, kept_channels, rebuilt
from qnnlab.tasks.architectures import cnn_1d, cnn_2d, ds_cnn, mlp, resnet8

SETTINGS = {"criterion": "l2", "sparsity_pct": 50, "weight_bits": 8, "activation_bits": 8}


def named(network: Network) -> dict[str, int]:
    return {node.name: index for index, node in enumerate(network.nodes)}


def masked(network: Network, kept: Mapping[int, Places]) -> Network:
    """The whole network with what makes a channel that is not kept at zero."""
    changed = {}
    for index in network.computing():
        node, norm = network.nodes[index], network.nodes[index].batch_norm
        on = np.isin(np.arange(node.channels), kept[index]).astype(np.float32)
        if norm is not None:
            norm = replace(norm, gamma=norm.gamma * on, beta=norm.beta * on)
        matrix = as_matrix(node.weights, node.channels) * on
        changed[index] = replace(
            node,
            kernel=matrix.reshape(node.weights.shape),
            bias=None if node.bias is None else node.bias * on,
            batch_norm=norm,
        )
    return network.with_nodes(changed)


@pytest.mark.parametrize(
    ("build", "shape"),
    [
        (residual, (8, 8, 4)),
        (cnn_2d, (8, 8, 1)),
        (cnn_1d, (32, 2)),
        (resnet8, (8, 8, 3)),
        (mlp, (6,)),
        (ds_cnn, (16, 8, 1)),
    ],
)
@pytest.mark.parametrize("criterion", ["l1", "l2"])
def test_rebuilt_equals_masked(
    build: Callable[..., Any], shape: tuple[int, ...], criterion: str
) -> None:
    backend.fresh_session(3)
    network = upright(read_network(unevened(build(shape, 5))))
    kept = kept_channels(network, channel_groups(network), 0.4, criterion)
    smaller = rebuilt(network, kept)
    x = np.random.default_rng(0).standard_normal((4, *shape)).astype(np.float32)
    whole, thin = (
        build_model(each, softmax=False).predict_on_batch(x)
        for each in (masked(network, kept), smaller)
    )
    np.testing.assert_allclose(thin, whole, rtol=1e-4, atol=1e-4)
    assert np.abs(whole).max() > 0.01
    assert smaller.nodes[network.output].shape == (5,)
    for index in network.computing():
        before, after = network.nodes[index].channels, smaller.nodes[index].channels
        assert after == (5 if index == network.output else before - round(0.4 * before))


def test_additions_and_depthwise_filters_tie_channels() -> None:
    network = read_network(residual((8, 8, 4), 2))
    at, groups = named(network), channel_groups(network)
    tied = {groups.roots[at[name]] for name in ("first", "depthwise", "second", "add")}
    assert len(tied) == 1
    assert not tied & set(groups.fixed)
    assert groups.roots[at["third"]] not in tied
    assert groups.fixed[groups.roots[at["last"]]] == "it makes the output"
    kept = kept_channels(network, groups, 0.5, "l1")
    assert np.array_equal(kept[at["first"]], kept[at["second"]])


def test_the_filters_of_the_smallest_scaled_norm_go() -> None:
    backend.fresh_session(3)
    network = read_network(cnn_1d((32, 2), 5))
    index = network.computing()[0]
    norm = network.nodes[index].batch_norm
    assert norm is not None
    gamma = np.ones_like(norm.gamma)
    gamma[[3, 7]] = 1e-3
    network = network.with_nodes(
        {index: replace(network.nodes[index], batch_norm=replace(norm, gamma=gamma))}
    )
    kept = kept_channels(network, channel_groups(network), 2 / 16, "l2")[index]
    assert sorted(set(range(16)) - set(kept.tolist())) == [3, 7]


def test_at_least_one_filter_stays() -> None:
    network = read_network(cnn_1d((32, 2), 5))
    kept = kept_channels(network, channel_groups(network), 0.99, "l1")
    assert {len(kept[index]) for index in network.computing()[:-1]} == {1}


def test_several_depthwise_filters_a_channel_fix_their_input() -> None:
    layers = backend.keras().layers
    inputs = layers.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, name="before")(inputs)
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, name="double")(x)
    outputs = layers.Dense(2, name="last")(layers.Flatten()(x))
    network = read_network(backend.keras().Model(inputs, outputs))
    with pytest.raises(MethodError, match="before: double has several filters a channel"):
        kept_channels(network, channel_groups(network), 0.5, "l1")


def test_a_flattened_output_keeps_its_channels() -> None:
    layers = backend.keras().layers
    inputs = layers.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, name="inner")(inputs)
    x = layers.Conv2D(4, 3, name="outer")(x)
    network = read_network(backend.keras().Model(inputs, layers.Flatten(name="flat")(x)))
    groups = channel_groups(network)
    fixed = {network.nodes[i].name for i, root in enumerate(groups.roots) if root in groups.fixed}
    assert {"outer", "flat"} <= fixed
    kept = kept_channels(network, groups, 0.5, "l1")
    at = named(network)
    assert rebuilt(network, kept).nodes[at["outer"]].weights.shape == (3, 3, 2, 4)


@pytest.mark.slow
def test_macs_and_bytes_shrink_in_what_is_exported() -> None:
    job = tiny_job(residual)
    whole = FAMILIES["prune"].apply(
        tiny_job(residual),
        {
            "pattern": "n_m",
            "scope": "layer",
            "sparsity_pct": 50,
            "weight_bits": 8,
            "activation_bits": 8,
        },
    )
    found = FAMILIES["prune_filters"].apply(job, SETTINGS)
    assert found.graph is not None
    assert whole.graph is not None
    assert found.tflite is not None
    assert whole.tflite is not None
    assert graph_macs(found.graph) < 0.5 * graph_macs(whole.graph)
    assert found.graph.weight_bytes < 0.5 * whole.graph.weight_bytes
    assert len(found.tflite) < len(whole.tflite)
    parse_tflite(found.tflite)
    values = {value.name: value.value for value in found.values}
    assert values["removed_filters_pct"] == pytest.approx(100 * (4 + 4 + 4 + 3) / (3 * 8 + 6 + 2))
    assert values["unpruned_layers"] == "last: it makes the output"
    assert found.simulate is not None
    assert found.simulate(job.data.test.x).shape == (64, 2)
