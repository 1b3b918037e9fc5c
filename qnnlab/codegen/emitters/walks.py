"""C of operators that put codes in another order, which is found by running them on indices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from qnnlab.codegen.arrays import c_array
from qnnlab.codegen.context import Emission, Emitted, render
from qnnlab.errors import CodegenError
from qnnlab.graph.integer.kinds import KINDS
from qnnlab.graph.integer.kinds.kind import Call
from qnnlab.graph.integer.kinds.resizing import bilinear_places
from qnnlab.graph.integer.model import Op
from qnnlab.graph.integer.rounding import ROUNDING


def emit_walk(made: Emission, op: Op, name: str) -> Emitted:
    """Any operator whose output codes are input codes; offsets add up over the output's axes."""
    source, target = made.ends(op)
    indices = np.arange(math.prod(source.shape), dtype=np.int64).reshape(1, *source.shape)
    places = KINDS[op.kind].run(Call(made.graph, op, [indices], ROUNDING["tflm"]))[0]
    places = places.reshape(target.shape or (1,))
    base = int(places.reshape(-1)[0])
    axes: list[dict[str, Any]] = []
    total = np.full_like(places, base)
    for axis, extent in enumerate(places.shape):
        line = np.moveaxis(places, axis, 0).reshape(extent, -1)[:, 0] - base
        total = total + line.reshape(*(-1 if a == axis else 1 for a in range(places.ndim)))
        stride = int(line[1]) if extent > 1 else 0
        even = np.array_equal(line, stride * np.arange(extent))
        table = "" if even else c_array("int32_t", f"{name}_{len(axes)}", line)
        axes.append({"extent": extent, "stride": stride, "table": table})
    if not np.array_equal(total, places):
        raise CodegenError(f"operator {op.name!r}: no C is generated for this {op.kind}")
    kind = made.c_type(op.output)
    made.parts.append(render("walk", name=name, type=kind, base=base, axes=axes))
    return Emitted(made.typed_call(op, name))


def emit_bilinear(made: Emission, op: Op, name: str) -> Emitted:
    """Four neighbours of each pixel, with shares of 1/1024 along each axis."""
    source, target = (end.shape for end in made.ends(op))
    tables = [
        c_array(
            "int16_t",
            f"{name}_{word}",
            np.stack(bilinear_places(source[axis], target[axis], op), axis=1),
        )
        for axis, word in enumerate("yx")
    ]
    made.parts.append(
        render(
            "bilinear",
            name=name,
            tables=tables,
            rows=target[0],
            columns=target[1],
            depth=target[2],
            line=source[1] * source[2],
        )
    )
    return Emitted(f"{name}({{0}}, {{out}});")


_KINDS = ("transpose", "slice", "space_to_depth", "depth_to_space", "resize_nearest")
EMITTERS = {
    **{(kind, bits): emit_walk for kind in _KINDS for bits in (8, 16)},
    ("resize_bilinear", 8): emit_bilinear,
}
