"""C of convolutions, depthwise convolutions and dense layers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.codegen.arrays import (
    byte_only,
    c_array,
    channel_table,
    interleaved,
    padded_to,
    weight_values,
)
from qnnlab.codegen.context import Emission, render
from qnnlab.errors import CodegenError
from qnnlab.graph.integer.kinds.rules import dilations_of
from qnnlab.graph.integer.kinds.weighted import accumulator_bound, dilated
from qnnlab.graph.integer.model import Op, window

# Twice an accumulator must fit 32 bits where the product's high word is taken.
_MOST_SUM = 2**30


def _placement(made: Emission, op: Op) -> dict[str, Any]:
    source, target = made.ends(op)
    assert op.weights is not None
    kernel = op.weights.codes.shape[1:3]
    (down, right), apart = op.attributes["strides"], dilations_of(op)
    extents = dilated(op, kernel)
    padding = op.attributes["padding"]
    _, top, _ = window(source.shape[0], extents[0], down, padding)
    _, left, _ = window(source.shape[1], extents[1], right, padding)
    return {
        "height": source.shape[0],
        "width": source.shape[1],
        "depth": source.shape[2],
        "rows": target.shape[0],
        "columns": target.shape[1],
        "channels": target.shape[2],
        "kernel_h": kernel[0],
        "kernel_w": kernel[1],
        "stride_h": down,
        "stride_w": right,
        "dilation_h": apart[0],
        "dilation_w": apart[1],
        "pad_top": top,
        "pad_left": left,
        "zero_point": source.zero_point,
    }


def _fixed_codes(made: Emission, op: Op) -> NDArray[np.int64]:
    """The code of each output channel that never changes, −129 for the others.

    Raises CodegenError where a channel that does change can leave the sums' 30 bits.
    """
    byte_only(op, *made.ends(op))
    found = made.ranges[op.output]
    dead = found.dead_channels()
    axes = tuple(range(found.low.ndim - 1))
    uniform = found.low.min(axis=axes) == found.low.max(axis=axes)
    bound = accumulator_bound(made.graph, op)
    if op.bias is not None:
        bound = bound + np.abs(op.bias)
    if (2 * bound[~(dead & uniform)] >= _MOST_SUM).any():
        raise CodegenError(f"operator {op.name!r}: its sums can leave 30 bits")
    return np.where(dead & uniform, found.low.max(axis=axes), -129)


def emit_conv(made: Emission, op: Op, name: str) -> str:
    """A convolution; the name of the function that it became."""
    fixed = _fixed_codes(made, op)
    place = _placement(made, op)
    values = weight_values(op)
    channels, _, _, depth = values.shape
    if depth != place["depth"]:
        raise CodegenError(f"operator {op.name!r}: grouped convolutions are not generated")
    dsp = made.kernels == "dsp"
    run = place["kernel_w"] * depth
    single = (place["kernel_h"], place["kernel_w"], place["pad_top"], place["pad_left"])
    direct = single == (1, 1, 0, 0)
    rows = values.reshape(channels, place["kernel_h"], run)
    if dsp:
        direct = direct and depth % 4 == 0
        rows = padded_to(rows, 2, 4)
        run = rows.shape[2]
    else:
        direct = direct and (place["stride_h"], place["stride_w"]) == (1, 1)
    flat = rows.reshape(channels, -1)
    k = flat.shape[1]
    packed = interleaved(flat, 2) if dsp else padded_to(flat, 0, 2)
    if dsp:
        made.scratch(6 * k + max(run, 3 * channels))
    elif not direct:
        made.scratch(2 * k)
    if not direct:
        made.shared["gather"] = render("gather")
    limits = made.limits(op)
    made.parts.append(
        render(
            "conv",
            **place,
            **limits,
            name=name,
            isa=made.kernels,
            weights=c_array("int8_t", f"{name}_w", packed),
            channels_table=_table(made, op, name, channels + channels % 2, fixed),
            pixels=place["rows"] * place["columns"],
            k=k,
            run=run,
            direct=direct,
            clamps=limits != {"low": -128, "high": 127},
        )
    )
    return f"{name}({{0}}, {{out}});"


def _table(made: Emission, op: Op, name: str, rows: int, fixed: NDArray[np.int64]) -> str:
    table = channel_table(made.graph, op, rows, fixed)
    lines = ",\n  ".join("{" + ", ".join(map(str, row)) + "}" for row in table.tolist())
    return f"static const channel_t {name}_q[{rows}] = {{\n  {lines}}};"


def emit_dense(made: Emission, op: Op, name: str) -> str:
    """A dense layer, row by row."""
    fixed = _fixed_codes(made, op)
    source, _ = made.ends(op)
    values = weight_values(op)
    channels, depth = values.shape
    dsp = made.kernels == "dsp"
    packed = interleaved(values, 4) if dsp else padded_to(values, 0, 2)
    k = -(-depth // 4) * 4
    if dsp:
        made.scratch(2 * k)
    together = 4 if dsp else 2
    made.parts.append(
        render(
            "dense",
            **made.limits(op),
            name=name,
            isa=made.kernels,
            weights=c_array("int8_t", f"{name}_w", packed),
            channels_table=_table(made, op, name, -(-channels // together) * together, fixed),
            rows=math.prod(source.shape) // depth,
            depth=depth,
            channels=channels,
            k=k,
        )
    )
    return f"{name}({{0}}, {{out}});"


def emit_depthwise(made: Emission, op: Op, name: str) -> str:
    """A depthwise convolution: four channels at a time where the core has SMLAxy."""
    fixed = _fixed_codes(made, op)
    place = _placement(made, op)
    values = weight_values(op)[0]
    taps, channels, depth = math.prod(values.shape[:2]), place["channels"], place["depth"]
    apart = (place["dilation_h"], place["dilation_w"])
    lanes = (
        made.kernels == "dsp" and channels == depth and depth % 4 == 0 and apart == (1, 1)
    ) and taps <= 32
    line = (place["columns"] - 1) * place["stride_w"] + place["kernel_w"]
    line_words = 2 * line * (depth // 4)
    shared = f"lanes_{place['kernel_h']}_{place['kernel_w']}"
    if lanes:
        made.scratch(4 * line_words * place["kernel_h"])
        made.shared["tap"] = render("tap")
        made.shared[shared] = render("lanes", **place)
        groups = values.reshape(taps, depth // 4, 4).transpose(1, 0, 2).astype(np.int64)
        pairs = (groups[..., :2] & 0xFFFF) | (groups[..., 2:] << 16)
        weights = c_array("int32_t", f"{name}_w", pairs)
    else:
        weights = c_array("int8_t", f"{name}_w", values.reshape(taps, channels).T)
    zero = place["zero_point"]
    made.parts.append(
        render(
            "depthwise",
            **place,
            **made.limits(op),
            name=name,
            lanes=lanes,
            weights=weights,
            channels_table=_table(made, op, name, channels, fixed),
            line=line,
            line_words=line_words,
            shared=shared,
            multiplier=channels // depth,
            zero_pair=(zero & 0xFFFF) + (zero << 16),
        )
    )
    return f"{name}({{0}}, {{out}});"
