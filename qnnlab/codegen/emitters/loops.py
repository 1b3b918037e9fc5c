"""C of weighted operators by plain loops: 16-bit activations, groups, transposed convolutions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from qnnlab.codegen.arrays import c_array, packed_words, weight_form, weight_values
from qnnlab.codegen.context import Emission, Emitted, render
from qnnlab.errors import CodegenError
from qnnlab.graph.integer.kinds.rules import dilations_of
from qnnlab.graph.integer.kinds.weighted import dilated
from qnnlab.graph.integer.model import Op, window
from qnnlab.graph.integer.rounding import channel_multipliers, quantize_multiplier


def emit_loops(made: Emission, op: Op, name: str) -> Emitted:
    """A weighted operator whose products are made one by one."""
    made.shared["arithmetic"] = render("arithmetic")
    source, target = made.ends(op)
    place = _dense(made, op) if op.kind == "dense" else _windowed(made, op)
    values = weight_values(op)
    if op.kind == "depthwise":
        values = values[0].transpose(2, 0, 1)[..., None]
    channels = values.shape[0]
    values = values.reshape(channels, place["kernel_h"], place["kernel_w"], -1)
    share = values.shape[3]
    form = weight_form(op)
    kind = "uint32_t" if form.packed else "int8_t"
    stored = packed_words(values, form) if form.packed else values
    made.weight_bytes += stored.size * (4 if form.packed else 1)
    made.parts.append(
        render(
            "loops",
            **place,
            **made.limits(op),
            name=name,
            weights=c_array(kind, f"{name}_w", stored),
            bits=form.bits,
            step=form.step,
            lift=form.lift,
            table=_table(made, op, channels),
            channels=channels,
            share=share,
            group=channels * share // place["depth"],
            spread=op.kind == "transpose_conv",
            once=source.wide,
            source_type=made.c_type(op.inputs[0]),
            target_type=made.c_type(op.output),
            zero_point=source.zero_point,
            out_zero_point=target.zero_point,
        )
    )
    return Emitted(made.typed_call(op, name))


def _table(made: Emission, op: Op, channels: int) -> str:
    """Bias, multiplier and shifts of each channel: one rounding for 16 bits, two for 8."""
    source, _ = made.ends(op)
    real = np.broadcast_to(channel_multipliers(made.graph, op), (channels,))
    multiplier, shift = quantize_multiplier(real)
    fixed = np.asarray(multiplier, np.int64)
    left, right = np.maximum(shift, 0), np.maximum(-np.asarray(shift), 0)
    if source.wide:
        fixed = np.where(fixed < 0x7FFF0000, (fixed + 2**15) >> 16, 0x7FFF)
        left, right = np.zeros_like(fixed), 15 - np.asarray(shift)
        if (right < 1).any():
            raise CodegenError(f"operator {op.name!r}: its scales need a shift to the left")
    bias = np.zeros(channels, np.int64) if op.bias is None else op.bias
    rows = np.stack([bias, fixed, left, right], axis=1).tolist()
    return ",\n  ".join("{" + ", ".join(map(str, row)) + "}" for row in rows)


def _windowed(made: Emission, op: Op) -> dict[str, Any]:
    source, target = (end.shape for end in made.ends(op))
    assert op.weights is not None
    kernel = op.weights.codes.shape[1:3]
    down, right = op.attributes["strides"]
    spread = op.kind == "transpose_conv"
    apart = (1, 1) if spread else dilations_of(op)
    extents = kernel if spread else dilated(op, kernel)
    over = target if spread else source
    padding = op.attributes["padding"]
    top, left = (
        window(over[axis], extents[axis], (down, right)[axis], padding)[1] for axis in (0, 1)
    )
    return {
        **dict(zip(("height", "width", "depth"), source, strict=True)),
        **dict(zip(("rows", "columns"), target[:2], strict=True)),
        **dict(zip(("kernel_h", "kernel_w"), kernel, strict=True)),
        **dict(zip(("stride_h", "stride_w"), (down, right), strict=True)),
        **dict(zip(("dilation_h", "dilation_w"), apart, strict=True)),
        "pad_top": top,
        "pad_left": left,
    }


def _dense(made: Emission, op: Op) -> dict[str, Any]:
    source, _ = made.ends(op)
    depth = weight_values(op).shape[1]
    rows = math.prod(source.shape) // depth
    ones = ("width", "columns", "kernel_h", "kernel_w", "stride_h", "stride_w")
    place: dict[str, Any] = dict.fromkeys((*ones, "dilation_h", "dilation_w"), 1)
    return {**place, "height": rows, "rows": rows, "depth": depth, "pad_top": 0, "pad_left": 0}


EMITTERS = {
    **{(kind, 16): emit_loops for kind in ("conv", "depthwise", "dense", "transpose_conv")},
    ("transpose_conv", 8): emit_loops,
}
