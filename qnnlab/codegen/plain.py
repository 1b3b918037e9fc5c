"""C of everything without weights: tables, sums, pools, softmax, movement."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from qnnlab.codegen.arrays import byte_only, c_array, fixed_multiplier
from qnnlab.codegen.context import Emission, Emitted, render
from qnnlab.errors import CodegenError
from qnnlab.graph.integer.kinds import KINDS
from qnnlab.graph.integer.kinds.kind import Call
from qnnlab.graph.integer.kinds.transcendental import exponential_table
from qnnlab.graph.integer.model import Op, window
from qnnlab.graph.integer.rounding import (
    ROUNDING,
    add_multipliers,
    apply_multiplier,
    channel_multipliers,
    clamp_range,
    quantize_multiplier,
)

_RULE = ROUNDING["tflm"]


def emit_table(made: Emission, op: Op, name: str) -> Emitted:
    """Any function of one code: 256 answers of the integer executor."""
    byte_only(op, *made.ends(op))
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
            arguments=arguments,
            zero_point=target.zero_point,
            **made.limits(op),
            **values,
        )
    )


def _indexed(made: Emission, op: Op, position: int) -> str:
    """An operand's element: itself, one number, or one by channel; other broadcasts are refused."""
    shape = made.graph.activations[op.inputs[position]].shape
    target = made.graph.activations[op.output].shape
    if math.prod(shape) == math.prod(target):
        return f"in{position}[i]"
    if math.prod(shape) == 1:
        return f"in{position}[0]"
    if math.prod(shape) == shape[-1] == target[-1]:
        return f"in{position}[i % {target[-1]}]"
    raise CodegenError(f"operator {op.name!r}: this broadcast is not generated")


def emit_add(made: Emission, op: Op, name: str) -> Emitted:
    """A sum: each operand's rescaling is a table of 256 words."""
    byte_only(op, *made.ends(op))
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
    byte_only(op, *made.ends(op))
    first, second = (made.graph.activations[i] for i in op.inputs)
    target = made.graph.activations[op.output]
    m, left, right = fixed_multiplier(op, first.scale * second.scale / target.scale)
    zeros = {"z0": first.zero_point, "z1": second.zero_point}
    _elementwise(made, op, name, "mul", [], {"m": m, "left": left, "right": right, **zeros})
    return Emitted(f"{name}({{0}}, {{1}}, {{out}});", over="same")


def emit_extreme(made: Emission, op: Op, name: str) -> Emitted:
    """The larger or the smaller of two codes."""
    byte_only(op, *made.ends(op))
    _elementwise(made, op, name, op.kind, [], {})
    return Emitted(f"{name}({{0}}, {{1}}, {{out}});", over="same")


def emit_pool(made: Emission, op: Op, name: str) -> Emitted:
    """An average or the largest code of each window."""
    source, target = made.ends(op)
    byte_only(op, source, target)
    size, strides = op.attributes["pool"], op.attributes["strides"]
    top, left = (
        window(source.shape[i], size[i], strides[i], op.attributes["padding"])[1] for i in (0, 1)
    )
    made.parts.append(
        render(
            "pool",
            **made.limits(op),
            name=name,
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
    return Emitted(f"{name}({{0}}, {{out}});")


def emit_mean(made: Emission, op: Op, name: str) -> Emitted:
    """A mean over neighbouring axes."""
    source, target = made.ends(op)
    byte_only(op, source, target)
    axes = op.attributes["axes"]
    if not axes or list(axes) != list(range(axes[0], axes[-1] + 1)):
        raise CodegenError(f"operator {op.name!r}: a mean over axes apart is not generated")
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
    source, target = made.ends(op)
    byte_only(op, source, target)
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


def emit_copy(made: Emission, op: Op, name: str) -> Emitted:
    """A reshape that has to move bytes all the same."""
    source, target = made.ends(op)
    byte_only(op, source, target)
    return Emitted(f"copy_bytes({{out}}, {{0}}, {math.prod(target.shape)});")


def emit_concat(made: Emission, op: Op, name: str) -> Emitted:
    """Inputs one behind the other along an axis."""
    byte_only(op, *made.ends(op))
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
    byte_only(op, source, target)
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
