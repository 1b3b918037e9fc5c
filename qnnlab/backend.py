"""The one door to TensorFlow: environment first, then the import, then the seed."""

from __future__ import annotations

import logging
import os
import warnings
from typing import Any

from qnnlab.errors import MissingExtra


def _prepare() -> None:
    os.environ["TF_USE_LEGACY_KERAS"] = "1"  # tensorflow-model-optimization needs Keras 2
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")  # results do not depend on a GPU
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # one summation order on every x86
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def tensorflow() -> Any:
    """The tensorflow module. Raises MissingExtra where it is not installed."""
    _prepare()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import tensorflow as tf
    except ImportError as error:
        raise MissingExtra(f"training needs TensorFlow: install qnnlab[train] ({error})") from None
    return tf


def keras() -> Any:
    """The tf_keras module (Keras 2)."""
    tensorflow()
    import tf_keras

    return tf_keras


def model_optimization() -> Any:
    """The tensorflow_model_optimization module."""
    tensorflow()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tensorflow_model_optimization as tfmot

    return tfmot


def seed_everything(seed: int) -> None:
    """Make what follows in this process repeatable: Python, numpy and TensorFlow."""
    keras().utils.set_random_seed(seed)
    tensorflow().config.experimental.enable_op_determinism()
