"""Learned rounding: choose up or down for every weight so that a block answers as before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab import backend
from qnnlab.methods.network.keras_model import Fixed, activated, compute
from qnnlab.methods.network.nodes import Floats, Network, as_matrix
from qnnlab.methods.network.quantized import Range
from qnnlab.methods.post_training.blocks import Block

STRETCH_HIGH, STRETCH_LOW = 1.1, -0.1  # of the rectified sigmoid, equation 23 of AdaRound
_REGULARIZATION = 0.01
_BETA = (20.0, 2.0)
_WARM_UP = 0.2  # of the steps without regularization
_BATCH = 32
_LEARNING_RATE = 1e-2


@dataclass(frozen=True, eq=False)
class Grid:
    """Where the codes of a kernel lie: scale (one entry, or one a channel), least and largest."""

    scale: Floats
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Part:
    """A block to reconstruct.

    `inputs` are the quantized outputs of the nodes that it reads, `target` what its last node
    should give; `grids` has its kernels, `ranges` fake-quantize inside it.
    """

    network: Network
    block: Block
    grids: Mapping[int, Grid]
    inputs: Mapping[int, Floats]
    target: Floats
    ranges: Mapping[int, Range]


def reconstructed_codes(part: Part, steps: int, seed: int) -> dict[int, NDArray[np.int8]]:
    """Codes of the block's kernels that bring its output nearest to the target, in squared error.

    AdaRound (Nagel et al. 2020, arXiv:2004.10568) for a block of one layer, BRECQ (Li et al. 2021,
    arXiv:2102.05426) for more, without its Fisher weights.
    """
    tf = backend.tensorflow()
    soft = {index: _SoftRounding(part.network, index, grid) for index, grid in part.grids.items()}
    step = _step(part, soft)
    rng = np.random.default_rng(seed)
    count = len(part.target)
    for number in range(steps):
        chosen = rng.choice(count, min(_BATCH, count), replace=False)
        done = max(0.0, (number / steps - _WARM_UP) / (1 - _WARM_UP))
        step(
            [tf.constant(values[chosen]) for values in part.inputs.values()],
            tf.constant(part.target[chosen]),
            tf.constant(_BETA[1] + (_BETA[0] - _BETA[1]) * (1 - done), tf.float32),
            tf.constant(float(number >= _WARM_UP * steps)),
        )
    return {index: rounding.codes() for index, rounding in soft.items()}


def _step(part: Part, soft: Mapping[int, _SoftRounding]) -> Callable[..., None]:
    """One step of Adam on a batch: inputs, target, sharpness, whether to regularize."""
    tf = backend.tensorflow()
    optimizer = backend.keras().optimizers.Adam(_LEARNING_RATE)
    variables = [rounding.variable for rounding in soft.values()]
    optimizer.build(variables)

    @tf.function  # type: ignore[untyped-decorator]
    def step(fed: list[Any], wanted: Any, beta: Any, regularized: Any) -> None:
        with tf.GradientTape() as tape:
            kernels = {index: rounding.kernel() for index, rounding in soft.items()}
            found = _forward(part, dict(zip(part.inputs, fed, strict=True)), kernels)
            difference = tf.reshape(found - wanted, (tf.shape(wanted)[0], -1, wanted.shape[-1]))
            error = tf.reduce_mean(tf.reduce_sum(difference**2, axis=-1))
            undecided = tf.add_n([rounding.undecided(beta) for rounding in soft.values()])
            loss = error + regularized * _REGULARIZATION * undecided
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

    return step  # type: ignore[no-any-return]


class _SoftRounding:
    """One kernel whose weights lie between floor and floor + 1, to be decided."""

    def __init__(self, network: Network, index: int, grid: Grid) -> None:
        node = network.nodes[index]
        self.shape, self.grid = node.weights.shape, grid
        exact = as_matrix(node.weights, node.channels) / grid.scale
        self.floor = np.floor(exact).astype(np.float32)
        share = np.clip(exact - self.floor, 0.01, 0.99)
        start = -np.log((STRETCH_HIGH - STRETCH_LOW) / (share - STRETCH_LOW) - 1)
        self.variable = backend.tensorflow().Variable(start.astype(np.float32))

    def share(self) -> Any:
        """How far up, 0 to 1: the rectified sigmoid."""
        tf = backend.tensorflow()
        stretched = tf.sigmoid(self.variable) * (STRETCH_HIGH - STRETCH_LOW) + STRETCH_LOW
        return tf.clip_by_value(stretched, 0.0, 1.0)

    def kernel(self) -> Any:
        """Its real values."""
        tf = backend.tensorflow()
        codes = tf.clip_by_value(self.floor + self.share(), self.grid.low, self.grid.high)
        return tf.reshape(codes * self.grid.scale, self.shape)

    def undecided(self, beta: Any) -> Any:
        """How many weights are not yet at floor or ceiling; sharper for a small `beta`."""
        tf = backend.tensorflow()
        return tf.reduce_sum(1 - tf.abs(2 * self.share() - 1) ** beta)

    def codes(self) -> NDArray[np.int8]:
        """The codes decided for."""
        up = (self.share().numpy() >= 0.5).astype(np.float32)
        codes = np.clip(self.floor + up, self.grid.low, self.grid.high)
        decided: NDArray[np.int8] = codes.reshape(self.shape).astype(np.int8)
        return decided


def _forward(part: Part, known: dict[int, Any], kernels: Mapping[int, Any]) -> Any:
    """The output of a block's last node; inner activations are quantized, the last one is not."""
    for index in part.block:
        node = part.network.nodes[index]
        fed = [known[at] for at in node.inputs]
        kernel = kernels.get(index, node.kernel)
        sums = compute(node, fed[0] if len(fed) == 1 else fed, kernel)
        y = activated(node, sums if node.bias is None else sums + node.bias)
        settled = part.ranges[part.network.scale_owner(index)]
        if index != part.block[-1] and node.kind not in ("max_pool", "reshape"):
            y = Fixed(settled).fake(y)
        known[index] = y
    return known[part.block[-1]]
