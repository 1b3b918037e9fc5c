"""tf_keras model → Network; a layer that has no integer form here is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from qnnlab.errors import MethodError
from qnnlab.methods.network.nodes import COMPUTES, BatchNorm, Network, Node

_RELUS = {"relu": "relu", "relu6": "relu6"}


def read_network(model: Any) -> Network:
    """The network of a functional or sequential tf_keras `model` with one input and one output.

    Dropouts and linear activations vanish, batch norms and ReLUs join the node that they follow.
    Raises MethodError, which names the layer, where a layer or its place has no integer form.
    """
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise MethodError(f"model {model.name!r}: one input and one output are needed")
    reading = _Reading()
    for layer in model.layers:
        reading.take(layer)
    output = reading.places[id(model.outputs[0])]
    return Network(model.name, tuple(reading.nodes), output, reading.softmax is not None)


@dataclass
class _Reading:
    """Nodes so far, and which node each Keras tensor is the output of."""

    nodes: list[Node] = field(default_factory=list)
    places: dict[int, int] = field(default_factory=dict)
    softmax: str | None = None
    readers: dict[int, int] = field(default_factory=dict)

    def take(self, layer: Any) -> None:
        kind = type(layer).__name__
        if self.softmax is not None:
            raise MethodError(f"layer {layer.name!r} ({kind}) follows the softmax")
        if len(layer.inbound_nodes) != 1:
            raise MethodError(f"layer {layer.name!r} ({kind}) is used more than once")
        read = _LAYERS.get(kind)
        if read is None:
            raise MethodError(
                f"layer {layer.name!r} is a {kind}, which has no integer form here; known: "
                f"{', '.join(sorted(_LAYERS))}"
            )
        incoming = layer.input if isinstance(layer.input, list) else [layer.input]
        inputs = () if kind == "InputLayer" else tuple(self._place(layer, t) for t in incoming)
        for index in inputs:
            self.readers[index] = self.readers.get(index, 0) + 1
        self.places[id(layer.output)] = read(self, layer, inputs)

    def _place(self, layer: Any, tensor: Any) -> int:
        if id(tensor) not in self.places:
            raise MethodError(
                f"layer {layer.name!r} reads {tensor.name!r} before its batch norm or activation, "
                "which an integer operator has inside"
            )
        return self.places[id(tensor)]

    def add(self, layer: Any, kind: str, inputs: tuple[int, ...], **fields: Any) -> int:
        shape = tuple(int(size) for size in layer.output.shape[1:])
        self.nodes.append(Node(layer.name, kind, inputs, shape, **fields))
        return self._activated(layer, len(self.nodes) - 1)

    def _activated(self, layer: Any, index: int) -> int:
        """The activation that a layer carries, as a layer after it would do it."""
        activation = getattr(layer, "activation", None)
        if activation is None:
            return index
        return self.activate(layer, index, getattr(activation, "__name__", str(activation)))

    def activate(self, layer: Any, index: int, activation: str) -> int:
        if activation == "linear":
            return index
        if activation == "softmax":
            self.softmax = layer.name
            return index
        if activation not in _RELUS:
            raise MethodError(
                f"layer {layer.name!r} ends in {activation}, which has no integer form here; "
                "relu, relu6 and a last softmax have"
            )
        return self.merge(layer, index, relu=_RELUS[activation])

    def merge(self, layer: Any, index: int, **fields: Any) -> int:
        """Put what `layer` does into node `index`, whose plain output nothing else may read."""
        node = self.nodes[index]
        follows = node.kind in COMPUTES or (node.kind == "add" and "relu" in fields)
        if not follows or node.relu is not None or self.readers.get(index, 0) > 1:
            raise MethodError(
                f"layer {layer.name!r} ({type(layer).__name__}) must directly follow a layer with "
                f"weights that nothing else reads; it follows {node.kind} {node.name!r}"
            )
        self.nodes[index] = replace(node, **fields)
        self.readers[index] = 0
        self.places = {tensor: at for tensor, at in self.places.items() if at != index}
        return index


def _input(reading: _Reading, layer: Any, inputs: tuple[int, ...]) -> int:
    shape = tuple(layer.output.shape[1:])
    if reading.nodes or None in shape:
        raise MethodError(f"input {layer.name!r} must be the only one and of fixed shape")
    return reading.add(layer, "input", inputs)


def _computing(kind: str) -> Callable[[_Reading, Any, tuple[int, ...]], int]:
    def read(reading: _Reading, layer: Any, inputs: tuple[int, ...]) -> int:
        attributes: dict[str, Any] = {}
        if kind != "dense":
            if tuple(layer.dilation_rate) != (1, 1) or getattr(layer, "groups", 1) != 1:
                raise MethodError(f"layer {layer.name!r} is dilated or grouped: no integer form")
            attributes = {"strides": tuple(layer.strides), "padding": layer.padding}
        elif len(layer.input.shape) != 2:
            raise MethodError(f"layer {layer.name!r} needs flat inputs: put a Flatten before it")
        kernel, *bias = (np.asarray(value, np.float32) for value in layer.get_weights())
        return reading.add(
            layer,
            kind,
            inputs,
            kernel=kernel,
            bias=bias[0] if bias else None,
            attributes=attributes,
        )

    return read


def _batch_norm(reading: _Reading, layer: Any, inputs: tuple[int, ...]) -> int:
    if not (layer.scale and layer.center):
        raise MethodError(f"layer {layer.name!r}: a batch norm needs both scale and center")
    gamma, beta, mean, variance = (np.asarray(v, np.float32) for v in layer.get_weights())
    norm = BatchNorm(gamma, beta, mean, variance, float(layer.epsilon), float(layer.momentum))
    if inputs and reading.nodes[inputs[0]].batch_norm is not None:
        raise MethodError(f"layer {layer.name!r} is a second batch norm in a row")
    return reading.merge(layer, inputs[0], batch_norm=norm)


def _relu(reading: _Reading, layer: Any, inputs: tuple[int, ...]) -> int:
    limit = None if layer.max_value is None else float(layer.max_value)
    if layer.negative_slope or layer.threshold or limit not in (None, 6.0):
        raise MethodError(f"layer {layer.name!r}: only plain ReLU and ReLU6 have an integer form")
    return reading.activate(layer, inputs[0], "relu" if limit is None else "relu6")


def _activation(reading: _Reading, layer: Any, inputs: tuple[int, ...]) -> int:
    return reading._activated(layer, inputs[0])


def _softmax(reading: _Reading, layer: Any, inputs: tuple[int, ...]) -> int:
    return reading.activate(layer, inputs[0], "softmax")


def _nothing(reading: _Reading, layer: Any, inputs: tuple[int, ...]) -> int:
    reading.readers[inputs[0]] -= 1
    return inputs[0]


def _pool(kind: str) -> Callable[[_Reading, Any, tuple[int, ...]], int]:
    def read(reading: _Reading, layer: Any, inputs: tuple[int, ...]) -> int:
        attributes = {
            "pool": tuple(layer.pool_size),
            "strides": tuple(layer.strides),
            "padding": layer.padding,
        }
        return reading.add(layer, kind, inputs, attributes=attributes)

    return read


def _global_pool(reading: _Reading, layer: Any, inputs: tuple[int, ...]) -> int:
    height, width, channels = reading.nodes[inputs[0]].shape
    attributes = {"pool": (height, width), "strides": (1, 1), "padding": "valid"}
    pooled = Node(
        f"{layer.name}/pool",
        "average_pool",
        inputs,
        (1, 1, channels),
        attributes=attributes,
    )
    reading.nodes.append(pooled)
    return reading.add(layer, "reshape", (len(reading.nodes) - 1,))


def _reshape(reading: _Reading, layer: Any, inputs: tuple[int, ...]) -> int:
    return reading.add(layer, "reshape", inputs)


def _add(reading: _Reading, layer: Any, inputs: tuple[int, ...]) -> int:
    shapes = {reading.nodes[index].shape for index in inputs}
    if len(inputs) != 2 or len(shapes) != 1:
        raise MethodError(f"layer {layer.name!r}: an addition needs two inputs of one shape")
    return reading.add(layer, "add", inputs)


_LAYERS: dict[str, Callable[[_Reading, Any, tuple[int, ...]], int]] = {
    "InputLayer": _input,
    "Conv2D": _computing("conv"),
    "DepthwiseConv2D": _computing("depthwise"),
    "Dense": _computing("dense"),
    "BatchNormalization": _batch_norm,
    "ReLU": _relu,
    "Activation": _activation,
    "Softmax": _softmax,
    "Dropout": _nothing,
    "SpatialDropout2D": _nothing,
    "AveragePooling2D": _pool("average_pool"),
    "MaxPooling2D": _pool("max_pool"),
    "GlobalAveragePooling2D": _global_pool,
    "Flatten": _reshape,
    "Reshape": _reshape,
    "Add": _add,
}
