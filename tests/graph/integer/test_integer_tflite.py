"""The .tflite that is written says what the graph says, by our own reader."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from integer_graphs import Chain, random_chain

from qnnlab.errors import ModelFormatError
from qnnlab.graph.integer.model import IntegerGraph, Weights
from qnnlab.graph.integer.tflite import to_tflite
from qnnlab.graph.tflite import parse_tflite

pytest.importorskip("ai_edge_litert", reason="needs the runtimes extra")


def _chain(bits: int = 8, weight_bits: int = 4, per_channel: bool = False) -> IntegerGraph:
    chain = Chain(np.random.default_rng(3), bits, (7, 6, 2), weight_bits)
    for kind in ("conv", "depthwise", "average_pool", "max_pool", "add", "requantize"):
        getattr(chain, kind)()
    chain.dense(per_channel)
    return chain.graph()


@pytest.mark.parametrize("bits", [8, 16])
def test_reader_finds_every_part(bits: int) -> None:
    graph = _chain(bits)
    parsed = parse_tflite(to_tflite(graph))
    assert (parsed.name, parsed.inputs, parsed.outputs) == ("random", (0,), (graph.output,))
    assert [operator.name for operator in parsed.operators] == [
        "CONV_2D",
        "DEPTHWISE_CONV_2D",
        "AVERAGE_POOL_2D",
        "MAX_POOL_2D",
        "ADD",
        "QUANTIZE",
        "RESHAPE",
        "FULLY_CONNECTED",
    ]
    for activation, tensor in zip(graph.activations, parsed.tensors, strict=False):
        assert (tensor.name, tensor.shape) == (activation.name, (1, *activation.shape))
        assert tensor.dtype == f"int{bits}"
        assert tensor.quantization is not None
        assert tensor.quantization.scale.tolist() == [activation.scale]
        assert tensor.quantization.zero_point.tolist() == [activation.zero_point]
    for op, operator in zip(graph.ops, parsed.operators, strict=True):
        assert operator.outputs == (op.output,)
        assert operator.inputs[: len(op.inputs)] == op.inputs
        if "strides" in op.attributes:
            strides = (operator.options["stride_h"], operator.options["stride_w"])
            assert strides == op.attributes["strides"]
            assert operator.options["padding"] == op.attributes["padding"].upper()
        if op.kind not in ("reshape", "requantize"):
            relu = {None: "NONE", "relu": "RELU", "relu6": "RELU6"}[op.relu]
            assert operator.options["fused_activation_function"] == relu


@pytest.mark.parametrize(("bits", "bias_dtype"), [(8, "int32"), (16, "int64")])
def test_weights_and_biases(bits: int, bias_dtype: str) -> None:
    graph = _chain(bits, weight_bits=1)
    parsed = parse_tflite(to_tflite(graph))
    for op, operator in zip(graph.ops, parsed.operators, strict=True):
        if op.weights is None:
            continue
        weights, bias = (parsed.tensors[i] for i in operator.inputs[1:3])
        assert weights.data is not None
        assert bias.data is not None
        assert weights.dtype == "int8"
        values = np.frombuffer(weights.data, np.int8).reshape(weights.shape)
        assert np.array_equal(values, op.weights.values())
        assert weights.quantization is not None
        assert np.array_equal(weights.quantization.scale, op.weights.scale)
        if op.weights.scale.size > 1:
            assert weights.quantization.axis == (3 if op.kind == "depthwise" else 0)
        assert bias.dtype == bias_dtype
        expected = np.zeros(bias.shape) if op.bias is None else op.bias
        assert np.array_equal(np.frombuffer(bias.data, bias_dtype), expected)
        assert bias.quantization is not None
        source = np.float32(graph.activations[op.inputs[0]].scale)
        assert np.array_equal(bias.quantization.scale, source * op.weights.scale)


def test_int4_packs_weights_of_four_bits_or_fewer() -> None:
    graph = _chain()
    parsed = parse_tflite(to_tflite(graph, int4=True))
    for op, operator in zip(graph.ops, parsed.operators, strict=True):
        if op.weights is not None:
            tensor = parsed.tensors[operator.inputs[1]]
            assert tensor.data is not None
            assert tensor.dtype == "int4"
            assert len(tensor.data) == -(-op.weights.codes.size // 2)
            low = np.frombuffer(tensor.data, np.uint8)[0] & 15
            assert low == int(op.weights.values().flat[0]) & 15
    wide_values = _chain(weight_bits=5)
    dtypes = {t.dtype for t in parse_tflite(to_tflite(wide_values, int4=True)).tensors}
    assert "int4" not in dtypes


def test_bytes_are_deterministic_and_constants_aligned() -> None:
    data = to_tflite(_chain())
    assert data == to_tflite(_chain())
    assert data[4:8] == b"TFL3"
    start = np.frombuffer(data, np.uint8).ctypes.data
    constants = [t.data for t in parse_tflite(data).tensors if t.data is not None]
    assert len(constants) == 7
    for constant in constants:
        assert (np.frombuffer(constant, np.uint8).ctypes.data - start) % 16 == 0


def test_other_widths_are_refused() -> None:
    graph = random_chain(np.random.default_rng(0), 4, 4)
    with pytest.raises(ModelFormatError, match="activation 'a0' has 4 bits; a"):
        to_tflite(graph)


def test_int4_dense_with_a_scale_per_channel_is_refused() -> None:
    chain = Chain(np.random.default_rng(0), 8, (9,), 4)
    codes = np.ones((3, 9), np.int8)
    weights = Weights(codes, 4, np.full(3, 0.1, np.float32))
    chain.weighted("dense", weights, 9, (3,))
    assert to_tflite(chain.graph())
    with pytest.raises(ModelFormatError, match="'dense0': TFLite Micro has no dense layer of INT4"):
        to_tflite(chain.graph(), int4=True)


def test_a_broken_graph_is_refused() -> None:
    with pytest.raises(ModelFormatError, match="graph input"):
        to_tflite(replace(_chain(), input=99))
