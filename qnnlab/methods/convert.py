"""The one way to the LiteRT converter."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab import backend


def to_tflite(
    model: Any,
    *,
    activations: str = "float32",
    quantize_weights: bool = False,
    per_channel: bool = True,
    float16: bool = False,
    calibration: NDArray[np.float32] | None = None,
) -> bytes:
    """Convert a tf_keras `model` to a .tflite file.

    `float16` stores the weights as halves. `activations` is float32, int8 or int16 and is also the
    type of input and output. `calibration` (samples, *input_shape) gives the activation ranges
    (min-max) of a model that has none.
    """
    tf = backend.tensorflow()
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if quantize_weights:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if float16:
        converter.target_spec.supported_types = [tf.float16]
    if not per_channel:
        converter._experimental_disable_per_channel = True
    if activations != "float32":
        converter.inference_input_type = tf.dtypes.as_dtype(activations)
        converter.inference_output_type = tf.dtypes.as_dtype(activations)
    if calibration is not None:
        ops = tf.lite.OpsSet
        converter.target_spec.supported_ops = [
            ops.TFLITE_BUILTINS_INT8
            if activations == "int8"
            else ops.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        ]
        converter.representative_dataset = lambda: ([x[np.newaxis]] for x in calibration)
    with warnings.catch_warnings(), backend.quiet_stderr():
        warnings.simplefilter("ignore")
        return bytes(converter.convert())
