"""Ranges of activations and grids of kernels, by the observers of `qnnlab.numerics`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from qnnlab.methods.network.keras_model import outputs_of_nodes
from qnnlab.methods.network.nodes import Floats, Network, as_matrix
from qnnlab.methods.network.quantized import Range
from qnnlab.methods.network.straight_through import weight_limits
from qnnlab.methods.post_training.plan import Plan
from qnnlab.numerics.affine import CodeRange
from qnnlab.numerics.observers import observe


def calibrated_range(values: Floats, bits: int, observer: str, symmetric: bool = False) -> Range:
    """The range of one activation from its `values` over calibration samples.

    16 bits are symmetric, as TFLite's int16x8 scheme has it.
    """
    found = observe(values, CodeRange(bits), observer, symmetric=symmetric or bits > 8)
    return Range(float(found.scale), int(found.zero_point), bits)


def calibrate(
    network: Network, x: Floats, plan: Plan, observer: str, symmetric: bool = False
) -> dict[int, Range]:
    """The range of every activation that owns a scale, from the float network's outputs for `x`.

    The 8-bit input and outputs are calibrated by their extremes.
    """
    outputs = outputs_of_nodes(network, x)
    ranges = {}
    for index, bits in plan.activations.items():
        edge = index in (0, network.scale_owner(network.output))
        chosen = "minmax" if edge else observer
        ranges[index] = calibrated_range(outputs[index], bits, chosen, symmetric)
    return ranges


def weight_scale(kernel: Floats, channels: int, bits: int, settings: Mapping[str, Any]) -> Floats:
    """The scale of each channel, or the one of the kernel: symmetric, by the recipe's observer."""
    codes = CodeRange(bits, narrow=True) if bits > 1 else CodeRange(bits)
    axis = 1 if settings["granularity"] == "per_channel" else None
    matrix = as_matrix(kernel, channels)
    found = observe(matrix, codes, settings["observer"], symmetric=True, axis=axis)
    return np.atleast_1d(found.scale).astype(np.float32)


__all__ = ["calibrate", "calibrated_range", "weight_limits", "weight_scale"]
