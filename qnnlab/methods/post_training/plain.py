"""Quantization at its plainest, for what was made smaller before."""

from __future__ import annotations

from qnnlab.methods.method import Job
from qnnlab.methods.network.nodes import Network
from qnnlab.methods.network.quantized import QuantizedNetwork
from qnnlab.methods.post_training.quantize import quantize_network

_PLAIN = {
    "rounding": "nearest_even",
    "symmetric_activations": False,
    "granularity": "per_channel",
    "observer": "minmax",
    "edges": "same",
    "equalize": False,
    "bias_correction": "none",
}


def plainly_quantized(
    network: Network, job: Job, weight_bits: int, activation_bits: int
) -> QuantizedNetwork:
    """`network` folded and rounded to nearest, by the extremes of each channel.

    Kernels are symmetric, so what is 0 keeps code 0. Activations below 8 bits are calibrated by
    their squared error.
    """
    observer = "minmax" if activation_bits >= 8 else "mse"
    settings = {
        **_PLAIN,
        "weight_bits": weight_bits,
        "activation_bits": activation_bits,
        "activation_observer": observer,
    }
    x = job.data.x_calibration
    return quantize_network(network.folded(), x, x, settings, job.seed, 0)
