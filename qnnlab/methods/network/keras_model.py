"""Network → tf_keras model, float or with fake quantization."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from qnnlab import backend
from qnnlab.methods.network.nodes import BatchNorm, Floats, Network, Node
from qnnlab.methods.network.quantized import QuantizedNetwork, Range
from qnnlab.methods.network.straight_through import code_limits, fake_quantized

_BATCH = 256


class WeightQuantizer(Protocol):
    """Fake quantization of one kernel inside a layer."""

    def start(self, layer: Any, kernel: Floats) -> None:
        """Give `layer` the variables that are learned, set from the trained `kernel`."""

    def fake(self, kernel: Any) -> Any:
        """The kernel's quantized values, with a gradient."""


class ActivationQuantizer(Protocol):
    """Fake quantization of one activation inside a layer."""

    def start(self, layer: Any) -> None:
        """Give `layer` the variables that are learned."""

    def fake(self, values: Any) -> Any:
        """The quantized values, with a gradient."""


class Fixed:
    """An activation quantizer whose range is settled."""

    def __init__(self, settled: Range) -> None:
        self.settled = settled

    def start(self, layer: Any) -> None:
        """Nothing is learned."""

    def fake(self, values: Any) -> Any:
        """Rounded to the nearest code, ties to even; saturated."""
        low, high = code_limits(self.settled.bits)
        zero_point = self.settled.zero_point
        return fake_quantized(values, self.settled.scale, low - zero_point, high - zero_point)


@cache
def _layer_class() -> Any:
    keras = backend.keras()

    # Keras has no type information, so its class is Any to the checker.
    base: Any = keras.layers.Layer

    class NodeLayer(base):  # type: ignore[misc]
        """What one node does: its sums, batch norm, ReLU, then the quantization of its output."""

        def __init__(
            self,
            node: Node,
            weights: WeightQuantizer | None = None,
            activation: ActivationQuantizer | None = None,
            owns: bool = True,
        ) -> None:
            super().__init__(name=node.name.replace("/", "_"))
            self.node, self.weight_quantizer = node, weights
            self.activation_quantizer, self.owns = activation, owns

        def build(self, _: Any) -> None:
            """Make the variables, holding the node's values."""
            node = self.node
            if node.kernel is not None:
                self.kernel = _variable(self, "kernel", node.kernel)
                self.bias = None if node.bias is None else _variable(self, "bias", node.bias)
                if self.weight_quantizer is not None:
                    self.weight_quantizer.start(self, node.kernel)
            self.norm = _norm_layer(node)
            if self.activation_quantizer is not None and self.owns:
                self.activation_quantizer.start(self)
            super().build(_)

        # AutoGraph has nothing to convert here, and prints what it can't.
        @backend.tensorflow().autograph.experimental.do_not_convert  # type: ignore[untyped-decorator]
        def call(self, inputs: Any, training: bool | None = None) -> Any:
            """The node's output."""
            node = self.node
            kernel = None if node.kernel is None else self.kernel
            if kernel is not None and self.weight_quantizer is not None:
                kernel = self.weight_quantizer.fake(kernel)
            y = compute(node, inputs, kernel)
            if node.kernel is not None and self.bias is not None:
                y = y + self.bias
            if self.norm is not None:
                y = self.norm(y, training=training)
            y = activated(node, y)
            if self.activation_quantizer is not None:
                y = self.activation_quantizer.fake(y)
            return y

    return NodeLayer


def _variable(layer: Any, name: str, value: Floats) -> Any:
    initializer = backend.keras().initializers.Constant(value)
    return layer.add_weight(name=name, shape=value.shape, initializer=initializer)


def _norm_layer(node: Node) -> Any:
    """The batch norm; γ stays at least zero, so that folding it never turns a code's sign."""
    norm = node.batch_norm
    if norm is None:
        return None
    keras = backend.keras()
    constant = keras.initializers.Constant
    return keras.layers.BatchNormalization(
        momentum=norm.momentum,
        epsilon=norm.epsilon,
        gamma_initializer=constant(norm.gamma),
        beta_initializer=constant(norm.beta),
        moving_mean_initializer=constant(norm.mean),
        moving_variance_initializer=constant(norm.variance),
        gamma_constraint=keras.constraints.NonNeg(),
    )


