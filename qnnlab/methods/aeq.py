"""Post-training quantization by ai-edge-quantizer's recipes."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab import backend
from qnnlab.errors import MissingExtra
from qnnlab.methods.convert import to_tflite
from qnnlab.methods.method import Compressed, Family, Job

_SIGNATURE = "serving_default"


def apply(job: Job, settings: Mapping[str, Any]) -> Compressed:
    """Convert to float, then quantize the file; static recipes calibrate on our min-max ranges.

    Its own calibration, a moving average over batches of one, loses accuracy; ours gives the
    extremes over the representative set. Raises MissingExtra where the package is not installed.
    """
    try:
        from ai_edge_quantizer import quantizer, recipe
    except ModuleNotFoundError as error:
        raise MissingExtra(f"{error.name} is not installed; pip install qnnlab[train]") from None
    content = bytearray(to_tflite(job.model))
    with warnings.catch_warnings(), backend.quiet_stderr():
        warnings.simplefilter("ignore")
        tool = quantizer.Quantizer(content, getattr(recipe, settings["recipe"])())
        if settings["int4_convolutions"]:
            _narrow(tool)
        ranges = None
        if tool.need_calibration:
            ranges = tool.calibrate(_samples(bytes(content), job.data.x_calibration))
        result = tool.quantize(ranges, enable_progress_report=False)
    return Compressed(bytes(result.quantized_model))


def _narrow(tool: Any) -> None:
    """4-bit weights of convolutions: TFLM has no per-channel int4 for fully connected layers."""
    from ai_edge_quantizer.qtyping import TFLOperationName

    tool.add_static_config(
        regex=".*",
        operation_name=TFLOperationName.CONV_2D,
        activation_num_bits=8,
        weight_num_bits=4,
    )


def _samples(model: bytes, x: NDArray[np.float32]) -> dict[str, Any]:
    """All samples in one batch, so that nothing is averaged."""
    from ai_edge_litert.interpreter import Interpreter

    signature = Interpreter(model_content=model).get_signature_list()[_SIGNATURE]
    (name,) = signature["inputs"]
    return {_SIGNATURE: [{name: x}]}


FAMILY = Family(
    "aeq",
    {
        "recipe": ("dynamic_wi8_afp32", "weight_only_wi4_afp32", "static_wi8_ai8"),
        "int4_convolutions": (False, True),
    },
    apply,
)
