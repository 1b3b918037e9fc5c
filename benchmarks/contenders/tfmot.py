"""tensorflow-model-optimization: its 8-bit scheme and its experimental n-bit scheme."""

from __future__ import annotations

from importlib import metadata
from typing import Any

from contenders.contender import EDGE_BITS, Absent, Contender, Trained, Width, fine_tune
from qnnlab import backend
from qnnlab.methods.method import Job


def _version() -> str:
    try:
        return metadata.version("tensorflow-model-optimization")
    except metadata.PackageNotFoundError:
        raise Absent("tensorflow-model-optimization is not installed") from None


def _eight_bit(job: Job, _: Width) -> Trained:
    return fine_tune(backend.model_optimization().quantization.keras.quantize_model(job.model), job)


def n_bit_model(model: Any, width: Width) -> Any:
    """`model` in the n-bit scheme; input and output get 8 bits, as they do with the others."""
    keras = backend.model_optimization().quantization.keras
    scheme = keras.experimental.default_n_bit.DefaultNBitQuantizeScheme(
        num_bits_weight=width.weights, num_bits_activation=width.activations
    )
    annotated = keras.quantize_annotate_model(model)
    with keras.quantize_scope():
        quantized = keras.quantize_apply(annotated, scheme)
    # The first layer after the input rounds it. The layers read the bits when they are traced.
    edges = quantized.layers[1].quantizer, quantized.layers[-1].quantize_config.activation_quantizer
    for quantizer in edges:
        quantizer.num_bits = max(EDGE_BITS, width.activations)
    return quantized


def _n_bit(job: Job, width: Width) -> Trained:
    return fine_tune(n_bit_model(job.model, width), job)


EIGHT_BIT = Contender(
    name="tfmot_8bit",
    title="tfmot, 8-bit scheme",
    quantizes=(
        "every kernel at 8 bits, symmetric, convolutions per channel, dense per tensor; input, "
        "ReLUs, pools and the dense layer's output at 8 bits; biases and batch norm float"
    ),
    settings=(
        "quantize_model as it comes; weight ranges are min-max of the kernel before its batch "
        "norm is folded, activation ranges moving averages"
    ),
    version=_version,
    supports=lambda width: width == Width(8, 8),
    train=_eight_bit,
)

N_BIT = Contender(
    name="tfmot_nbit",
    title="tfmot, experimental n-bit scheme",
    quantizes=(
        "every kernel, first and last layer too, at the weights' width (at 2 bits three "
        "levels), symmetric, convolutions per channel, dense per tensor; ReLUs and pools at the "
        "activations' width, input and the dense layer's output at 8 bits; biases and batch norm "
        "float"
    ),
    settings=(
        "DefaultNBitQuantizeScheme, ranges as in the 8-bit scheme; as it comes, input and output "
        "would have the activations' width too"
    ),
    version=_version,
    supports=lambda width: True,
    train=_n_bit,
)
