"""The layouts of the operators' option tables in the .tflite schema.

Source: tensorflow/compiler/mlir/lite/schema/schema.fbs, union BuiltinOptions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from qnnlab.graph.schema import (
    ACTIVATIONS,
    LSTM_KERNELS,
    MIRROR_MODES,
    PADDINGS,
    TENSOR_TYPES,
    WEIGHTS_FORMATS,
)


class OptionField(NamedTuple):
    """One field of an options table.

    `kind`: "int", "count" (an int of at least 1), "bool", "float", or a tuple of the names of an
    enum's values.
    """

    name: str
    id: int
    kind: str | tuple[str, ...]
    default: int | float = 0


class OptionsLayout(NamedTuple):
    """An options table: its number in the union BuiltinOptions, its name and its fields."""

    union_type: int
    name: str
    fields: tuple[OptionField, ...]


def _activation(field: int) -> OptionField:
    return OptionField("fused_activation_function", field, ACTIVATIONS)


_F = OptionField
_ONLY_ACTIVATION = (_activation(0),)

_CONV_2D = OptionsLayout(
    1,
    "Conv2DOptions",
    (
        _F("padding", 0, PADDINGS),
        _F("stride_w", 1, "count"),
        _F("stride_h", 2, "count"),
        _activation(3),
        _F("dilation_w_factor", 4, "count", 1),
        _F("dilation_h_factor", 5, "count", 1),
    ),
)
_DEPTHWISE = OptionsLayout(
    2,
    "DepthwiseConv2DOptions",
    (
        _F("padding", 0, PADDINGS),
        _F("stride_w", 1, "count"),
        _F("stride_h", 2, "count"),
        _F("depth_multiplier", 3, "count"),
        _activation(4),
        _F("dilation_w_factor", 5, "count", 1),
        _F("dilation_h_factor", 6, "count", 1),
    ),
)
_TRANSPOSE_CONV = OptionsLayout(
    49,
    "TransposeConvOptions",
    (
        _F("padding", 0, PADDINGS),
        _F("stride_w", 1, "count"),
        _F("stride_h", 2, "count"),
        _activation(3),
    ),
)
_CONV_3D = OptionsLayout(
    106,
    "Conv3DOptions",
    (
        _F("padding", 0, PADDINGS),
        _F("stride_d", 1, "count"),
        _F("stride_w", 2, "count"),
        _F("stride_h", 3, "count"),
        _activation(4),
        _F("dilation_d_factor", 5, "count", 1),
        _F("dilation_w_factor", 6, "count", 1),
        _F("dilation_h_factor", 7, "count", 1),
    ),
)
_POOL = OptionsLayout(
    5,
    "Pool2DOptions",
    (
        _F("padding", 0, PADDINGS),
        _F("stride_w", 1, "count"),
        _F("stride_h", 2, "count"),
        _F("filter_width", 3, "count"),
        _F("filter_height", 4, "count"),
        _activation(5),
    ),
)
_FULLY_CONNECTED = OptionsLayout(
    8,
    "FullyConnectedOptions",
    (
        _activation(0),
        _F("weights_format", 1, WEIGHTS_FORMATS),
        _F("keep_num_dims", 2, "bool"),
        _F("asymmetric_quantize_inputs", 3, "bool"),
    ),
)
_BATCH_MATMUL = OptionsLayout(
    101,
    "BatchMatMulOptions",
    (
        _F("adj_x", 0, "bool"),
        _F("adj_y", 1, "bool"),
        _F("asymmetric_quantize_inputs", 2, "bool"),
    ),
)
_REDUCER = OptionsLayout(27, "ReducerOptions", (_F("keep_dims", 0, "bool"),))
_ARITHMETIC = (_activation(0), _F("pot_scale_int16", 1, "bool", 1))
_LSTM = OptionsLayout(
    14,
    "LSTMOptions",
    (
        _activation(0),
        _F("cell_clip", 1, "float"),
        _F("proj_clip", 2, "float"),
        _F("kernel_type", 3, LSTM_KERNELS),
        _F("asymmetric_quantize_inputs", 4, "bool"),
    ),
)
_SEQUENCE_LSTM = OptionsLayout(
    71,
    "UnidirectionalSequenceLSTMOptions",
    (
        _activation(0),
        _F("cell_clip", 1, "float"),
        _F("proj_clip", 2, "float"),
        _F("time_major", 3, "bool"),
        _F("asymmetric_quantize_inputs", 4, "bool"),
    ),
)
_STRIDED_SLICE = OptionsLayout(
    32,
    "StridedSliceOptions",
    (
        _F("begin_mask", 0, "int"),
        _F("end_mask", 1, "int"),
        _F("ellipsis_mask", 2, "int"),
        _F("new_axis_mask", 3, "int"),
        _F("shrink_axis_mask", 4, "int"),
        _F("offset", 5, "bool"),
    ),
)
_RESIZE = (_F("align_corners", 0, "bool"), _F("half_pixel_centers", 1, "bool"))

#: Options by operator; an operator that is absent has none that are read.
OPTIONS: Mapping[str, OptionsLayout] = {
    "CONV_2D": _CONV_2D,
    "DEPTHWISE_CONV_2D": _DEPTHWISE,
    "TRANSPOSE_CONV": _TRANSPOSE_CONV,
    "CONV_3D": _CONV_3D,
    "CONV_3D_TRANSPOSE": _CONV_3D,
    "AVERAGE_POOL_2D": _POOL,
    "MAX_POOL_2D": _POOL,
    "L2_POOL_2D": _POOL,
    "FULLY_CONNECTED": _FULLY_CONNECTED,
    "BATCH_MATMUL": _BATCH_MATMUL,
    "ADD": OptionsLayout(11, "AddOptions", _ARITHMETIC),
    "SUB": OptionsLayout(28, "SubOptions", _ARITHMETIC),
    "MUL": OptionsLayout(21, "MulOptions", _ONLY_ACTIVATION),
    "DIV": OptionsLayout(29, "DivOptions", _ONLY_ACTIVATION),
    "CONCATENATION": OptionsLayout(
        10, "ConcatenationOptions", (_F("axis", 0, "int"), _activation(1))
    ),
    "SOFTMAX": OptionsLayout(9, "SoftmaxOptions", (_F("beta", 0, "float"),)),
    "L2_NORMALIZATION": OptionsLayout(12, "L2NormOptions", _ONLY_ACTIVATION),
    "SVDF": OptionsLayout(
        6,
        "SVDFOptions",
        (_F("rank", 0, "int"), _activation(1), _F("asymmetric_quantize_inputs", 2, "bool")),
    ),
    "LSTM": _LSTM,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _SEQUENCE_LSTM,
    "MEAN": _REDUCER,
    "SUM": _REDUCER,
    "REDUCE_MAX": _REDUCER,
    "REDUCE_MIN": _REDUCER,
    "REDUCE_PROD": _REDUCER,
    "REDUCE_ANY": _REDUCER,
    "REDUCE_ALL": _REDUCER,
    "STRIDED_SLICE": _STRIDED_SLICE,
    "SPLIT": OptionsLayout(35, "SplitOptions", (_F("num_splits", 0, "int"),)),
    "SPLIT_V": OptionsLayout(79, "SplitVOptions", (_F("num_splits", 0, "int"),)),
    "PACK": OptionsLayout(59, "PackOptions", (_F("values_count", 0, "int"), _F("axis", 1, "int"))),
    "UNPACK": OptionsLayout(64, "UnpackOptions", (_F("num", 0, "int"), _F("axis", 1, "int"))),
    "GATHER": OptionsLayout(
        23, "GatherOptions", (_F("axis", 0, "int"), _F("batch_dims", 1, "int"))
    ),
    "SPACE_TO_DEPTH": OptionsLayout(19, "SpaceToDepthOptions", (_F("block_size", 0, "count"),)),
    "DEPTH_TO_SPACE": OptionsLayout(94, "DepthToSpaceOptions", (_F("block_size", 0, "count"),)),
    "LEAKY_RELU": OptionsLayout(75, "LeakyReluOptions", (_F("alpha", 0, "float"),)),
    "MIRROR_PAD": OptionsLayout(77, "MirrorPadOptions", (_F("mode", 0, MIRROR_MODES),)),
    "GELU": OptionsLayout(116, "GeluOptions", (_F("approximate", 0, "bool"),)),
    "CAST": OptionsLayout(
        37,
        "CastOptions",
        (_F("in_data_type", 0, TENSOR_TYPES), _F("out_data_type", 1, TENSOR_TYPES)),
    ),
    "ARG_MAX": OptionsLayout(40, "ArgMaxOptions", (_F("output_type", 0, TENSOR_TYPES),)),
    "ARG_MIN": OptionsLayout(57, "ArgMinOptions", (_F("output_type", 0, TENSOR_TYPES),)),
    "RESIZE_BILINEAR": OptionsLayout(
        15,
        "ResizeBilinearOptions",
        (_F("align_corners", 2, "bool"), _F("half_pixel_centers", 3, "bool")),
    ),
    "RESIZE_NEAREST_NEIGHBOR": OptionsLayout(74, "ResizeNearestNeighborOptions", _RESIZE),
}
