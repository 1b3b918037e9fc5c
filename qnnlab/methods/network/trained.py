"""Quantizers that learn, by an estimator, and the integers that come of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab import backend
from qnnlab.errors import MethodError
from qnnlab.methods.estimators import Estimator
from qnnlab.methods.estimators.estimator import SMALLEST
from qnnlab.methods.network.keras_model import layers_by_node, norm_of
from qnnlab.methods.network.nodes import BatchNorm, Floats, Network, Node, as_matrix
from qnnlab.methods.network.quantized import Kernel, QuantizedNetwork, Range
from qnnlab.methods.network.straight_through import code_limits, fake_quantized

_FLAT = 1e-6  # a channel whose batch norm multiplies by less has a constant output


class TrainedWeights:
    """A `WeightQuantizer` by an estimator."""

    def __init__(self, estimator: Estimator, node: Node, bits: int, per_channel: bool) -> None:
        self.estimator, self.bits, self.per_channel = estimator, bits, per_channel
        self.channels = node.channels
        self.learned: dict[str, Any] = {}

    def start(self, layer: Any, kernel: Floats) -> None:
        """Make the learned variables in `layer`."""
        matrix = as_matrix(kernel, self.channels)
        first = self.estimator.start_weights(matrix, self.bits, self.per_channel)
        self.learned = _variables(layer, "weights", first)

    def parts(self, kernel: Any) -> tuple[Any, Any]:
        """Integers (sums over, channels) and their scale."""
        matrix = backend.tensorflow().reshape(kernel, (-1, self.channels))
        return self.estimator.weights(matrix, self.bits, self.per_channel, self.learned)

    def fake(self, kernel: Any) -> Any:
        """The quantized kernel."""
        integers, scale = self.parts(kernel)
        return backend.tensorflow().reshape(integers * scale, kernel.shape)

    def export(self, kernel: Any) -> Kernel:
        """The integers that training computed with."""
        integers, scale = (np.asarray(part, np.float32) for part in self.parts(kernel))
        values = np.rint(integers).astype(np.int16).reshape(kernel.shape)
        return kernel_of(values, self.bits, scale.reshape(-1))


def kernel_of(values: NDArray[np.int16], bits: int, scale: Floats) -> Kernel:
    """Integer weights as codes of `bits` bits: their own, or places in a codebook."""
    low, high = code_limits(bits)
    if values.min() >= low and values.max() <= high:
        return Kernel(values.astype(np.int8), bits, scale.astype(np.float32))
    levels, places = np.unique(values, return_inverse=True)
    if len(levels) > 2**bits or np.abs(levels).max() > 127:
        raise MethodError(f"{len(levels)} levels up to {levels.max()} don't fit {bits} bits")
    codebook = np.concatenate([levels, np.repeat(levels[-1:], 2**bits - len(levels))])
    codes = places.reshape(values.shape).astype(np.uint8)
    return Kernel(codes, bits, scale.astype(np.float32), codebook.astype(np.int8))


class TrainedActivation:
    """An `ActivationQuantizer` by an estimator, from a calibrated range."""

    def __init__(self, estimator: Estimator, calibrated: Range) -> None:
        self.estimator, self.calibrated = estimator, calibrated
        self.learned: dict[str, Any] = {}

    def start(self, layer: Any) -> None:
        """Make the learned variables in `layer`."""
        if self.estimator.start_activations is not None:
            first = self.estimator.start_activations(self.calibrated)
            self.learned = _variables(layer, "activation", first)

    def parts(self) -> tuple[Any, Any]:
        """Scale and zero point, which is a whole number."""
        if self.estimator.activations is None:
            return np.float32(self.calibrated.scale), np.float32(self.calibrated.zero_point)
        scale, zero_point = self.estimator.activations(self.calibrated, self.learned)
        return backend.tensorflow().maximum(scale, SMALLEST), zero_point

    def fake(self, values: Any) -> Any:
        """The quantized values."""
        low, high = code_limits(self.calibrated.bits)
        scale, zero_point = self.parts()
        rounding_counts = not self.estimator.clips_only
        return fake_quantized(values, scale, low - zero_point, high - zero_point, rounding_counts)

    def export(self) -> Range:
        """The range that training computed with."""
        scale, zero_point = (float(part) for part in self.parts())
        return Range(scale, round(zero_point), self.calibrated.bits)


def _variables(layer: Any, of: str, first: Any) -> dict[str, Any]:
    constant = backend.keras().initializers.Constant
    made = {}
    for name, value in first.items():
        array = np.asarray(value, np.float32)
        made[name] = layer.add_weight(
            name=f"{of}_{name}", shape=array.shape, initializer=constant(array)
        )
    return made


def exported(network: Network, model: Any, weights: Any, activations: Any) -> QuantizedNetwork:
    """The integers of a trained fake-quantized `model` of `network`.

    A batch norm goes into scale and bias of its channel: the codes stay what they were trained
    as, and so does every range.
    """
    layers = layers_by_node(model)
    kernels, biases, nodes = {}, {}, {}
    for index in network.computing():
        node = network.nodes[index]
        layer = layers[node.name]
        kernel = weights[index].export(layer.kernel)
        bias = np.zeros(node.channels, np.float32)
        if layer.bias is not None:
            bias = layer.bias.numpy()
        norm = norm_of(layer)
        if norm is not None:
            kernel, bias = _folded(kernel, bias, norm)
        kernels[index], biases[index] = kernel, bias
        nodes[index] = Node(
            node.name,
            node.kind,
            node.inputs,
            node.shape,
            kernel.real(node.channels),
            bias,
            relu=node.relu,
            attributes=node.attributes,
        )
    ranges = {index: quantizer.export() for index, quantizer in activations.items()}
    return QuantizedNetwork(network.with_nodes(nodes), kernels, biases, ranges)


def _folded(kernel: Kernel, bias: Floats, norm: BatchNorm) -> tuple[Kernel, Floats]:
    """Codes as they are; a channel that its batch norm makes constant keeps a scale over 0."""
    factor = norm.multiplier
    scale = kernel.scale * np.maximum(factor, _FLAT)
    folded = Kernel(kernel.codes, kernel.bits, scale.astype(np.float32), kernel.codebook)
    return folded, norm.offset + bias * factor
