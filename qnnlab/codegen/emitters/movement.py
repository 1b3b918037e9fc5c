"""C of what moves codes and computes none."""

from __future__ import annotations

import math

from qnnlab.codegen.context import Emission, Emitted, render
from qnnlab.codegen.emitters.walks import emit_walk
from qnnlab.codegen.memory import activation_bytes
from qnnlab.errors import CodegenError
from qnnlab.graph.integer.model import Op


def emit_copy(made: Emission, op: Op, name: str) -> Emitted:
    """A reshape that has to move bytes all the same."""
    count = activation_bytes(made.graph, op.output)
    return Emitted(f"copy_bytes((int8_t *)({{out}}), (const int8_t *)({{0}}), {count});")


def emit_concat(made: Emission, op: Op, name: str) -> Emitted:
    """Inputs one behind the other along an axis."""
    axis, width = op.attributes["axis"][0], made.graph.activations[op.output].dtype.itemsize
    shapes = [made.graph.activations[i].shape for i in op.inputs]
    parts = [
        {"name": f"in{place}", "bytes": width * math.prod(shape[axis:])}
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
    given = ", ".join(f"(const int8_t *)({{{place}}})" for place in range(len(parts)))
    return Emitted(f"{name}({given}, (int8_t *)({{out}}));")


def emit_pad(made: Emission, op: Op, name: str) -> Emitted:
    """A frame of one code around an image."""
    source, target = made.ends(op)
    if op.attributes["mode"] != "constant":
        return emit_walk(made, op, name)
    if len(source.shape) > 3:
        raise CodegenError(f"operator {op.name!r}: padding of {len(source.shape)} axes is not made")
    gap = 3 - len(source.shape)
    made.parts.append(
        render(
            "move",
            name=name,
            kind="pad",
            type=made.c_type(op.output),
            shape=(*(1,) * gap, *source.shape),
            before=(*(0,) * gap, *op.attributes["before"]),
            value=op.attributes["value"][0],
            rows=(*(1,) * gap, *target.shape)[0],
            columns=(*(1,) * gap, *target.shape)[1],
            depth=target.shape[-1],
        )
    )
    return Emitted(made.typed_call(op, name))


EMITTERS = {
    (kind, bits): emitter
    for kind, emitter in (("reshape", emit_copy), ("concat", emit_concat), ("pad", emit_pad))
    for bits in (8, 16)
}
