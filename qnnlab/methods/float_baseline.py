"""The float32 model that every other method starts from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qnnlab.methods.convert import to_tflite
from qnnlab.methods.method import Compressed, Family, Job
from qnnlab.methods.training import fit


def apply(job: Job, settings: Mapping[str, Any]) -> Compressed:
    """Train the reference architecture and keep its weights for the methods that follow."""
    budget = job.budget
    history = fit(job.model, job, budget.epochs, budget.learning_rate, patience=budget.patience)
    return Compressed(to_tflite(job.model), job.model.get_weights(), history)


FAMILY = Family("float_baseline", {}, apply)
