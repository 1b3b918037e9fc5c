"""A network quantized after training: one pass over its nodes, the quantized prefix beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab import backend
from qnnlab.methods.network.keras_model import Fixed, activated, compute
from qnnlab.methods.network.nodes import Floats, Network, Node, as_matrix
from qnnlab.methods.network.quantized import Kernel, QuantizedNetwork, Range
from qnnlab.methods.post_training.blocks import Block, residual_blocks, single_layers
from qnnlab.methods.post_training.calibration import calibrate, weight_scale
from qnnlab.methods.post_training.equalization import equalized
from qnnlab.methods.post_training.gptq import compensated_codes
from qnnlab.methods.post_training.plan import Plan, plan_bits
from qnnlab.methods.post_training.reconstruction import Grid, Part, reconstructed_codes
from qnnlab.numerics.rounding import round_codes
from qnnlab.steps import tell

_CHUNK = 256
LEARNED = ("adaround", "brecq")


def quantize_network(
    network: Network, x: Floats, x_many: Floats, settings: Mapping[str, Any], seed: int, steps: int
) -> QuantizedNetwork:
    """Quantize a folded `network` as the recipe's `settings` say.

    `x` calibrates ranges; `x_many` (unlabelled training samples) serves what learns or corrects.
    `steps` is how many each block's learned rounding takes.
    """
    if settings["equalize"]:
        network = equalized(network)
    plan = plan_bits(network, settings)
    ranges = calibrate(
        network, x, plan, settings["activation_observer"], settings["symmetric_activations"]
    )
    grids = {
        index: Grid(
            weight_scale(
                network.nodes[index].weights, network.nodes[index].channels, bits, settings
            ),
            *_limits(bits),
        )
        for index, bits in plan.weights.items()
    }
    walk = _Walk(network, plan, ranges, grids, settings, seed, steps)
    return walk.run(x_many)


def _limits(bits: int) -> tuple[float, float]:
    """Symmetric codes, as the observers scale for."""
    return (-(2.0 ** (bits - 1) - 1), 2.0 ** (bits - 1) - 1)


@dataclass(eq=False)
class _Walk:
    """Float and quantized outputs of the nodes passed so far, and what was decided."""

    network: Network
    plan: Plan
    ranges: Mapping[int, Range]
    grids: Mapping[int, Grid]
    settings: Mapping[str, Any]
    seed: int
    steps: int
    exact: dict[int, Floats] = field(default_factory=dict)
    quantized: dict[int, Floats] = field(default_factory=dict)
    kernels: dict[int, Kernel] = field(default_factory=dict)
    biases: dict[int, Floats] = field(default_factory=dict)

    def run(self, x: Floats) -> QuantizedNetwork:
        """Decide block by block."""
        self.exact[0] = x
        self.quantized[0] = self._on_grid(0, x)
        rounding = self.settings["rounding"]
        split = residual_blocks if rounding == "brecq" else single_layers
        blocks = split(self.network)
        for number, block in enumerate(blocks):
            for index in block:
                self.exact[index] = _output(self.network.nodes[index], self.exact)
            if rounding in LEARNED:
                self._reconstruct(block)
            for index in block:
                self._settle(index)
            self._forget(block[-1])
            tell("quantizing", (number + 1) / len(blocks))
        return QuantizedNetwork(self.network, self.kernels, self.biases, self.ranges)

    def _reconstruct(self, block: Block) -> None:
        """Learn the rounding of a block's kernels from what comes in and should come out."""
        grids = {index: self.grids[index] for index in block if index in self.grids}
        if not grids:
            return
        read = {at for index in block for at in self.network.nodes[index].inputs} - set(block)
        part = Part(
            self.network,
            block,
            grids,
            {at: self.quantized[at] for at in sorted(read)},
            self.exact[block[-1]],
            self.ranges,
        )
        codes = reconstructed_codes(part, self.steps, self.seed)
        for index, found in codes.items():
            self.kernels[index] = self._kernel(index, found)

    def _kernel(self, index: int, codes: NDArray[np.int8]) -> Kernel:
        return Kernel(codes, self.plan.weights[index], self.grids[index].scale)

    def _settle(self, index: int) -> None:
        """Round the kernel, where that was not learned, correct the bias, pass the node."""
        node = self.network.nodes[index]
        if node.kernel is not None:
            if index not in self.kernels:
                self.kernels[index] = self._kernel(index, self._rounded(index))
            bias = np.zeros(node.channels, np.float32) if node.bias is None else node.bias
            real = self.kernels[index].real(node.channels)
            self.biases[index] = self._corrected(index, real, bias)
            node = replace(node, kernel=real, bias=self.biases[index])
        self.quantized[index] = self._on_grid(index, _output(node, self.quantized))

    def _rounded(self, index: int) -> NDArray[np.int8]:
        node, grid = self.network.nodes[index], self.grids[index]
        matrix = as_matrix(node.weights, node.channels)
        limits = (grid.low, grid.high)
        if self.settings["rounding"] == "gptq":
            codes = self._compensated(node, matrix, grid.scale, limits)
        else:
            rng = np.random.default_rng([self.seed, index])
            exact = round_codes(matrix / grid.scale, self.settings["rounding"], rng)
            codes = np.clip(exact, *limits).astype(np.int8)
        return codes.reshape(node.weights.shape)

    def _compensated(
        self, node: Node, matrix: Floats, scale: Floats, limits: tuple[float, float]
    ) -> NDArray[np.int8]:
        inputs = self.quantized[node.inputs[0]]
        moments = second_moments(node, inputs)
        scales = np.broadcast_to(scale, (node.channels,))
        if len(moments) == 1:
            return compensated_codes(matrix, scales, limits, moments[0])
        columns = [
            compensated_codes(matrix[:, [at]], scales[[at]], limits, moment)
            for at, moment in enumerate(np.repeat(moments, node.channels // len(moments), axis=0))
        ]
        return np.concatenate(columns, axis=1)

    def _corrected(self, index: int, real: Floats, bias: Floats) -> Floats:
        """The bias that gives the sums their float mean over the samples back, if asked for.

        Nagel et al. 2019 (arXiv:1906.04721), section 4.2. Empirical: inputs from the quantized
        prefix; analytic: the float inputs' mean through the kernel's error.
        """
        correction = self.settings["bias_correction"]
        if correction == "none":
            return bias
        node = self.network.nodes[index]
        source = node.inputs[0]
        if correction == "analytic":
            mean = self.exact[source].mean(axis=0, keepdims=True)
            error = _sums(node, mean, real) - _sums(node, mean, node.weights)
        else:
            error = _sums(node, self.quantized[source], real) - _sums(
                node, self.exact[source], node.weights
            )
        shift: Floats = error.reshape(-1, node.channels).mean(axis=0)
        return bias - shift

    def _on_grid(self, index: int, values: Floats) -> Floats:
        settled = self.ranges[self.network.scale_owner(index)]
        if self.network.nodes[index].kind in ("max_pool", "reshape"):
            return values
        on_grid: Floats = Fixed(settled).fake(values).numpy()
        return on_grid

    def _forget(self, passed: int) -> None:
        """Drop outputs that nothing after node `passed` reads."""
        for index in list(self.exact):
            if not any(reader > passed for reader in self.network.consumers(index)):
                self.exact.pop(index)
                self.quantized.pop(index)


def _sums(node: Node, inputs: Floats, kernel: Floats | None) -> Floats:
    parts = [
        compute(node, inputs[at : at + _CHUNK], kernel).numpy()
        for at in range(0, len(inputs), _CHUNK)
    ]
    return np.concatenate(parts)


def _output(node: Node, known: Mapping[int, Floats]) -> Floats:
    """The output of a float node."""
    fed = [known[at] for at in node.inputs]
    sums = fed[0] + fed[1] if node.kind == "add" else _sums(node, fed[0], node.kernel)
    values = sums if node.bias is None else sums + node.bias
    output: Floats = np.asarray(activated(node, values))
    return output


def second_moments(node: Node, inputs: Floats) -> NDArray[np.float64]:
    """XᵀX of what outputs sum over: (1, sums over, sums over), one a channel for depthwise."""
    tf = backend.tensorflow()
    size = node.weights.size // node.channels
    channels = inputs.shape[-1]
    count = channels if node.kind == "depthwise" else 1
    total = np.zeros((count, size, size))
    for at in range(0, len(inputs), _CHUNK):
        chunk = inputs[at : at + _CHUNK]
        if node.kind == "dense":
            total[0] += chunk.T.astype(np.float64) @ chunk
            continue
        height, width = node.weights.shape[:2]
        patches = tf.image.extract_patches(
            chunk,
            [1, height, width, 1],
            [1, *node.attributes["strides"], 1],
            [1, 1, 1, 1],
            node.attributes["padding"].upper(),
        ).numpy()
        rows = patches.reshape(-1, height * width, channels)
        if count == 1:
            flat = rows.reshape(len(rows), -1)
            total[0] += (flat.T @ flat).astype(np.float64)
        else:
            total += np.einsum("nkc,nlc->ckl", rows, rows, optimize=True)
    return total
