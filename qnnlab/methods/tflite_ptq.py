"""Post-training quantization by the LiteRT converter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qnnlab.methods.convert import to_tflite
from qnnlab.methods.method import Compressed, Family, Job


def apply(job: Job, settings: Mapping[str, Any]) -> Compressed:
    """Convert; integer activations are calibrated on the representative set."""
    integer = settings["activations"] != "float32"
    return Compressed(
        to_tflite(
            job.model,
            activations=settings["activations"],
            quantize_weights=True,
            float16=settings["weights"] == "float16",
            per_channel=settings["granularity"] == "per_channel",
            calibration=job.data.x_calibration if integer else None,
        )
    )


FAMILY = Family(
    "tflite_ptq",
    {
        "weights": ("int8", "float16"),
        "activations": ("float32", "int8", "int16"),
        "granularity": ("per_channel", "per_tensor"),
    },
    apply,
)
