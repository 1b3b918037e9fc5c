"""Post-training quantization of weights to few bits, by rounding alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.methods.convert import to_tflite
from qnnlab.methods.method import Compressed, Family, Job
from qnnlab.numerics.affine import round_to_grid


def apply(job: Job, settings: Mapping[str, Any]) -> Compressed:
    """Round every kernel to its grid, then convert to int8 with min-max calibrated activations.

    The int8 file holds the grid's points as their nearest int8 codes: it answers as a runtime
    with narrower weights would, to within half a code, and is as large as an int8 file. Each
    output channel has one scale, so folding a batch norm leaves the grid as it is.
    """
    weights = [
        round_to_grid(value, settings["bits"], _channel_axis(variable.name, value))
        if "kernel" in variable.name
        else value
        for variable, value in zip(job.model.weights, job.model.get_weights(), strict=True)
    ]
    job.model.set_weights(weights)
    tflite = to_tflite(
        job.model,
        activations="int8",
        quantize_weights=True,
        calibration=job.data.x_calibration,
    )
    return Compressed(tflite)


def _channel_axis(name: str, value: NDArray[np.generic]) -> int:
    """Where a kernel's output channels are: Keras keeps depthwise ones third."""
    return 2 if "depthwise" in name else value.ndim - 1


FAMILY = Family("rounded_weights", {"bits": range(2, 9)}, apply)
