"""C of what moves codes and computes none."""

from __future__ import annotations

import math

from qnnlab.codegen.context import Emission, Emitted, render
from qnnlab.errors import CodegenError
from qnnlab.graph.integer.model import Op


def emit_copy(made: Emission, op: Op, name: str) -> Emitted:
    """A reshape that has to move bytes all the same."""
    target = made.graph.activations[op.output]
    return Emitted(f"copy_bytes({{out}}, {{0}}, {math.prod(target.shape)});")


def emit_concat(made: Emission, op: Op, name: str) -> Emitted:
    """Inputs one behind the other along an axis."""
    axis = op.attributes["axis"][0]
    shapes = [made.graph.activations[i].shape for i in op.inputs]
    parts = [
        {"name": f"in{place}", "bytes": math.prod(shape[axis:])}
        for place, shape in enumerate(shapes)
    ]
    arguments = ", ".join(f"const int8_t *in{place}" for place in range(len(parts)))
    made.parts.append(
        render(
            "move",
            name=name,
            kind="concat",
            arguments=f"{arguments}, int8_t *out",
            outer=math.prod(shapes[0][:axis]),
            parts=parts,
        )
    )
    given = ", ".join(f"{{{place}}}" for place in range(len(parts)))
    return Emitted(f"{name}({given}, {{out}});")


def emit_pad(made: Emission, op: Op, name: str) -> Emitted:
    """A frame of one code around an image."""
    source, target = made.ends(op)
    if op.attributes["mode"] != "constant" or len(source.shape) > 3:
        raise CodegenError(f"operator {op.name!r}: this padding is not generated")
    gap = 3 - len(source.shape)
    made.parts.append(
        render(
            "move",
            name=name,
            kind="pad",
            shape=(*(1,) * gap, *source.shape),
            before=(*(0,) * gap, *op.attributes["before"]),
            value=op.attributes["value"][0],
            rows=(*(1,) * gap, *target.shape)[0],
            columns=(*(1,) * gap, *target.shape)[1],
            depth=target.shape[-1],
        )
    )
    return Emitted(f"{name}({{0}}, {{out}});")


EMITTERS = {
    ("reshape", 8): emit_copy,
    ("concat", 8): emit_concat,
    ("pad", 8): emit_pad,
}
