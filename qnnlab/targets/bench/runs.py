"""What one inference on the bench gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.codegen import CModel
from qnnlab.errors import FirmwareFault

#: Instructions after which a run is given up.
BUDGET = 2_000_000_000


@dataclass(frozen=True, eq=False)
class BenchRun:
    """What came out of one inference.

    `instructions` executed, by kind in `mix`, by operator in `by_operator` (with the kernels that
    it calls; model_invoke is what lies between) and by function in `by_function`; `stack_bytes`
    at its deepest. `classes` counts as tables of cycles do: products of 64 bits apart, and as
    "word" each further word that one instruction moves. An emulator that can't tell leaves the
    counts by kind, class, operator and function empty.
    """

    outputs: NDArray[Any]
    instructions: int
    mix: Mapping[str, int]
    by_operator: Mapping[str, int]
    by_function: Mapping[str, int]
    stack_bytes: int
    classes: Mapping[str, int] = field(default_factory=dict)


def sample_bytes(model: CModel, inputs: NDArray[Any]) -> NDArray[np.int8]:
    """Samples (n, …) of codes as bytes (n, input bytes).

    Raises FirmwareFault for samples of another size or type than the model takes.
    """
    codes = model.input_bytes // np.dtype(model.input_type).itemsize
    flat = np.ascontiguousarray(inputs).reshape(len(inputs), -1 if inputs.size else codes)
    if flat.shape[1] != codes or flat.dtype.name != model.input_type:
        wanted = f"{model.input_type}[{codes}]"
        raise FirmwareFault(f"a sample is {flat.dtype}[{flat.shape[1]}], not {wanted}")
    return flat.view(np.int8)
