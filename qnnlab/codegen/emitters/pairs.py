"""C of two operands of 16 bits, or of any that are broadcast along several axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from qnnlab.codegen.arrays import fixed_multiplier
from qnnlab.codegen.context import Emission, Emitted, render
from qnnlab.graph.integer.model import Op
from qnnlab.graph.integer.rounding import add_multipliers


def emit_pair(made: Emission, op: Op, name: str) -> Emitted:
    """add, sub, mul, maximum, minimum or prelu."""
    made.shared["arithmetic"] = render("arithmetic")
    first, second = (made.graph.activations[index] for index in op.inputs)
    target = made.graph.activations[op.output]
    shape = target.shape or (1,)
    strides = [_strides(part.shape, shape) for part in (first, second)]
    axes = [
        {"extent": extent, "first": strides[0][axis], "second": strides[1][axis]}
        for axis, extent in enumerate(shape)
    ]
    made.parts.append(
        render(
            "pairs",
            **made.limits(op),
            **_constants(made, op),
            name=name,
            kind=op.kind,
            type=made.c_type(op.output),
            axes=axes,
            z0=first.zero_point,
            z1=second.zero_point,
            zero_point=target.zero_point,
        )
    )
    return Emitted(made.typed_call(op, name))


def _strides(shape: tuple[int, ...], target: tuple[int, ...]) -> list[int]:
    """Elements from one index to the next along each axis of the output; 0 where it repeats."""
    places = np.arange(int(np.prod(shape)), dtype=np.int64).reshape(shape)
    spread = np.broadcast_to(places, target)
    return [
        int(np.take(spread, 1, axis).flat[0] - spread.flat[0]) if extent > 1 else 0
        for axis, extent in enumerate(target)
    ]


def _constants(made: Emission, op: Op) -> dict[str, Any]:
    first, second = (made.graph.activations[index] for index in op.inputs)
    target = made.graph.activations[op.output]
    found: dict[str, Any] = {}
    if op.kind in ("add", "sub"):
        one, two, last, found["shift"] = add_multipliers(made.graph, op)
        for word, real in (("0", one), ("1", two)):
            found[f"m{word}"], _, found[f"r{word}"] = fixed_multiplier(op, real)
    elif op.kind == "prelu":
        found["m0"], found["l0"], found["r0"] = fixed_multiplier(op, first.scale / target.scale)
        last = first.scale * second.scale / target.scale
    else:
        last = first.scale * second.scale / target.scale
    found["m"], found["left"], found["right"] = fixed_multiplier(op, last)
    return found


_KINDS = ("add", "sub", "mul", "maximum", "minimum")
EMITTERS = {**{(kind, 16): emit_pair for kind in _KINDS}, ("prelu", 8): emit_pair}
