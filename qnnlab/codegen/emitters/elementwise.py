"""C of functions of one code and of two operands: tables, sums, products, extremes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from qnnlab.codegen.arrays import c_array, fixed_multiplier
from qnnlab.codegen.context import Emission, Emitted, render
from qnnlab.codegen.emitters.pairs import emit_pair
from qnnlab.graph.integer.kinds import KINDS
from qnnlab.graph.integer.kinds.kind import Call
from qnnlab.graph.integer.model import Op
from qnnlab.graph.integer.rounding import (
    ROUNDING,
    add_multipliers,
    apply_multiplier,
    clamp_range,
    quantize_multiplier,
)

_RULE = ROUNDING["tflm"]
_TABLES = ("clip", "hard_swish", "leaky_relu", "logistic", "requantize", "tanh")


def emit_table(made: Emission, op: Op, name: str) -> Emitted:
    """Any function of one code: 256 answers of the integer executor."""
    codes = np.arange(-128, 128, dtype=np.int64)[None]
    kind = KINDS[op.kind]
    values = kind.run(Call(made.graph, op, [codes], _RULE))[0]
    relu = None if kind.clamps_itself else op.relu
    values = np.clip(values, *clamp_range(made.graph.activations[op.output], relu))
    _elementwise(made, op, name, "table", [c_array("int8_t", f"{name}_t", values)], {})
    return Emitted(f"{name}({{0}}, {{out}});", over="same")


def _elementwise(
    made: Emission, op: Op, name: str, kind: str, constants: list[str], values: dict[str, Any]
) -> None:
    target = made.graph.activations[op.output]
    count = math.prod(target.shape)
    vectors = made.isa == "helium" and all(
        math.prod(made.graph.activations[i].shape) == count for i in op.inputs
    )
    if vectors:
        made.shared["helium_vectors"] = render("helium_vectors")
    arguments = "const int8_t *in, int8_t *out"
    if len(op.inputs) > 1:
        arguments = "const int8_t *in0, const int8_t *in1, int8_t *out"
        for position, word in enumerate(("first", "second")):
            values[word] = _indexed(made, op, position)
    made.parts.append(
        render(
            "elementwise",
            name=name,
            kind=kind,
            constants=constants,
            count=count,
            vectors=vectors,
            arguments=arguments,
            zero_point=target.zero_point,
            **made.limits(op),
            **values,
        )
    )


def _simple(made: Emission, op: Op) -> bool:
    """Whether both operands are whole, one number or one by channel."""
    target = made.graph.activations[op.output].shape
    shapes = [made.graph.activations[index].shape for index in op.inputs]
    return all(
        math.prod(shape) in (1, math.prod(target)) or math.prod(shape) == shape[-1] == target[-1]
        for shape in shapes
    )


def _indexed(made: Emission, op: Op, position: int) -> str:
    """An operand's element: itself, one number, or one by channel."""
    shape = made.graph.activations[op.inputs[position]].shape
    target = made.graph.activations[op.output].shape
    if math.prod(shape) == math.prod(target):
        return f"in{position}[i]"
    if math.prod(shape) == 1:
        return f"in{position}[0]"
    return f"in{position}[i % {target[-1]}]"


def emit_add(made: Emission, op: Op, name: str) -> Emitted:
    """A sum: each operand's rescaling is a table of 256 words."""
    if not _simple(made, op):
        return emit_pair(made, op, name)
    *inputs, last, shift = add_multipliers(made.graph, op)
    tables = []
    for index, real, word in zip(op.inputs, inputs, "ab", strict=True):
        centred = np.arange(-128, 128, dtype=np.int64) - made.graph.activations[index].zero_point
        values = apply_multiplier(centred << shift, *quantize_multiplier(real))
        sign = -1 if op.kind == "sub" and word == "b" else 1
        tables.append(c_array("int32_t", f"{name}_{word}", sign * values))
    m, left, right = fixed_multiplier(op, last)
    _elementwise(made, op, name, "add", tables, {"m": m, "left": left, "right": right})
    return Emitted(f"{name}({{0}}, {{1}}, {{out}});", over="same")


def emit_mul(made: Emission, op: Op, name: str) -> Emitted:
    """A product, element by element."""
    if not _simple(made, op):
        return emit_pair(made, op, name)
    first, second = (made.graph.activations[i] for i in op.inputs)
    target = made.graph.activations[op.output]
    m, left, right = fixed_multiplier(op, first.scale * second.scale / target.scale)
    zeros = {"z0": first.zero_point, "z1": second.zero_point}
    _elementwise(made, op, name, "mul", [], {"m": m, "left": left, "right": right, **zeros})
    return Emitted(f"{name}({{0}}, {{1}}, {{out}});", over="same")


def emit_extreme(made: Emission, op: Op, name: str) -> Emitted:
    """The larger or the smaller of two codes."""
    if not _simple(made, op):
        return emit_pair(made, op, name)
    _elementwise(made, op, name, op.kind, [], {})
    return Emitted(f"{name}({{0}}, {{1}}, {{out}});", over="same")


EMITTERS = {
    ("add", 8): emit_add,
    ("sub", 8): emit_add,
    ("mul", 8): emit_mul,
    ("maximum", 8): emit_extreme,
    ("minimum", 8): emit_extreme,
    **{(kind, 8): emit_table for kind in _TABLES},
}
