"""Costs equal the reference table of the MLPerf Tiny models, and hand-worked examples."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qnnlab.files import resource
from qnnlab.graph.costs import graph_costs
from qnnlab.graph.tflite import parse_tflite, read_tflite

MODELS = sorted(resource("data/mlperf_tiny/models").glob("*.tflite"))


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_costs_equal_the_reference_table(path: Path, rows: dict[str, dict[str, str]]) -> None:
    row = rows[path.name]
    costs = graph_costs(read_tflite(path))
    found = {
        "n_ops": len(costs.operators),
        "macs_total": costs.macs_total,
        "macs_conv": costs.macs_by_kind.get("CONV_2D", 0),
        "macs_depthwise": costs.macs_by_kind.get("DEPTHWISE_CONV_2D", 0),
        "macs_fc": costs.macs_by_kind.get("FULLY_CONNECTED", 0),
        "weight_params": costs.weight_params,
        "weight_bytes": costs.weight_bytes,
        "bias_bytes": costs.bias_bytes,
        "max_activation_bytes": costs.largest_activation_bytes,
    }
    assert found == {name: int(row[name]) for name in found}
    assert costs.weight_zero_fraction is not None
    assert round(costs.weight_zero_fraction, 4) == float(row["weight_zero_fraction"])
    kinds = " ".join(f"{kind}x{count}" for kind, count in costs.operator_counts.items())
    assert kinds == row["ops"]
    assert costs.uncounted == ()
    assert sum(cost.macs or 0 for cost in costs.operators) == costs.macs_total
    # Tensor data make up nearly all of the file, and never more than it.
    assert costs.weight_bytes <= costs.constant_bytes < int(row["file_bytes"])


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_peak_is_a_lower_bound_of_the_arena(path: Path, rows: dict[str, dict[str, str]]) -> None:
    head = rows[path.name]["tflm_arena_nonpersistent_head"]
    costs = graph_costs(read_tflite(path))
    assert costs.peak_live_bytes >= costs.largest_activation_bytes
    if head:
        assert costs.peak_live_bytes <= int(head)


def test_peak_of_a_residual_network() -> None:
    """ResNet's first block keeps its input live beside two activations of the same size."""
    path = resource("data/mlperf_tiny/models/pretrainedResnet_quant.tflite")
    assert graph_costs(read_tflite(path)).peak_live_bytes == 3 * 32 * 32 * 16


def _float(*shape: int) -> tuple[Any, ...]:
    return (shape, "FLOAT32", None)


def test_grouped_convolution(schema: Any, single: Callable[..., bytes]) -> None:
    options = schema.Conv2DOptionsT()
    options.strideH = options.strideW = 1
    data = single(
        "CONV_2D",
        _float(1, 8, 8, 6),
        ((4, 3, 3, 3), "INT8", bytes(54) + b"\1" * 54),
        _float(1, 8, 8, 4),
        options=options,
    )
    costs = graph_costs(parse_tflite(data))
    assert costs.macs_total == 8 * 8 * 4 * 3 * 3 * 3
    assert (costs.weight_params, costs.bias_bytes) == (108, 0)
    assert costs.weight_zero_fraction == 0.5


def test_transposed_convolution(schema: Any, single: Callable[..., bytes]) -> None:
    options = schema.TransposeConvOptionsT()
    options.strideH = options.strideW = 2
    data = single(
        "TRANSPOSE_CONV",
        ((4,), "INT32", b"".join(n.to_bytes(4, "little") for n in (1, 8, 8, 5))),
        ((5, 3, 3, 2), "FLOAT32", bytes(360)),
        _float(1, 4, 4, 2),
        _float(1, 8, 8, 5),
        options=options,
    )
    costs = graph_costs(parse_tflite(data))
    # Each of 4 × 4 × 2 inputs is multiplied by 3 × 3 taps for 5 channels.
    assert costs.macs_total == 4 * 4 * 2 * 3 * 3 * 5
    assert costs.weight_bytes == 360


