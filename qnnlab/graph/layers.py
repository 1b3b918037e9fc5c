"""What each layer of a .tflite model answers, in any interpreter.

Interpreters give a model's outputs only. A model whose output is another of its tensors gives
that one: the index in the file is overwritten, nothing else changes.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import ModelFormatError, RuntimeFault
from qnnlab.graph.flatbuffer import FlatBuffer
from qnnlab.graph.runtimes import run_models
from qnnlab.graph.schema import ModelField, SubGraphField
from qnnlab.graph.tflite import parse_tflite


def with_output(model: bytes, tensor: int) -> bytes:
    """`model` with the tensor of that index as its first output.

    Raises ModelFormatError for a model that can't be read, without outputs or without the tensor.
    """
    graph = parse_tflite(model)
    if not graph.outputs or not 0 <= tensor < len(graph.tensors):
        raise ModelFormatError(f"tensor {tensor} can't be its output")
    subgraph = FlatBuffer(model).root().tables(ModelField.SUBGRAPHS)[0]
    changed = bytearray(model)
    struct.pack_into("<i", changed, subgraph.vector_start(SubGraphField.OUTPUTS), tensor)
    parse_tflite(bytes(changed))
    return bytes(changed)


def layer_outputs(
    model: bytes, inputs: NDArray[Any], runtime: str, tensors: Sequence[int]
) -> Mapping[int, NDArray[Any]]:
    """What `runtime` answers for each of `tensors` (indices), of shape (samples, …).

    Tensors that it refuses to give are left out. Raises as run_models.
    """
    runs = run_models([(with_output(model, index), inputs) for index in tensors], runtime)
    found: dict[int, NDArray[Any]] = {}
    for index, run in zip(tensors, runs, strict=True):
        if not isinstance(run, RuntimeFault) and run.outputs is not None:
            found[index] = np.asarray(run.outputs)
    return found
