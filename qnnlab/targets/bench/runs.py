"""What one inference on the bench gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

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
