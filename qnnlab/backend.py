"""The one door to TensorFlow: environment first, then the import, then the seed."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from typing import Any

from qnnlab.errors import MissingExtra


def _prepare() -> None:
    os.environ["TF_USE_LEGACY_KERAS"] = "1"  # tensorflow-model-optimization needs Keras 2
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")  # results do not depend on a GPU
    os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX2")  # one summation order on every x86
    for threads in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(threads, "1")  # sweeps run one process a core
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Send file descriptor 2 nowhere: TensorFlow's C++ logs past Python's streams."""
    sys.stderr.flush()
    saved = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)


def tensorflow() -> Any:
    """The tensorflow module. Raises MissingExtra where it is not installed."""
    _prepare()
    try:
        with warnings.catch_warnings(), quiet_stderr():
            warnings.simplefilter("ignore")
            import tensorflow as tf
    except ImportError as error:
        raise MissingExtra(f"training needs TensorFlow: install qnnlab[train] ({error})") from None
    return tf


def keras() -> Any:
    """The tf_keras module (Keras 2)."""
    tensorflow()
    with warnings.catch_warnings(), quiet_stderr():
        warnings.simplefilter("ignore")
        import tf_keras

    return tf_keras


def model_optimization() -> Any:
    """The tensorflow_model_optimization module."""
    tensorflow()
    with warnings.catch_warnings(), quiet_stderr():
        warnings.simplefilter("ignore")
        import tensorflow_model_optimization as tfmot

    return tfmot


def fresh_session(seed: int) -> None:
    """Make what follows repeatable, whatever this process did before.

    Seeds Python, numpy and TensorFlow, and restarts Keras's count of layer names, which end up
    in the converted file and in its size.
    """
    keras().backend.clear_session()
    keras().utils.set_random_seed(seed)
    tensorflow().config.experimental.enable_op_determinism()
