"""Magnitude pruning by tensorflow-model-optimization."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qnnlab import backend
from qnnlab.methods.convert import to_tflite
from qnnlab.methods.method import Compressed, Family, Job
from qnnlab.methods.training import fit, steps_per_epoch
from qnnlab.values import Value

_RAMP_SHARE = 0.6  # of the steps raise the sparsity; the rest recover at the final one


def apply(job: Job, settings: Mapping[str, Any]) -> Compressed:
    """Prune gradually (Zhu and Gupta 2017), then convert densely, as every MCU runtime needs.

    The unpruned twin is converted in the same way, so that the saving in the file is measured
    and not assumed.
    """
    sparsity = backend.model_optimization().sparsity.keras
    activations = settings["activations"]
    convert = {
        "activations": activations,
        "quantize_weights": activations != "float32",
        "calibration": None if activations == "float32" else job.data.x_calibration,
    }
    dense_twin = to_tflite(job.model, **convert)
    steps = job.budget.finetune_epochs * steps_per_epoch(job)
    schedule = sparsity.PolynomialDecay(
        0.0, settings["sparsity_pct"] / 100, 0, max(1, round(_RAMP_SHARE * steps)), frequency=10
    )
    model = sparsity.prune_low_magnitude(job.model, pruning_schedule=schedule)
    fit(
        model,
        job,
        job.budget.finetune_epochs,
        job.budget.finetune_learning_rate,
        [sparsity.UpdatePruningStep()],
    )
    tflite = to_tflite(sparsity.strip_pruning(model), **convert)
    saved = Value(
        "runtime_saved_bytes",
        len(dense_twin) - len(tflite),
        "B",
        "measured",
        "file of the unpruned twin minus this file; LiteRT and TFLM keep zeros in flash",
    )
    return Compressed(tflite, values=(saved,))


FAMILY = Family(
    "tfmot_prune",
    {"sparsity_pct": range(1, 100), "activations": ("float32", "int8")},
    apply,
)