@pytest.mark.parametrize(("adjoint", "first"), [(False, (3, 4, 5)), (True, (3, 5, 4))])
def test_batch_matmul(
    schema: Any, single: Callable[..., bytes], adjoint: bool, first: tuple[int, ...]
) -> None:
    options = schema.BatchMatMulOptionsT()
    options.adjX = adjoint
    data = single("BATCH_MATMUL", _float(*first), _float(3, 5, 6), _float(3, 4, 6), options=options)
    costs = graph_costs(parse_tflite(data))
    assert costs.macs_total == 3 * 4 * 6 * 5
    assert costs.weight_params == 0
    assert costs.weight_zero_fraction is None


def test_convolution_in_three_dimensions(schema: Any, single: Callable[..., bytes]) -> None:
    options = schema.Conv3DOptionsT()
    options.strideD = options.strideH = options.strideW = 1
    shapes = (_float(1, 6, 6, 6, 2), _float(3, 3, 3, 2, 4), _float(1, 4, 4, 4, 4))
    costs = graph_costs(parse_tflite(single("CONV_3D", *shapes, options=options)))
    assert costs.macs_total == 4**3 * 4 * 3**3 * 2


@pytest.mark.parametrize("name", ["WHILE", "SVDF", "UNIDIRECTIONAL_SEQUENCE_LSTM", "CUSTOM"])
def test_what_is_not_counted_is_named(single: Callable[..., bytes], name: str) -> None:
    costs = graph_costs(parse_tflite(single(name, _float(1, 4), _float(1, 4))))
    assert costs.macs_total is None
    assert costs.uncounted == (name,)
    assert costs.operators[0].macs is None


def test_int4_weights_count_half_a_byte(single: Callable[..., bytes]) -> None:
    data = single(
        "FULLY_CONNECTED",
        ((1, 4), "INT8", None),
        ((3, 4), "INT4", b"\x10\x00\xf0\x00\x0a\x00"),
        ((1, 3), "INT8", None),
    )
    costs = graph_costs(parse_tflite(data))
    assert (costs.weight_params, costs.weight_bytes, costs.macs_total) == (12, 6, 12)
    assert costs.weight_zero_fraction == 9 / 12


def test_zero_is_the_zero_point(altered: Any) -> None:
    """Weights of uint8 or of a shifted zero point are sparse where they equal it."""

    def change(model: Any) -> None:
        for operator in model.subgraphs[0].operators:
            if len(operator.inputs) == 3:
                weight = model.subgraphs[0].tensors[operator.inputs[1]]
                weight.quantization.zeroPoint = [5] * len(weight.quantization.scale)
                buffer = model.buffers[weight.buffer]
                buffer.data = [5] * len(buffer.data)

    assert graph_costs(parse_tflite(altered(change))).weight_zero_fraction == 1.0


def test_weights_behind_dequantize(schema: Any, pack: Any, single: Callable[..., bytes]) -> None:
    """Files of float16 weights widen them by an operator; they are weights all the same."""
    data = single(
        "FULLY_CONNECTED", _float(1, 4), ((2, 4), "FLOAT16", bytes(8) + b"\0\x3c" * 4), _float(1, 2)
    )
    model = schema.ModelT.InitFromPackedBuf(bytearray(data), 0)
    graph = model.subgraphs[0]
    code, operator, wide = schema.OperatorCodeT(), schema.OperatorT(), schema.TensorT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.DEQUANTIZE
    wide.shape, wide.name = [2, 4], "wide"
    operator.opcodeIndex, operator.inputs, operator.outputs = 1, [1], [3]
    model.operatorCodes.append(code)
    graph.tensors.append(wide)
    graph.operators.insert(0, operator)
    graph.operators[1].inputs = [0, 3]
    costs = graph_costs(parse_tflite(pack(model)))
    assert (costs.weight_params, costs.weight_bytes) == (8, 16)
    assert costs.weight_zero_fraction == 0.5
