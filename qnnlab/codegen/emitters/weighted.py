"""C of convolutions, depthwise convolutions and dense layers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.codegen.arrays import (
    Form,
    c_array,
    channel_table,
    packed_words,
    padded_to,
    weight_form,
    weight_values,
)
from qnnlab.codegen.context import Emission, Emitted, render
from qnnlab.codegen.emitters.loops import emit_loops
from qnnlab.codegen.kits import Kit, kit_for
from qnnlab.codegen.kits.helium import GROUP_ORDER, LANES, depthwise_groups
from qnnlab.errors import CodegenError
from qnnlab.graph.integer.kinds.rules import dilations_of
from qnnlab.graph.integer.kinds.weighted import accumulator_bound, dilated
from qnnlab.graph.integer.model import Op, window
from qnnlab.graph.integer.rounding import channel_multipliers, quantize_multiplier

# What stands for a channel that is not constant.
_ALIVE = -129
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
    found = made.ranges[op.output]
    dead = found.dead_channels()
    axes = tuple(range(found.low.ndim - 1))
    uniform = found.low.min(axis=axes) == found.low.max(axis=axes)
    bound = accumulator_bound(made.graph, op)
    if op.bias is not None:
        bound = bound + np.abs(op.bias)
    _, shift = quantize_multiplier(channel_multipliers(made.graph, op))
    bound = bound << np.maximum(np.asarray(shift), 0)
    if (2 * bound[~(dead & uniform)] >= _MOST_SUM).any():
        raise CodegenError(f"operator {op.name!r}: its sums can leave 30 bits")
    return np.where(dead & uniform, found.low.max(axis=axes), _ALIVE)


def _kit(made: Emission, op: Op, form: Form) -> Kit:
    """The kit for the weights of an operator in a form, its C put into the module."""
    bound = accumulator_bound(made.graph, op)
    if op.bias is not None:
        bound = bound + np.abs(op.bias)
    # Sums of constant channels may be any, as nobody looks at them.
    most = int(bound[_fixed_codes(made, op) == _ALIVE].max(initial=0))
    kit = kit_for(made.isa, form.bits, int(weight_values(op).min()), most)
    _helpers(made, kit)
    made.shared[kit.name] = render(kit.template, P=kit.name, bits=kit.bits, **kit.constants)
    return kit


def _helpers(made: Emission, kit: Kit) -> None:
    """What a kit's kernels build on."""
    if kit.helpers:
        made.shared[kit.helpers] = render(kit.helpers)


def _weights(made: Emission, name: str, kind: str, values: NDArray[Any]) -> str:
    made.weight_bytes += values.size * {"8": 1, "16": 2, "32": 4}[kind.strip("uint_")]
    return c_array(kind, f"{name}_w", values)


def _table(
    made: Emission,
    op: Op,
    name: str,
    together: int,
    kit: Kit | None = None,
    factor: int = 1,
    order: Sequence[int] = (0,),
) -> str:
    """The constants of channels; `factor` times the bias, for kernels that double sums.

    Each group of as many channels as `order` has numbers is put in that order.
    """
    lifted = 0 if kit is None else kit.lifted
    table = channel_table(made.graph, op, together, _fixed_codes(made, op), lifted)
    # A scale of half and above has no shift to the right: that takes the longer requantization.
    made.left_shifts |= bool((table[:, 3] != np.clip(table[:, 3], 1, 255)).any())
    table[:, 0] *= factor
    table = table.reshape(-1, len(order), 4)[:, list(order)].reshape(-1, 4)
    lines = ",\n  ".join("{" + ", ".join(map(str, row)) + "}" for row in table.tolist())
    return f"static const channel_t {name}_q[{len(table)}] = {{\n  {lines}}};"


def _window_rows(made: Emission, op: Op, place: Mapping[str, Any]) -> tuple[Form, NDArray[np.int8]]:
    """The form, and weights (channels, rows of the window, values) padded as its kit reads them."""
    values = weight_values(op)
    rows = values.reshape(values.shape[0], place["kernel_h"], -1)
    form = weight_form(op)
    run = kit_for(made.isa, form.bits).run
    if rows.shape[2] % run and not form.holds_zero:
        # What lies behind a row would need a weight of zero.
        form = Form(8)
    return form, padded_to(rows, 2, run)