def compute(node: Node, inputs: Any, kernel: Any) -> Any:
    """The linear part of a node on TensorFlow tensors, without bias and what follows it."""
    tf, attributes = backend.tensorflow(), node.attributes
    if node.kind == "dense":
        return tf.matmul(inputs, kernel)
    if node.kind == "add":
        return inputs[0] + inputs[1]
    if node.kind == "reshape":
        return tf.reshape(inputs, (-1, *node.shape))
    padding = attributes["padding"].upper()
    strides = list(attributes["strides"])
    if node.kind == "conv":
        return tf.nn.conv2d(inputs, kernel, strides, padding)
    if node.kind == "depthwise":
        return tf.nn.depthwise_conv2d(inputs, kernel, [1, *strides, 1], padding)
    pool = tf.nn.avg_pool2d if node.kind == "average_pool" else tf.nn.max_pool2d
    return pool(inputs, list(attributes["pool"]), strides, padding)


def activated(node: Node, values: Any) -> Any:
    """`values` after the node's ReLU."""
    tf = backend.tensorflow()
    if node.relu is None:
        return values
    return tf.nn.relu(values) if node.relu == "relu" else tf.nn.relu6(values)


def build_model(
    network: Network,
    weights: Mapping[int, WeightQuantizer] | None = None,
    activations: Mapping[int, ActivationQuantizer] | None = None,
    softmax: bool | None = None,
    every: bool = False,
) -> Any:
    """A tf_keras model of `network`; quantizers by node, those of activations by scale owner.

    It ends in a softmax where the network does, unless `softmax` says otherwise. `every`: the
    outputs are those of all nodes, in order.
    """
    keras = backend.keras()
    weights, activations = weights or {}, activations or {}
    first = network.nodes[0]
    inputs = keras.layers.Input(first.shape, name="input_values")
    tensors: list[Any] = []
    for index, node in enumerate(network.nodes):
        owner = network.scale_owner(index)
        quantizer = activations.get(owner)
        if index == 0:
            layer = _layer_class()(_passing(node), None, quantizer)
            tensors.append(layer(inputs))
            continue
        if node.kind in ("max_pool", "reshape"):
            quantizer = None  # what it takes in is on the grid already
        layer = _layer_class()(node, weights.get(index), quantizer, owns=owner == index)
        fed = [tensors[at] for at in node.inputs]
        tensors.append(layer(fed[0] if len(fed) == 1 else fed))
    if every:
        return keras.Model(inputs, tensors, name=network.name)
    output = tensors[network.output]
    if network.softmax if softmax is None else softmax:
        output = keras.layers.Softmax(name="softmax")(output)
    return keras.Model(inputs, output, name=network.name)


def _passing(node: Node) -> Node:
    """The input as a node that does nothing."""
    return Node("input", "reshape", (), node.shape)


def layers_by_node(model: Any) -> dict[str, Any]:
    """The layers of a built `model` by the name of their node."""
    return {layer.node.name: layer for layer in model.layers if hasattr(layer, "node")}


def trained_network(network: Network, model: Any) -> Network:
    """`network` with what its float `model` learned: kernels, biases, batch norms."""
    layers = layers_by_node(model)
    changed = {}
    for index in network.computing():
        node = network.nodes[index]
        layer = layers[node.name]
        changed[index] = replace(
            node,
            kernel=layer.kernel.numpy(),
            bias=None if layer.bias is None else layer.bias.numpy(),
            batch_norm=norm_of(layer),
        )
    return network.with_nodes(changed)


def norm_of(layer: Any) -> BatchNorm | None:
    """The batch norm of a built layer."""
    if layer.norm is None:
        return None
    gamma, beta, mean, variance = layer.norm.get_weights()
    return BatchNorm(gamma, beta, mean, variance, layer.norm.epsilon, layer.norm.momentum)


def simulated_model(quantized: QuantizedNetwork) -> Any:
    """The fake-quantized model of `quantized`: real kernels on their grids, settled ranges."""
    fixed = {index: Fixed(settled) for index, settled in quantized.ranges.items()}
    return build_model(quantized.real(), activations=fixed)


def outputs_of_nodes(network: Network, x: Floats) -> list[NDArray[np.float32]]:
    """The float output of every node for the samples `x`."""
    return list(build_model(network, every=True).predict(x, batch_size=_BATCH, verbose=0))
