"""C of functions of one code of 16 bits, and of softmax over them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from qnnlab.codegen.arrays import c_array, fixed_multiplier
from qnnlab.codegen.context import Emission, Emitted, render
from qnnlab.graph.integer.kinds.activation import leaky_multipliers
from qnnlab.graph.integer.kinds.transcendental import (
    logistic_steps,
    wide_softmax_scale,
    wide_steps,
    wide_table,
)
from qnnlab.graph.integer.model import Op
from qnnlab.graph.integer.rounding import channel_multipliers, clamp_range


def emit_unary(made: Emission, op: Op, name: str) -> Emitted:
    """requantize, clip, leaky_relu, logistic or tanh."""
    made.shared["arithmetic"] = render("arithmetic")
    source, target = made.ends(op)
    limits = made.limits(op)
    if op.kind == "clip":
        # TFLM clips codes as its input means them.
        low, high = clamp_range(source, op.relu)
        limits = {"low": low, "high": high}
    values: dict[str, Any] = {"table": ""}
    if op.kind == "requantize":
        values |= _named(fixed_multiplier(op, float(channel_multipliers(made.graph, op)[0])))
    elif op.kind == "leaky_relu":
        above, below = leaky_multipliers(made.graph, op)
        values |= _named(fixed_multiplier(op, above))
        values |= _named(fixed_multiplier(op, below), "1")
    elif op.kind in ("logistic", "tanh"):
        multiplier, shift = wide_steps(source.scale, op.kind)
        values |= {"m": multiplier, "right": shift, "half": 1 << (shift - 1) if shift else 0}
        values |= {"bits": 9 if op.kind == "logistic" else 8}
        values["table"] = c_array("int32_t", f"{name}_t", logistic_steps())
    made.parts.append(
        render(
            "wide_unary",
            **limits,
            **values,
            name=name,
            kind=op.kind,
            count=math.prod(target.shape),
            z=source.zero_point,
            zero_point=target.zero_point,
            source_type=made.c_type(op.inputs[0]),
            target_type=made.c_type(op.output),
        )
    )
    return Emitted(made.typed_call(op, name))


def _named(fixed: tuple[int, int, int], ending: str = "") -> dict[str, int]:
    return dict(zip((f"m{ending}", f"left{ending}", f"right{ending}"), fixed, strict=True))


def emit_softmax(made: Emission, op: Op, name: str) -> Emitted:
    """Exponentials and a reciprocal, each interpolated between 513 samples."""
    made.shared["arithmetic"] = render("arithmetic")
    source, _ = made.ends(op)
    depth = source.shape[-1]
    tables = [
        c_array("int16_t", f"{name}_{word}", np.asarray(wide_table(table)))
        for word, table in (("e", "exp"), ("i", "inverse"))
    ]
    made.parts.append(
        render(
            "wide_softmax",
            **_named(fixed_multiplier(op, wide_softmax_scale(made.graph, op))),
            name=name,
            tables="\n".join(tables),
            rows=math.prod(source.shape) // depth,
            depth=depth,
        )
    )
    return Emitted(made.typed_call(op, name))


_UNARY = ("requantize", "clip", "leaky_relu", "logistic", "tanh")
EMITTERS = {**{(kind, 16): emit_unary for kind in _UNARY}, ("softmax", 16): emit_softmax}
