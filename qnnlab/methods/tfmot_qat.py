"""Quantization-aware training by tensorflow-model-optimization (8 bits)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qnnlab import backend
from qnnlab.methods.convert import to_tflite
from qnnlab.methods.method import Compressed, Family, Job
from qnnlab.methods.training import fit


def apply(job: Job, settings: Mapping[str, Any]) -> Compressed:
    """Fine-tune with fake_quant nodes; the ranges learned in training go into the file."""
    model = backend.model_optimization().quantization.keras.quantize_model(job.model)
    fit(model, job, job.budget.finetune_epochs, job.budget.finetune_learning_rate)
    return Compressed(to_tflite(model, activations="int8", quantize_weights=True))


FAMILY = Family("tfmot_qat", {}, apply)
