"""Post-training quantization by qnnlab's own numerics, from 8 bits to 2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from qnnlab.methods.export import compressed
from qnnlab.methods.method import Compressed, Family, Job
from qnnlab.methods.network.keras_model import simulated_model
from qnnlab.methods.network.reading import read_network
from qnnlab.methods.post_training.quantize import quantize_network
from qnnlab.numerics.observers import OBSERVERS
from qnnlab.numerics.rounding import ROUNDINGS

_UNLABELLED = 1024  # training samples that correct and learn, without their labels
_STEPS_PER_EPOCH = 40  # of a fine-tuning budget: what one epoch gives learned rounding a block


def apply(job: Job, settings: Mapping[str, Any]) -> Compressed:
    """Fold, equalize, calibrate, round and correct as the settings say; no label is read."""
    network = read_network(job.model).folded()
    rng = np.random.default_rng(job.seed)
    train = job.data.train.x
    many = train[np.sort(rng.permutation(len(train))[:_UNLABELLED])]
    steps = _STEPS_PER_EPOCH * job.budget.finetune_epochs
    quantized = quantize_network(network, job.data.x_calibration, many, settings, job.seed, steps)
    return compressed(quantized, simulated_model(quantized))


FAMILY = Family(
    "ptq",
    {
        "rounding": (*(name for name in ROUNDINGS), "gptq", "adaround", "brecq"),
        "weight_bits": range(2, 9),
        "activation_bits": range(2, 17),
        "symmetric_activations": (False, True),
        "granularity": ("per_channel", "per_tensor"),
        "observer": tuple(OBSERVERS),
        "activation_observer": tuple(OBSERVERS),
        "edges": ("same", "8"),
        "equalize": (False, True),
        "bias_correction": ("none", "analytic", "empirical"),
    },
    apply,
)
