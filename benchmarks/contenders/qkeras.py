"""QKeras 0.9 on tf_keras, put beside the locked packages in a folder of its own."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contenders.contender import EDGE_BITS, Absent, Contender, Trained, Width, fine_tune
from qnnlab import backend
from qnnlab.methods.method import Job

_ROOT = Path(__file__).resolve().parents[2]
_PINNED = Path(__file__).with_name("peers.txt")
_MINUTES = 5
# Integer bits of an activation; QKeras can't raise its integer 2 to a negative integer.
_INTEGER_BITS = range(8)


def _folder() -> Path:
    return _ROOT / ".bootstrap" / f"peers-{hashlib.sha256(_PINNED.read_bytes()).hexdigest()[:12]}"


def _install(folder: Path) -> None:
    """Put the pinned packages into `folder` by the pip that the checkout carries (see run.py)."""
    print(f"qat_peers: fetching {_PINNED.name} into {folder}", file=sys.stderr, flush=True)
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    pip = [sys.executable, str(next((_ROOT / "bootstrap").glob("pip-*.whl")) / "pip"), "install"]
    options = ["--quiet", "--no-deps", "--require-hashes", "--target", str(partial)]
    try:
        done = subprocess.run(
            [*pip, *options, "--requirement", str(_PINNED)],
            capture_output=True,
            text=True,
            timeout=60 * _MINUTES,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Absent(f"QKeras: not installed within {_MINUTES} minutes") from None
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["pip failed"])[-1]
        raise Absent(f"QKeras can't be installed: {reason}")
    partial.rename(folder)


@cache
def _library() -> Any:
    """The qkeras module; the locked packages go before what is in its folder."""
    folder = _folder()
    if not folder.exists():
        _install(folder)
    sys.path.append(str(folder))
    backend.keras()
    try:
        with warnings.catch_warnings(), backend.quiet_stderr():
            warnings.simplefilter("ignore")
            import qkeras
    except ImportError as error:
        raise Absent(f"QKeras can't be imported: {error}") from None
    return qkeras


def _integer_bits(values: NDArray[np.float32], quantizer: Callable[[int], Any]) -> int:
    """The power of two of the range that quantizes `values` with the least squared error."""
    errors = {
        integer: float(np.square(np.asarray(quantizer(integer)(values)) - values).mean())
        for integer in _INTEGER_BITS
    }
    return min(errors, key=errors.__getitem__)


def _kernel_quantizer(width: Width) -> Any:
    bits = width.weights
    if bits == 2:
        return _library().ternary(alpha="auto")
    return _library().quantized_bits(bits, 0, 1, alpha="auto")


def _replacement(layer: Any, width: Width, outputs: NDArray[np.float32]) -> Any:
    """The QKeras layer that stands for `layer`; `outputs` are its float outputs.

    Pools are taken to follow a ReLU, as they do in qnnlab's reference networks.
    """
    qkeras, keras = _library(), backend.keras()
    layers, config = keras.layers, layer.get_config()

    def relu(integer: int) -> Any:
        return qkeras.quantized_relu(width.activations, integer)

    if isinstance(layer, layers.ReLU):
        return qkeras.QActivation(relu(_integer_bits(outputs, relu)), name=layer.name)
    if isinstance(layer, layers.AveragePooling2D):
        return qkeras.QAveragePooling2D(**config, activation=relu(_integer_bits(outputs, relu)))
    if isinstance(layer, layers.DepthwiseConv2D):
        kernel = {"depthwise_quantizer": _kernel_quantizer(width)}
        dropped = ("groups", "kernel_initializer", "kernel_regularizer", "kernel_constraint")
        kept = {key: value for key, value in config.items() if key not in dropped}
        return qkeras.QDepthwiseConv2D(**kept, **kernel)
    if isinstance(layer, layers.Conv2D):
        return qkeras.QConv2D(**config, kernel_quantizer=_kernel_quantizer(width))
    if isinstance(layer, layers.Dense):
        return qkeras.QDense(**config, kernel_quantizer=_kernel_quantizer(width))
    return layer.__class__.from_config(config)


def quantized_model(model: Any, width: Width, calibration: NDArray[np.float32]) -> Any:
    """`model` with QKeras layers and its own weights; `calibration` (samples, …) sets ranges."""
    qkeras, keras = _library(), backend.keras()
    every = keras.Model(model.inputs, [layer.output for layer in model.layers])
    outputs = dict(zip((layer.name for layer in model.layers), every(calibration), strict=True))

    def signed(integer: int) -> Any:
        return qkeras.quantized_bits(max(EDGE_BITS, width.activations), integer)

    inner = keras.models.clone_model(
        model,
        clone_function=lambda layer: _replacement(layer, width, outputs[layer.name].numpy()),
    )
    inner.set_weights(model.get_weights())
    inputs = keras.layers.Input(model.input_shape[1:])
    rounded = qkeras.QActivation(signed(_integer_bits(calibration, signed)))(inputs)
    return keras.Model(inputs, inner(rounded))


def _train(job: Job, width: Width) -> Trained:
    return fine_tune(quantized_model(job.model, width, job.data.x_calibration), job)


CONTENDER = Contender(
    name="qkeras",
    title="QKeras",
    quantizes=(
        "every kernel, first and last layer too, at the weights' width (at 2 bits three "
        "levels), symmetric, per channel; "
        "ReLUs and average pools at the activations' width, input at 8 bits; the dense layer's "
        "output, biases and batch norm float"
    ),
    settings=(
        'kernels quantized_bits(alpha="auto"), at 2 bits ternary(alpha="auto"); activations '
        "quantized_relu, whose power-of-two range (1 at least) has the least squared error on "
        "the calibration samples; straight-through gradients; QConv2D beside a float batch norm"
    ),
    version=lambda: str(_library().__version__),
    supports=lambda width: True,
    train=_train,
)
