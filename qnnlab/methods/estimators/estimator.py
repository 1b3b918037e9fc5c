"""What an estimator is, and the straight-through operations that they share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from qnnlab import backend
from qnnlab.methods.network.nodes import Floats
from qnnlab.methods.network.quantized import Range

SMALLEST = 1e-8  # a scale is at least so large

Variables = Mapping[str, Any]


@dataclass(frozen=True)
class Estimator:
    """One way to train through a rounding.

    Of a kernel's matrix (sums over, output channels): `start_weights(matrix, bits, per_channel)`
    gives the first values of what is learned, by name; `weights(matrix, bits, per_channel,
    learned)` gives tensors (integers, scale) whose product is the quantized matrix, with a
    gradient. Of activations: `start_activations` and `activations` give (scale, zero_point) from
    the calibrated range. None: activations are at that range, which does not move. `clips_only`:
    an activation's scale learns from the values that it clips, not from rounding.
    """

    name: str
    title: str
    source: str
    weight_bits: range
    start_weights: Callable[[Floats, int, bool], Mapping[str, Floats]]
    weights: Callable[[Any, int, bool, Variables], tuple[Any, Any]]
    start_activations: Callable[[Range], Mapping[str, Floats]] | None = None
    activations: Callable[[Range, Variables], tuple[Any, Any]] | None = None
    clips_only: bool = False


def learns_nothing(_matrix: Floats, _bits: int, _per_channel: bool) -> Mapping[str, Floats]:
    """For weights whose scale follows from the kernel."""
    return {}


def narrow_high(bits: int) -> int:
    """The largest code of a symmetric range, of which the least is its negative."""
    return int(2 ** (bits - 1) - 1)


def largest_in_channel(matrix: Any, per_channel: bool) -> Any:
    """The largest magnitude of each column, or of all; at least `SMALLEST`."""
    tf = backend.tensorflow()
    magnitude = tf.reduce_max(tf.abs(matrix), axis=0 if per_channel else None)
    return tf.maximum(magnitude, SMALLEST)


def mean_in_channel(magnitudes: Any, per_channel: bool) -> Any:
    """The mean of each column, or of all."""
    return backend.tensorflow().reduce_mean(magnitudes, axis=0 if per_channel else None)
