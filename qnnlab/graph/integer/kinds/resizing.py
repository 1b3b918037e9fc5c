"""Images made larger or smaller: nearest neighbour and bilinear."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qnnlab.graph.integer.kinds.kind import Call, Form, Kind
from qnnlab.graph.integer.kinds.rules import check_image, check_kept, ends, integers, require
from qnnlab.graph.integer.model import IntegerGraph, Op
from qnnlab.graph.integer.operator_reader import OperatorReader

_UNIT = 1 << 10


def _check_resize(graph: IntegerGraph, op: Op) -> None:
    source, target = ends(graph, op)
    check_image(source)
    check_image(target)
    require(source.shape[2] == target.shape[2], "it can't change the channels")
    require(max(*source.shape[:2], *target.shape[:2]) < 2**15, "the image is too large")
    for name in ("align_corners", "half_pixel_centers"):
        require(integers(op, name, 1)[0] in (0, 1), f"its {name} must be 0 or 1")
    both = op.attributes["align_corners"] == op.attributes["half_pixel_centers"] == (1,)
    require(not both or op.kind == "resize_nearest", "align_corners excludes half_pixel_centers")
    check_kept(source, target)


def _nearest_places(extent: int, made: int, op: Op) -> NDArray[np.int64]:
    corners, half = op.attributes["align_corners"][0], op.attributes["half_pixel_centers"][0]
    kind = np.float32
    scale = kind(extent - 1) / kind(made - 1) if corners and made > 1 else kind(extent) / kind(made)
    places = (np.arange(made).astype(kind) + kind(0.5 if half else 0)) * scale
    # Rounding is half up here, as no place is negative.
    whole = np.floor(places.astype(np.float64) + 0.5) if corners else np.floor(places)
    return np.clip(whole.astype(np.int64), 0, extent - 1)


def _resize_nearest(call: Call) -> NDArray[np.int64]:
    codes = call.inputs[0]
    for axis in (0, 1):
        places = _nearest_places(call.source.shape[axis], call.target.shape[axis], call.op)
        codes = np.take(codes, places, axis=axis + 1)
    return codes.astype(np.int64)


def bilinear_places(
    extent: int, made: int, op: Op
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Lower and upper neighbours, and the distance from the lower one in 1/1024."""
    corners, half = op.attributes["align_corners"][0], op.attributes["half_pixel_centers"][0]
    if corners and made > 1:
        scale = (_UNIT * (extent - 1) + (made - 1) // 2) // (made - 1)
    else:
        scale = (_UNIT * extent + made // 2) // made
    places = np.arange(made, dtype=np.int64) * scale
    if half:
        places = places + scale // 2 - _UNIT // 2
    # C divides towards zero.
    lower = np.maximum(np.sign(places) * (np.abs(places) // _UNIT), 0)
    above = places + _UNIT - 1
    upper = np.minimum(np.sign(above) * (np.abs(above) // _UNIT), extent - 1)
    return lower, upper, places - _UNIT * lower


def _resize_bilinear(call: Call) -> NDArray[np.int64]:
    codes = call.inputs[0].astype(np.int64)
    (top, bottom, down), (left, right, across) = (
        bilinear_places(call.source.shape[axis], call.target.shape[axis], call.op)
        for axis in (0, 1)
    )
    down, across = down[:, None, None], across[:, None]
    total = np.zeros((len(codes), *call.target.shape), np.int64)
    for rows, row_share in ((top, _UNIT - down), (bottom, down)):
        for columns, column_share in ((left, _UNIT - across), (right, across)):
            total += codes[:, rows][:, :, columns] * row_share * column_share
    half = np.where(total > 0, 1 << 19, -(1 << 19))
    rounded = total + half
    made: NDArray[np.int64] = np.sign(rounded) * (np.abs(rounded) >> 20)
    return made


def _form(graph: IntegerGraph, op: Op) -> Form:
    name = "RESIZE_BILINEAR" if op.kind == "resize_bilinear" else "RESIZE_NEAREST_NEIGHBOR"
    options = (
        "ResizeBilinearOptions" if op.kind == "resize_bilinear" else "ResizeNearestNeighborOptions"
    )
    fields = {
        "alignCorners": bool(op.attributes["align_corners"][0]),
        "halfPixelCenters": bool(op.attributes["half_pixel_centers"][0]),
    }
    size = np.array(graph.activations[op.output].shape[:2], np.int32)
    return Form(name, (2, 4), options, fields, {"size": size})


def _read(operator: OperatorReader) -> None:
    kind = "resize_bilinear" if operator.name == "RESIZE_BILINEAR" else "resize_nearest"
    attributes = {
        name: (int(operator.option(name)),) for name in ("align_corners", "half_pixel_centers")
    }
    operator.append(kind, (operator.source(0),), attributes=attributes)


_FLAGS = ("align_corners", "half_pixel_centers")

KINDS = (
    Kind("resize_nearest", _check_resize, _resize_nearest, _form, attributes=_FLAGS),
    Kind("resize_bilinear", _check_resize, _resize_bilinear, _form, attributes=_FLAGS),
)

READERS = dict.fromkeys(("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"), _read)
