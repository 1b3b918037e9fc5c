"""What a kind of operator is: its rules, its arithmetic and its form in a .tflite file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.graph.integer.model import Activation, IntegerGraph, Op
from qnnlab.graph.integer.rounding import Rounding

Codes = NDArray[np.integer]


@dataclass(frozen=True)
class Call:
    """One operator at work on the codes (samples, *shape) of its inputs."""

    graph: IntegerGraph
    op: Op
    inputs: Sequence[Codes]
    rounding: Rounding

    @property
    def source(self) -> Activation:
        """The first input's activation."""
        return self.graph.activations[self.op.inputs[0]]

    @property
    def target(self) -> Activation:
        """The output's activation."""
        return self.graph.activations[self.op.output]

    def centred(self, position: int = 0) -> NDArray[np.int64]:
        """Codes minus zero point of the input at `position`."""
        zero_point = self.graph.activations[self.op.inputs[position]].zero_point
        return self.inputs[position].astype(np.int64) - zero_point


@dataclass(frozen=True)
class Form:
    """An operator as .tflite writes it.

    `versions`: the first version of the operator that takes int8, and int16. `options`: name of
    the options table and `fields` its values; "relu", "padding" and "strides" are written from
    the operator itself where the table has them. `constants`: int32 operands by name, behind the
    inputs.
    """

    operator: str
    versions: tuple[int, int]
    options: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    constants: Mapping[str, NDArray[np.int32]] = field(default_factory=dict)


@dataclass(frozen=True)
class Kind:
    """A kind of operator.

    `check(graph, op)` raises ModelFormatError where the operator can't be computed exactly.
    `run(call)` gives output codes (int64) that need not be clamped yet. `form(graph, op)` is
    what .tflite calls it. `operands`: how many inputs, None for any number from one up.
    `weighted`: whether it has weights. `relu`: whether it may clamp; `clamps_itself`: to other
    codes than `relu` is in its output's. `attributes` it must have, `optional` ones it may have.
    """

    name: str
    check: Callable[[IntegerGraph, Op], None]
    run: Callable[[Call], NDArray[np.int64]]
    form: Callable[[IntegerGraph, Op], Form]
    operands: int | None = 1
    weighted: bool = False
    relu: bool = False
    clamps_itself: bool = False
    attributes: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
