"""C of pools, means and softmax."""

from __future__ import annotations

import math

from qnnlab.codegen.arrays import c_array
from qnnlab.codegen.context import Emission, Emitted, render
from qnnlab.codegen.emitters.reductions import emit_reduction
from qnnlab.graph.integer.kinds.transcendental import exponential_table
from qnnlab.graph.integer.model import Op, window
from qnnlab.graph.integer.rounding import channel_multipliers, quantize_multiplier


def emit_pool(made: Emission, op: Op, name: str) -> Emitted:
    """An average or the largest code of each window."""
    source, target = made.ends(op)
    size, strides = op.attributes["pool"], op.attributes["strides"]
    top, left = (
        window(source.shape[i], size[i], strides[i], op.attributes["padding"])[1] for i in (0, 1)
    )
    made.parts.append(
        render(
            "pool",
            **made.limits(op),
            name=name,
            type=made.c_type(op.output),
            least=source.code_low,
            largest=op.kind == "max_pool",
            height=source.shape[0],
            width=source.shape[1],
            depth=source.shape[2],
            rows=target.shape[0],
            columns=target.shape[1],
            kernel_h=size[0],
            kernel_w=size[1],
            stride_h=strides[0],
            stride_w=strides[1],
            pad_top=top,
            pad_left=left,
        )
    )
    return Emitted(made.typed_call(op, name))


def emit_mean(made: Emission, op: Op, name: str) -> Emitted:
    """A mean over neighbouring axes."""
    source, target = made.ends(op)
    axes = op.attributes["axes"]
    if not axes or list(axes) != list(range(axes[0], axes[-1] + 1)):
        return emit_reduction(made, op, name)
    count = math.prod(source.shape[axis] for axis in axes)
    multiplier, shift = (
        int(p[0]) for p in quantize_multiplier(channel_multipliers(made.graph, op))
    )
    bits = min(count.bit_length() - 1, 32, 31 + shift)
    shift -= bits
    made.parts.append(
        render(
            "mean",
            name=name,
            outer=math.prod(source.shape[: axes[0]]),
            middle=count,
            inner=math.prod(source.shape[axes[-1] + 1 :]),
            start=-source.zero_point * count,
            m=(multiplier << bits) // count,
            left=max(shift, 0),
            right=max(-shift, 0),
            zero_point=target.zero_point,
        )
    )
    return Emitted(f"{name}({{0}}, {{out}});")


def emit_softmax(made: Emission, op: Op, name: str) -> Emitted:
    """A softmax over the last axis, from a table of 256 exponentials."""
    source, _ = made.ends(op)
    depth = source.shape[-1]
    made.parts.append(
        render(
            "softmax",
            name=name,
            table=c_array("int32_t", f"{name}_t", exponential_table(made.graph, op)),
            rows=math.prod(source.shape) // depth,
            depth=depth,
        )
    )
    return Emitted(f"{name}({{0}}, {{out}});", over="same")


EMITTERS = {
    **{(kind, bits): emit_pool for kind in ("average_pool", "max_pool") for bits in (8, 16)},
    ("mean", 8): emit_mean,
    ("softmax", 8): emit_softmax,
}
