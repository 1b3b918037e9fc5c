"""TFLite Micro, built for this computer with its reference kernels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from qnnlab.lab.frameworks.framework import Invoke
from qnnlab.lab.frameworks.interpreting import interpreter

_ARENA_BYTES = 2**26


def _open(path: Path) -> Invoke:
    from tflite_micro.python.tflite_micro import runtime

    session = runtime.Interpreter.from_bytes(path.read_bytes(), arena_size=_ARENA_BYTES)
    shape = tuple(int(extent) for extent in session.get_input_details(0)["shape"])

    def invoke(sample: NDArray[Any]) -> object:
        session.set_input(sample.reshape(shape), 0)
        session.invoke()
        return session.get_output(0)

    return invoke


FRAMEWORKS = interpreter("tflm", "tflm", "runs a .tflite as firmware would, in an arena", _open)
