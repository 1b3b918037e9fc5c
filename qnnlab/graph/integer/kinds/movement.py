"""Codes move and keep their meaning: reshape, transpose, pad, slice, concat, blocks, resize."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import ModelFormatError
from qnnlab.graph.checks import shape_text
from qnnlab.graph.integer.kinds.kind import Call, Form, Kind
from qnnlab.graph.integer.kinds.rules import (
    check_image,
    check_kept,
    check_output,
    ends,
    integers,
    require,
)
from qnnlab.graph.integer.model import IntegerGraph, Op
from qnnlab.graph.integer.operator_reader import OperatorReader

_MODES = ("constant", "reflect", "symmetric")


def _check_elements(graph: IntegerGraph, op: Op) -> None:
    source, target = ends(graph, op)
    require(
        math.prod(source.shape) == math.prod(target.shape),
        f"it can't make {shape_text(target.shape)} of {shape_text(source.shape)}",
    )
    check_kept(source, target)


def _reshape(call: Call) -> NDArray[np.int64]:
    codes = call.inputs[0]
    return codes.reshape(len(codes), *call.target.shape).astype(np.int64)


def _reshape_form(graph: IntegerGraph, op: Op) -> Form:
    shape = np.array([1, *graph.activations[op.output].shape], np.int32)
    return Form("RESHAPE", (1, 1), "ReshapeOptions", {"newShape": shape.tolist()}, {"shape": shape})


def _read_reshape(operator: OperatorReader) -> None:
    operator.append("reshape", (operator.source(0),))


def _check_transpose(graph: IntegerGraph, op: Op) -> None:
    source, _ = ends(graph, op)
    rank = len(source.shape)
    order = integers(op, "order", rank)
    require(sorted(order) == list(range(rank)), f"its order {shape_text(order)} is none")
    _check_elements(graph, op)


def _transpose(call: Call) -> NDArray[np.int64]:
    order = (0, *(axis + 1 for axis in call.op.attributes["order"]))
    moved = call.inputs[0].transpose(order)
    return moved.reshape(len(moved), *call.target.shape).astype(np.int64)


def _transpose_form(graph: IntegerGraph, op: Op) -> Form:
    order = np.array([0, *(axis + 1 for axis in op.attributes["order"])], np.int32)
    return Form("TRANSPOSE", (2, 4), "TransposeOptions", constants={"order": order})


def _read_transpose(operator: OperatorReader) -> None:
    order = operator.order(1)
    operator.append("transpose", (operator.source(0),), attributes={"order": order})


def _check_pad(graph: IntegerGraph, op: Op) -> None:
    source, target = ends(graph, op)
    rank = len(source.shape)
    before, after = integers(op, "before", rank), integers(op, "after", rank)
    mode = op.attributes["mode"]
    require(mode in _MODES, f"its mode is none of {', '.join(_MODES)}")
    for axis, extent in enumerate(source.shape):
        most = {"constant": 2**16, "reflect": extent - 1, "symmetric": extent}[str(mode)]
        fits = 0 <= before[axis] <= most and 0 <= after[axis] <= most
        require(fits, f"it pads axis {axis} by {before[axis]} and {after[axis]} of {extent}")
    (value,) = integers(op, "value", 1)
    require(source.code_low <= value <= source.code_high, f"its value {value} is no code")
    check_output(
        tuple(b + e + a for b, e, a in zip(before, source.shape, after, strict=True)), target
    )
    check_kept(source, target)


def _pad(call: Call) -> NDArray[np.int64]:
    parts = call.op.attributes
    widths = [(0, 0), *zip(parts["before"], parts["after"], strict=True)]
    codes = call.inputs[0].astype(np.int64)
    if parts["mode"] == "constant":
        return np.pad(codes, widths, constant_values=parts["value"][0])
    return np.pad(codes, widths, mode=parts["mode"])


def _pad_form(graph: IntegerGraph, op: Op) -> Form:
    parts = op.attributes
    widths = np.array([(0, 0), *zip(parts["before"], parts["after"], strict=True)], np.int32)
    if parts["mode"] != "constant":
        mode = {"mode": ("reflect", "symmetric").index(parts["mode"])}
        return Form("MIRROR_PAD", (2, 3), "MirrorPadOptions", mode, {"paddings": widths})
    if parts["value"][0] != graph.activations[op.output].zero_point:
        raise ModelFormatError("a .tflite holds a pad of another value as a tensor; pad with 0")
    return Form("PAD", (2, 3), "PadOptions", constants={"paddings": widths})


def _read_pad(operator: OperatorReader) -> None:
    before, after = operator.paddings(1)
    value = operator.target().zero_point
    if operator.name == "PADV2":
        value = operator.scalar_code(2)
    mode = "constant"
    if operator.name == "MIRROR_PAD":
        mode = str(operator.option("mode")).lower()
    attributes = {"before": before, "after": after, "value": (value,), "mode": mode}
    operator.append("pad", (operator.source(0),), attributes=attributes)


def _check_slice(graph: IntegerGraph, op: Op) -> None:
    source, target = ends(graph, op)
    rank = len(source.shape)
    begin, size, step = (integers(op, name, rank) for name in ("begin", "size", "step"))
    for axis, extent in enumerate(source.shape):
        last = begin[axis] + (size[axis] - 1) * step[axis]
        fits = size[axis] > 0 and step[axis] != 0
        fits = fits and 0 <= begin[axis] < extent and 0 <= last < extent
        require(fits, f"its slice of axis {axis} leaves the {extent} elements that there are")
    require(
        math.prod(size) == math.prod(target.shape),
        f"it can't make {shape_text(target.shape)} of a slice {shape_text(size)}",
    )
    check_kept(source, target)


def _slice(call: Call) -> NDArray[np.int64]:
    codes = call.inputs[0]
    parts = call.op.attributes
    for axis, (begin, size, step) in enumerate(
        zip(parts["begin"], parts["size"], parts["step"], strict=True)
    ):
        codes = np.take(codes, begin + step * np.arange(size), axis=axis + 1)
    return codes.reshape(len(codes), *call.target.shape).astype(np.int64)


def _slice_form(graph: IntegerGraph, op: Op) -> Form:
    parts = op.attributes
    begin = np.array([0, *parts["begin"]], np.int32)
    step = np.array([1, *parts["step"]], np.int32)
    end = begin + np.array([1, *parts["size"]], np.int32) * step
    # An end of −1 would mean the last element; the mask says "as far as it goes".
    mask = sum(1 << axis for axis, place in enumerate(end) if place < 0)
    fields = dict.fromkeys(("beginMask", "ellipsisMask", "newAxisMask", "shrinkAxisMask"), 0)
    return Form(
        "STRIDED_SLICE",
        (2, 4),
        "StridedSliceOptions",
        {**fields, "endMask": mask, "offset": False},
        {"begin": begin, "end": end, "strides": step},
    )


def _read_slice(operator: OperatorReader) -> None:
    read = operator.strided_slice if operator.name == "STRIDED_SLICE" else operator.plain_slice
    begin, size, step = read()
    operator.append(
        "slice", (operator.source(0),), attributes={"begin": begin, "size": size, "step": step}
    )


def _read_split(operator: OperatorReader) -> None:
    """One slice for each output."""
    place = 0 if operator.name == "SPLIT" else 1
    position = {"SPLIT": 1, "SPLIT_V": 0, "UNPACK": 0}[operator.name]
    axis = (
        operator.axis(int(operator.option("axis")), position)
        if operator.name == "UNPACK"
        else operator.axes(place if operator.name == "SPLIT" else 2, position)[0]
    )
    source = operator.source(position)
    shape = operator.activation(source).shape
    start = 0
    for index in range(operator.n_outputs):
        extent = 1 if operator.name == "UNPACK" else operator.extent_of_output(index, axis)
        begin = tuple(start if a == axis else 0 for a in range(len(shape)))
        size = tuple(extent if a == axis else e for a, e in enumerate(shape))
        step = (1,) * len(shape)
        attributes = {"begin": begin, "size": size, "step": step}
        operator.append("slice", (source,), attributes=attributes, output=index)
        start += extent


def _check_concat(graph: IntegerGraph, op: Op) -> None:
    target = graph.activations[op.output]
    (axis,) = integers(op, "axis", 1)
    shapes = [graph.activations[index].shape for index in op.inputs]
    rank = len(shapes[0])
    require(0 <= axis < rank, f"its axis {axis} is none of {rank} dimensions")
    rests = {(*shape[:axis], *shape[axis + 1 :], len(shape)) for shape in shapes}
    require(
        len(rests) == 1,
        f"its inputs {' and '.join(map(shape_text, shapes[:4]))} differ beside axis {axis}",
    )
    total = sum(shape[axis] for shape in shapes)
    check_output((*shapes[0][:axis], total, *shapes[0][axis + 1 :]), target)
    for index in op.inputs:
        check_kept(graph.activations[index], target)


def _concat(call: Call) -> NDArray[np.int64]:
    most = max(len(codes) for codes in call.inputs)
    parts = [np.broadcast_to(codes, (most, *codes.shape[1:])) for codes in call.inputs]
    return np.concatenate(parts, axis=call.op.attributes["axis"][0] + 1).astype(np.int64)


def _concat_form(graph: IntegerGraph, op: Op) -> Form:
    axis = {"axis": op.attributes["axis"][0] + 1}
    return Form("CONCATENATION", (2, 3), "ConcatenationOptions", axis)


def _read_concat(operator: OperatorReader) -> None:
    if operator.relu() is not None:
        raise ModelFormatError("a concatenation with a fused activation does not run on TFLM")
    axis = operator.axis(int(operator.option("axis")))
    sources = tuple(operator.source(i) for i in range(operator.n_inputs))
    operator.append("concat", sources, attributes={"axis": (axis,)})


def _read_pack(operator: OperatorReader) -> None:
    """Each input gains the axis that it is stacked along; then a concatenation."""
    axis = operator.output_axis(int(operator.option("axis")))
    parts = []
    for position in range(operator.n_inputs):
        source = operator.source(position)
        shape = operator.activation(source).shape
        if operator.is_scalar(position):
            shape = ()
        parts.append(operator.reshaped(source, (*shape[:axis], 1, *shape[axis:])))
    operator.append("concat", tuple(parts), attributes={"axis": (axis,)})


def _check_blocks(graph: IntegerGraph, op: Op) -> None:
    source, target = ends(graph, op)
    (block,) = integers(op, "block", 1)
    check_image(source)
    rows, columns, channels = source.shape
    require(0 < block < 2**16, f"its block is {block}")
    if op.kind == "space_to_depth":
        require(rows % block == 0 and columns % block == 0, f"blocks of {block} do not fit it")
        check_output((rows // block, columns // block, channels * block**2), target)
    else:
        require(channels % block**2 == 0, f"blocks of {block} do not fit it")
        check_output((rows * block, columns * block, channels // block**2), target)
    check_kept(source, target)


def _space_to_depth(call: Call) -> NDArray[np.int64]:
    block = call.op.attributes["block"][0]
    rows, columns, channels = call.source.shape
    codes = call.inputs[0].reshape(-1, rows // block, block, columns // block, block, channels)
    moved = codes.transpose(0, 1, 3, 2, 4, 5)
    return moved.reshape(len(moved), *call.target.shape).astype(np.int64)


def _depth_to_space(call: Call) -> NDArray[np.int64]:
    block = call.op.attributes["block"][0]
    rows, columns, channels = call.source.shape
    codes = call.inputs[0].reshape(-1, rows, columns, block, block, channels // block**2)
    moved = codes.transpose(0, 1, 3, 2, 4, 5)
    return moved.reshape(len(moved), *call.target.shape).astype(np.int64)


def _blocks_form(graph: IntegerGraph, op: Op) -> Form:
    options = "SpaceToDepthOptions" if op.kind == "space_to_depth" else "DepthToSpaceOptions"
    return Form(op.kind.upper(), (2, 2), options, {"blockSize": op.attributes["block"][0]})


def _read_blocks(operator: OperatorReader) -> None:
    block = (int(operator.option("block_size")),)
    operator.append(operator.name.lower(), (operator.source(0),), attributes={"block": block})


KINDS = (
    Kind("reshape", _check_elements, _reshape, _reshape_form),
    Kind("transpose", _check_transpose, _transpose, _transpose_form, attributes=("order",)),
    Kind("pad", _check_pad, _pad, _pad_form, attributes=("before", "after", "value", "mode")),
    Kind("slice", _check_slice, _slice, _slice_form, attributes=("begin", "size", "step")),
    Kind("concat", _check_concat, _concat, _concat_form, operands=None, attributes=("axis",)),
    Kind("space_to_depth", _check_blocks, _space_to_depth, _blocks_form, attributes=("block",)),
    Kind("depth_to_space", _check_blocks, _depth_to_space, _blocks_form, attributes=("block",)),
)

READERS = {
    "RESHAPE": _read_reshape,
    "SQUEEZE": _read_reshape,
    "EXPAND_DIMS": _read_reshape,
    "TRANSPOSE": _read_transpose,
    "PAD": _read_pad,
    "PADV2": _read_pad,
    "MIRROR_PAD": _read_pad,
    "STRIDED_SLICE": _read_slice,
    "SLICE": _read_slice,
    "SPLIT": _read_split,
    "SPLIT_V": _read_split,
    "UNPACK": _read_split,
    "CONCATENATION": _read_concat,
    "PACK": _read_pack,
    "SPACE_TO_DEPTH": _read_blocks,
    "DEPTH_TO_SPACE": _read_blocks,
}
