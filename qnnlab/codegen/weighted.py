"""C of convolutions, depthwise convolutions and dense layers."""

from __future__ import annotations

import math
from dataclasses import dataclass
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
from qnnlab.codegen.context import Emission, Emitted, render
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


@dataclass(frozen=True)
class _Scheme:
    """How kernels read weights and pixels.

    `channels` rows of weights and `pixels` are taken together, values in groups of `values`;
    `pixel_bytes` is what a value of a pixel takes in scratch.
    """

    channels: int
    pixels: int
    values: int
    pixel_bytes: int


_CONV = {
    "dsp": _Scheme(2, 3, 4, 2),
    "thumb2": _Scheme(2, 4, 1, 1),
    "thumb1": _Scheme(4, 1, 4, 1),
    "portable": _Scheme(2, 2, 1, 1),
}
_DENSE = {
    "dsp": _Scheme(4, 1, 4, 2),
    "thumb2": _Scheme(4, 1, 1, 1),
    "thumb1": _Scheme(4, 1, 4, 1),
    "portable": _Scheme(2, 1, 1, 1),
}


_PRODUCTS = {
    "dsp": "product_3_{}",
    "thumb2": "product_4",
    "thumb1": "product_1",
    "portable": "product_2",
}


def _packed(rows: NDArray[np.int8], kernels: str, scheme: _Scheme) -> tuple[str, NDArray[Any]]:
    """C type and array of weight rows (channels, k), k padded, as the kernels read them."""
    if kernels == "dsp":
        return "int8_t", interleaved(rows, scheme.channels)
    rows = padded_to(rows, 0, scheme.channels)
    if kernels == "portable":
        return "int8_t", rows
    groups = rows.reshape(-1, scheme.channels, rows.shape[1]).transpose(0, 2, 1)
    if kernels == "thumb1":
        return "uint8_t", groups.astype(np.int64) + 128
    return "int8_t", groups


def emit_conv(made: Emission, op: Op, name: str) -> Emitted:
    """A convolution; pixels are copied before outputs are written."""
    fixed = _fixed_codes(made, op)
    place = _placement(made, op)
    values = weight_values(op)
    channels, _, _, depth = values.shape
    if depth != place["depth"]:
        raise CodegenError(f"operator {op.name!r}: grouped convolutions are not generated")
    kernels, scheme = made.kernels, _CONV[made.kernels]
    corner = (place["kernel_h"], place["kernel_w"], place["pad_top"], place["pad_left"])
    rows = values.reshape(channels, place["kernel_h"], place["kernel_w"] * depth)
    if kernels == "dsp":
        rows = padded_to(rows, 2, 4)
    run = rows.shape[2]
    flat = padded_to(rows.reshape(channels, -1), 1, scheme.values)
    k = flat.shape[1]
    single = corner == (1, 1, 0, 0) and run == depth
    pixel_bytes = -(-scheme.pixels * scheme.pixel_bytes * k // 8) * 8
    if not single:
        made.shared["gather"] = render("gather")
    kind, packed = _packed(flat, kernels, scheme)
    limits = made.limits(op)
    clamps = limits != {"low": -128, "high": 127}
    limited = clamps or kernels != "dsp"
    shared = "pointwise_clamped" if limited else "pointwise"
    if single:
        made.shared[shared] = render(
            "pointwise",
            shared=shared,
            kind=kind,
            kernels=kernels,
            limits=limited,
            together=scheme.pixels,
            value_bytes=scheme.pixel_bytes,
            product=_PRODUCTS[kernels].format("clamped" if clamps else "saturated"),
        )
    made.parts.append(
        render(
            "conv",
            **place,
            **limits,
            name=name,
            kernels=kernels,
            weights=c_array(kind, f"{name}_w", packed),
            channels_table=_table(made, op, name, scheme.channels, fixed),
            pixels=place["rows"] * place["columns"],
            together=scheme.pixels,
            pixel_bytes=pixel_bytes,
            k=k,
            run=run,
            single=single,
            shared=shared,
            limited=limited,
            clamps=clamps,
        )
    )
    scratch = pixel_bytes + max(run, scheme.pixels * channels)
    return Emitted(f"{name}({{0}}, {{out}}, {{scratch}});", scratch, "smaller" if single else "")


def _table(made: Emission, op: Op, name: str, together: int, fixed: NDArray[np.int64]) -> str:
    lifted = made.kernels == "thumb1" and op.kind != "depthwise"
    table = channel_table(made.graph, op, together, fixed, lifted)
    lines = ",\n  ".join("{" + ", ".join(map(str, row)) + "}" for row in table.tolist())
    return f"static const channel_t {name}_q[{len(table)}] = {{\n  {lines}}};"


def emit_dense(made: Emission, op: Op, name: str) -> Emitted:
    """A dense layer, row by row."""
    fixed = _fixed_codes(made, op)
    source, _ = made.ends(op)
    values = weight_values(op)
    channels, depth = values.shape
    scheme = _DENSE[made.kernels]
    flat = padded_to(values, 1, scheme.values)
    k = flat.shape[1]
    kind, packed = _packed(flat, made.kernels, scheme)
    limits = made.limits(op)
    made.parts.append(
        render(
            "dense",
            **limits,
            name=name,
            kernels=made.kernels,
            weights=c_array(kind, f"{name}_w", packed),
            channels_table=_table(made, op, name, scheme.channels, fixed),
            rows=math.prod(source.shape) // depth,
            depth=depth,
            channels=channels,
            k=k,
            clamps=limits != {"low": -128, "high": 127},
        )
    )
    return Emitted(f"{name}({{0}}, {{out}}, {{scratch}});", scheme.pixel_bytes * k)


def emit_depthwise(made: Emission, op: Op, name: str) -> Emitted:
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
            channels_table=_table(made, op, name, 1, fixed),
            line=line,
            line_words=line_words,
            shared=shared,
            multiplier=channels // depth,
            zero_pair=(zero & 0xFFFF) + (zero << 16),
        )
    )
    # Rows are copied before the output reaches them, as far as the window covers the first one.
    over = "smaller" if lanes and place["kernel_h"] > place["pad_top"] else ""
    scratch = 4 * line_words * place["kernel_h"] if lanes else 0
    return Emitted(f"{name}({{0}}, {{out}}, {{scratch}});", scratch, over)