def _packed(form: Form, kit: Kit, rows: NDArray[Any], together: int) -> tuple[str, NDArray[Any]]:
    """C type and array of weight rows (channels, k), padded to whole groups, in a form."""
    rows = padded_to(rows, 0, together)
    if not form.packed:
        return kit.pack(rows.astype(np.int64), together)
    kind, words = kit.pack(form.fields(rows), together)
    return kind, np.concatenate([[form.step, form.lift % 2**32], words.reshape(-1)])


def emit_conv(made: Emission, op: Op, name: str) -> Emitted:
    """A convolution; pixels are copied before outputs are written."""
    place = _placement(made, op)
    channels, depth = place["channels"], place["depth"]
    if weight_values(op).shape[3] != depth:
        return emit_loops(made, op, name)
    form, rows = _window_rows(made, op, place)
    kit = _kit(made, op, form)
    run = rows.shape[2]
    flat = padded_to(rows.reshape(channels, -1), 1, kit.values)
    k = flat.shape[1]
    corner = (place["kernel_h"], place["kernel_w"], place["pad_top"], place["pad_left"])
    single = corner == (1, 1, 0, 0) and run == depth
    pixel_bytes = -(-kit.pixel_bytes(k) // 8) * 8
    kind, packed = _packed(form, kit, flat, kit.channels)
    limits = made.limits(op)
    products = kit.products(limits != {"low": -128, "high": 127})
    if single:
        shared = _pointwise(made, kit, products, kind, k > depth)
    else:
        shared = ""
        made.shared["gather"] = render("gather")
    made.parts.append(
        render(
            "conv",
            **place,
            **limits,
            name=name,
            kit=kit.name,
            products=products,
            weights=_weights(made, name, kind, packed),
            channels_table=_table(made, op, name, kit.channels, kit),
            pixels=place["rows"] * place["columns"],
            together=kit.pixels,
            pixel_bytes=pixel_bytes,
            k=k,
            run=run,
            single=single,
            shared=shared,
        )
    )
    scratch = pixel_bytes + max(run, kit.pixels * channels)
    return Emitted(f"{name}({{0}}, {{out}}, {{scratch}});", scratch, "smaller" if single else "")


def _pointwise(made: Emission, kit: Kit, products: str, kind: str, ends: bool) -> str:
    """The name of the function for single pixels that all such layers share."""
    shared = f"{products}_pointwise{'_padded' if ends else ''}"
    unit = kit.pixel_bytes(8) - kit.pixel_bytes(0)
    made.shared[shared] = render(
        "pointwise",
        shared=shared,
        kind=kind,
        kit=kit.name,
        products=products,
        ends=ends,
        together=kit.pixels,
        line=f"(({kit.pixel_bytes(0)} + {unit} * k / 8 + 7) & ~7)",
    )
    return shared


def emit_dense(made: Emission, op: Op, name: str) -> Emitted:
    """A dense layer, row by row."""
    source, _ = made.ends(op)
    values = weight_values(op)
    channels, depth = values.shape
    form = weight_form(op)
    kit = _kit(made, op, form)
    flat = padded_to(values, 1, kit.values)
    kind, packed = _packed(form, kit, flat, kit.dense_channels)
    limits = made.limits(op)
    made.parts.append(
        render(
            "dense",
            **limits,
            name=name,
            kit=kit.name,
            product=kit.product(limits != {"low": -128, "high": 127}),
            weights=_weights(made, name, kind, packed),
            channels_table=_table(made, op, name, kit.dense_channels, kit),
            rows=math.prod(source.shape) // depth,
            depth=depth,
            channels=channels,
            k=flat.shape[1],
        )
    )
    scratch = 0 if kit.row_in_place and depth == flat.shape[1] else kit.row_bytes(flat.shape[1])
    return Emitted(f"{name}({{0}}, {{out}}, {{scratch}});", scratch)


def _dsp_pairs(values: NDArray[np.int8]) -> NDArray[np.int64]:
    """Weights (taps, channels) as 16-bit values: channels (0, 2) and (1, 3) of four, by tap."""
    taps, channels = values.shape
    groups = values.reshape(taps, channels // 4, 4).transpose(1, 0, 2).astype(np.int64)
    return groups[..., [0, 2, 1, 3]].reshape(-1)


def emit_depthwise(made: Emission, op: Op, name: str) -> Emitted:
    """A depthwise convolution: four channels at a time where the core has SMLAxy."""
    place = _placement(made, op)
    values = weight_values(op)[0]
    taps, channels, depth = math.prod(values.shape[:2]), place["channels"], place["depth"]
    apart = (place["dilation_h"], place["dilation_w"])
    plain = channels != depth or apart != (1, 1) or taps > 32
    kit = kit_for(made.isa, 8)
    template = "depthwise_plain" if plain else kit.depthwise
    if template == "depthwise_helium":
        return _helium_depthwise(made, op, name, place)
    if depth % 4:
        template = "depthwise_plain"
    lanes = template == "depthwise_dsp"
    line = (place["columns"] - 1) * place["stride_w"] + place["kernel_w"]
    line_words = 2 * line * (depth // 4)
    shared = f"lanes_{place['kernel_h']}_{place['kernel_w']}"
    flat = values.reshape(taps, channels)
    ordered = _dsp_pairs(flat) if lanes else flat.T.reshape(-1).astype(np.int64)
    if lanes:
        _helpers(made, kit)
        made.shared["tap"] = render("dsp_tap")
        made.shared[shared] = render("dsp_lanes", **place)
    weights, unpacked = _depthwise_weights(made, op, name, ordered, lanes)
    zero = place["zero_point"]
    form = weight_form(op)
    # Sums of the kernel for four channels are doubled.
    factor = 2 if lanes else 1
    made.parts.append(
        render(
            template,
            **place,
            **made.limits(op),
            name=name,
            weights=weights,
            channels_table=_table(made, op, name, 1, factor=factor),
            line=line,
            line_words=line_words,
            shared=shared,
            multiplier=channels // depth,
            zero_pair=(zero & 0xFFFF) + (zero << 16),
            count=ordered.size,
            unpacked=unpacked,
            bits=form.bits,
            lift=factor * form.lift,
            step=factor * form.step,
        )
    )
    # Rows are copied before the output reaches them, as far as the window covers the first one.
    over = "smaller" if lanes and place["kernel_h"] > place["pad_top"] else ""
    scratch = unpacked + (4 * line_words * place["kernel_h"] if lanes else 0)
    return Emitted(f"{name}({{0}}, {{out}}, {{scratch}});", scratch, over)


def _helium_depthwise(made: Emission, op: Op, name: str, place: dict[str, Any]) -> Emitted:
    """A depthwise convolution of sixteen channels at a time, over rows copied with padding."""
    values = weight_values(op)[0]
    depth, kernel_w = place["depth"], place["kernel_w"]
    shared = f"helium_lanes_{place['kernel_h']}_{kernel_w}"
    _helpers(made, kit_for(made.isa, 8))
    made.shared[shared] = render("helium_lanes", **place)
    line = (place["columns"] - 1) * place["stride_w"] + kernel_w
    line_bytes = line * -(-depth // LANES) * LANES
    groups = depthwise_groups(values.reshape(-1, depth))
    weights, unpacked = _depthwise_weights(made, op, name, groups.reshape(-1), False)
    form = weight_form(op)
    made.parts.append(
        render(
            "depthwise_helium",
            **place,
            **made.limits(op),
            name=name,
            weights=weights,
            count=groups.size,
            unpacked=unpacked,
            bits=form.bits,
            lift=form.lift,
            step=form.step,
            channels_table=_table(made, op, name, LANES, order=GROUP_ORDER),
            line=line,
            line_bytes=line_bytes,
            shared=shared,
        )
    )
    over = "smaller" if place["kernel_h"] > place["pad_top"] else ""
    scratch = unpacked + line_bytes * place["kernel_h"]
    return Emitted(f"{name}({{0}}, {{out}}, {{scratch}});", scratch, over)


def _depthwise_weights(
    made: Emission, op: Op, name: str, ordered: NDArray[np.int64], pairs: bool
) -> tuple[str, int]:
    """The constant, and the scratch that unpacking it takes in bytes."""
    form = weight_form(op)
    if form.packed:
        values = "int16_t" if pairs else "int8_t"
        made.shared[f"unpack_{values}"] = render("unpack", values=values)
        taken = -(-ordered.size * (2 if pairs else 1) // 8) * 8
        return _weights(made, name, "uint32_t", packed_words(ordered, form)), taken
    if pairs:
        words = (2 * ordered[::2] & 0xFFFF) | (2 * ordered[1::2] << 16)
        return _weights(made, name, "int32_t", words), 0
    return _weights(made, name, "int8_t", ordered), 0


EMITTERS = {("conv", 8): emit_conv, ("depthwise", 8): emit_depthwise, ("dense", 8): emit_dense}
