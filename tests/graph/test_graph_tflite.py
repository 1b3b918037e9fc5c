"""Reading .tflite files: real ones whole, broken ones refused with the reason in one line."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qnnlab.errors import ModelFormatError
from qnnlab.files import resource
from qnnlab.graph import tflite
from qnnlab.graph.model import Graph
from qnnlab.graph.tflite import parse_tflite, read_tflite

MODELS = sorted(resource("data/mlperf_tiny/models").glob("*.tflite"))
Altered = Callable[[Callable[[Any], None]], bytes]


def _reason(data: bytes) -> str:
    with pytest.raises(ModelFormatError) as caught:
        parse_tflite(data)
    message = str(caught.value)
    assert "\n" not in message
    return message


def _dims(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_real_models_are_read(path: Path, rows: dict[str, dict[str, str]]) -> None:
    row = rows[path.name]
    graph = read_tflite(path)
    source, sink = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    assert graph.file_bytes == int(row["file_bytes"])
    assert (_dims(source.shape), source.dtype) == (row["input_shape"], row["input_dtype"].lower())
    assert (_dims(sink.shape), sink.dtype) == (row["output_shape"], row["output_dtype"].lower())
    for tensor, end in ((source, "input"), (sink, "output")):
        if row[f"{end}_scale"]:
            assert tensor.quantization is not None
            assert float(tensor.quantization.scale[0]) == float(row[f"{end}_scale"])
            assert int(tensor.quantization.zero_point[0]) == int(row[f"{end}_zero_point"])
    per_channel = any(
        t.is_constant and t.quantization and t.quantization.per_channel for t in graph.tensors
    )
    assert ("yes" if per_channel else "no") == row["per_channel_weights"]
    assert graph.n_subgraphs == 1


def test_constants_are_views_of_the_file(kws: bytes) -> None:
    graph = parse_tflite(kws)
    weights = graph.tensors[graph.operators[0].inputs[1]]
    values = weights.values()
    assert weights.shape == values.shape == (64, 10, 4, 1)
    assert values.dtype == np.int8
    assert not values.flags.owndata
    assert bytes(values) == bytes(weights.data or b"")
    assert kws.find(bytes(values)) > 0


def test_values_equal_litert(kws: bytes) -> None:
    """The interpreter that made the files reads the same constants and parameters."""
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="needs the runtimes extra")
    interpreter = litert.Interpreter(
        model_content=kws, experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    details = {d["index"]: d for d in interpreter.get_tensor_details()}
    for tensor in parse_tflite(kws).tensors:
        theirs = details[tensor.index]
        assert tensor.name == theirs["name"]
        assert tensor.shape == tuple(theirs["shape"])
        if tensor.is_constant:
            np.testing.assert_array_equal(tensor.values(), interpreter.get_tensor(tensor.index))
        if tensor.quantization is not None:
            parameters = theirs["quantization_parameters"]
            np.testing.assert_array_equal(tensor.quantization.scale, parameters["scales"])
            np.testing.assert_array_equal(tensor.quantization.zero_point, parameters["zero_points"])


def test_options_of_the_first_layers(kws: bytes) -> None:
    first, second = parse_tflite(kws).operators[:2]
    assert first.name == "CONV_2D"
    assert first.options["padding"] == "SAME"
    assert first.options["fused_activation_function"] == "RELU"
    assert (first.options["stride_h"], first.options["stride_w"]) == (2, 2)
    assert second.name == "DEPTHWISE_CONV_2D"
    assert second.options["depth_multiplier"] == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"import tensorflow as tf\n", "text"),
        (b"\x89HDF\r\n\x1a\n" + bytes(64), "HDF5"),
        (b"PK\x03\x04" + bytes(64), "zip archive"),
        (b"\x08\x08\x12\x07pytorch\x1a\x051.9.0", "ONNX"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "Git LFS pointer"),
        (b"\x00\x01\x02\x03" * 20, "identifier TFL3 is missing"),
        (b"\x1c\0\0\0TFL", "identifier TFL3 is missing"),
        (b"\x1c\0\0\0TFL3", "corrupt file"),
    ],
)
def test_other_files_are_named(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "kws.tflite"
    path.write_bytes(content)
    with pytest.raises(ModelFormatError, match=rf"^kws\.tflite: .*{reason}"):
        read_tflite(path)


def test_missing_file_and_directory(tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match=r"^none\.tflite: can't be read: No such file"):
        read_tflite(tmp_path / "none.tflite")
    with pytest.raises(ModelFormatError, match="it is a directory"):
        read_tflite(str(tmp_path))
    with pytest.raises(ModelFormatError, match="can't be read"):
        read_tflite("a\0b")


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX has named pipes in folders")
def test_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ModelFormatError, match="not a regular file"):
        read_tflite(tmp_path / "pipe")


def test_file_above_the_limit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kws: bytes
) -> None:
    monkeypatch.setattr(tflite, "MAX_FILE_BYTES", 2**15)
    path = tmp_path / "kws.tflite"
    path.write_bytes(kws)
    with pytest.raises(ModelFormatError, match="the file has"):
        read_tflite(path)


def test_name_of_file_stays_on_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a\nb.tflite"
    path.write_bytes(b"")
    with pytest.raises(ModelFormatError, match=r"^a\?b\.tflite: "):
        read_tflite(path)


def test_every_truncation_is_refused(kws: bytes) -> None:
    for length in [*range(300), *range(300, len(kws), 211), len(kws) - 1]:
        _reason(kws[:length])


def _set(path: str, value: Any) -> Callable[[Any], None]:
    """A change of one field, such as `subgraphs.0.tensors.3.buffer`."""

    def change(model: Any) -> None:
        *steps, last = path.split(".")
        for step in steps:
            model = model[int(step)] if step.isdigit() else getattr(model, step)
        if last.isdigit():
            model[int(last)] = value
        else:
            setattr(model, last, value)

    return change


# In the kws model tensor 18 is the first filter, operator 0 its convolution, 1 a depthwise one.
G = "subgraphs.0."


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("version", 4, "schema version 4"),
        ("subgraphs", [], "no subgraph"),
        ("operatorCodes.0.builtinCode", 5000, "operator code 0: operator 5000 is unknown"),
        (G + "tensors.0.shape", [1, -49, 10, 1], "tensor 0 .* negative dimension"),
        (G + "tensors.0.shape", [2**31 - 1] * 40, "tensor 0 .* too many elements"),
        (G + "tensors.0.type", 99, "tensor 0 .* type 99 is unknown"),
        (G + "tensors.0.buffer", 9999, "tensor 0 .* buffer 9999"),
        (G + "inputs", [99], "graph input: tensor 99 does not exist"),
        (G + "outputs", [-1], "graph output: tensor -1 does not exist"),
        (G + "operators.2.opcodeIndex", 77, "operator 2: operator code 77"),
        (G + "operators.1.inputs.0", 999, "operator 1 DEPTHWISE_CONV_2D: input tensor 999"),
        (G + "operators.1.outputs.0", -1, "operator 1 DEPTHWISE_CONV_2D: output tensor -1"),
        (G + "operators.0.inputs", [0], "operator 0 CONV_2D: it needs 2 inputs"),
        (G + "operators.0.inputs.1", -1, "operator 0 CONV_2D: it needs 2 inputs"),
        (G + "operators.0.outputs", [], "operator 0 CONV_2D: it needs 1 outputs"),
        (G + "operators.0.builtinOptions.strideW", 0, "operator 0 CONV_2D: stride_w is 0"),
        (G + "operators.0.builtinOptions.strideH", -2, "operator 0 CONV_2D: stride_h is -2"),
        (G + "operators.0.builtinOptions.padding", 7, "padding 7 is unknown"),
        (G + "operators.0.builtinOptionsType", 5, "operator 0 CONV_2D: its options are of type 5"),
        (G + "operators.0.builtinOptions", None, "operator 0 CONV_2D: stride_w is 0"),
        (G + "operators.1.builtinOptions.depthMultiplier", 2, "depth multiplier of 2"),
        (G + "outputs", [0], None),
    ],
)
def test_broken_field_is_located(
    altered: Altered, path: str, value: Any, reason: str | None
) -> None:
    data = altered(_set(path, value))
    if reason is None:
        # A graph input may be an output as well.
        assert parse_tflite(data).outputs == (0,)
    else:
        with pytest.raises(ModelFormatError, match=reason):
            parse_tflite(data)


def _first_filter(model: Any) -> Any:
    graph = model.subgraphs[0]
    return graph.tensors[graph.operators[0].inputs[1]]


def test_constant_of_the_wrong_length(altered: Altered) -> None:
    def change(model: Any) -> None:
        buffer = model.buffers[_first_filter(model).buffer]
        buffer.data = buffer.data[:-1]

    message = _reason(altered(change))
    assert "constant data has 2559 bytes, its shape [64, 10, 4, 1] of int8 needs 2560" in message


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("scale", [0.1] * 63, "63 scales but 64 zero points"),
        ("zeroPoint", [0], "64 scales but 1 zero points"),
        ("quantizedDimension", 4, "quantized axis 4 is not one of its 4"),
        ("quantizedDimension", -1, "quantized axis -1"),
        ("quantizedDimension", 1, "64 scales, its axis 1 has 10 channels"),
        ("scale", [float("nan")] * 64, "scales are not finite"),
        ("scale", [-1.0] * 64, "scales are not finite"),
        ("zeroPoint", [200] * 64, "zero point 200 is no int8"),
        ("detailsType", 2, "block-wise quantization is not supported"),
    ],
)
def test_broken_quantization(altered: Altered, field: str, value: Any, reason: str) -> None:
    def change(model: Any) -> None:
        setattr(_first_filter(model).quantization, field, value)

    assert reason in _reason(altered(change))


def test_zero_scale_is_a_dead_channel_but_no_activation(altered: Altered) -> None:
    def dead(model: Any) -> None:
        _first_filter(model).quantization.scale[3] = 0.0

    def activation(model: Any) -> None:
        model.subgraphs[0].tensors[0].quantization.scale = [0.0]

    graph = parse_tflite(altered(dead))
    filters = graph.tensors[graph.operators[0].inputs[1]]
    assert filters.quantization is not None
    assert filters.quantization.scale[3] == 0.0
    assert "its scale is 0" in _reason(altered(activation))


def test_order_of_operators(altered: Altered) -> None:
    def swapped(model: Any) -> None:
        operators = model.subgraphs[0].operators
        operators[3], operators[4] = operators[4], operators[3]

    def twice(model: Any) -> None:
        operators = model.subgraphs[0].operators
        operators[5].outputs = list(operators[4].outputs)

    def never(model: Any) -> None:
        del model.subgraphs[0].operators[-1]

    def constant(model: Any) -> None:
        graph = model.subgraphs[0]
        graph.inputs = [graph.operators[0].inputs[1]]

    assert "is used before it is made" in _reason(altered(swapped))
    assert "made twice" in _reason(altered(twice))
    assert "is never made" in _reason(altered(never))
    assert "graph input: tensor" in _reason(altered(constant))


@pytest.mark.parametrize(
    ("position", "shape", "reason"),
    [
        (1, [64, 40, 1], "it must have 4 dimensions"),
        (1, [64, 10, 2, 2], "its input has 1 channels"),
        (1, [32, 10, 8, 1], "its bias has 64 elements, its filter has 32"),
        (2, [8, 8], None),
    ],
)
def test_shapes_that_do_not_fit(
    altered: Altered, position: int, shape: list[int], reason: str | None
) -> None:
    def change(model: Any) -> None:
        graph = model.subgraphs[0]
        tensor = graph.tensors[graph.operators[0].inputs[position]]
        tensor.shape, tensor.quantization = shape, None

    if reason is None:
        assert isinstance(parse_tflite(altered(change)), Graph)
    else:
        assert f"operator 0 CONV_2D: {reason}" in _reason(altered(change)).replace(
            "its input 1 has shape [64, 40, 1], ", ""
        )


def test_sparse_and_foreign_weights_are_refused(altered: Altered, schema: Any) -> None:
    def sparse(model: Any) -> None:
        _first_filter(model).sparsity = schema.SparsityParametersT()

    def elsewhere(model: Any) -> None:
        _first_filter(model).externalBuffer = 3

    assert "sparse tensors are not supported" in _reason(altered(sparse))
    assert "lie in another file" in _reason(altered(elsewhere))


def test_data_behind_the_flatbuffer(altered: Altered, kws: bytes) -> None:
    """Models above 2 GB keep their constants behind the tables, by offset and size."""
    weights = bytes(range(256)) * 10
    end = len(altered(lambda _: None)) + 4096

    def change(model: Any) -> None:
        buffer = model.buffers[_first_filter(model).buffer]
        buffer.data, buffer.offset, buffer.size = None, end, len(weights)

    data = altered(change)
    padded = data + bytes(end - len(data)) + weights
    graph = parse_tflite(padded)
    assert bytes(graph.tensors[graph.operators[0].inputs[1]].values()) == weights
    assert "outside the file" in _reason(padded[:-1])


def test_dynamic_batch_scalars_and_states(altered: Altered) -> None:
    def change(model: Any) -> None:
        graph = model.subgraphs[0]
        graph.tensors[0].shapeSignature = [-1, 49, 10, 1]
        graph.tensors[1].isVariable = True

    graph = parse_tflite(altered(change))
    assert graph.tensors[0].dynamic
    assert graph.tensors[0].shape == (1, 49, 10, 1)
    assert graph.tensors[1].variable


@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        ("INT4", b"\x7f\x08", [-1, 7, -8]),
        ("UINT4", b"\x7f\x08", [15, 7, 8]),
        ("INT2", b"\x2d", [1, -1, -2]),
        ("INT16", b"\x01\x00\xff\xff\x00\x80", [1, -1, -32768]),
        ("BFLOAT16", b"\x80\x3f\x00\xc0\x00\x00", [1.0, -2.0, 0.0]),
        ("FLOAT16", b"\x00\x3c\x00\xc0\x00\x00", [1.0, -2.0, 0.0]),
        ("BOOL", b"\x01\x00\x02", [True, False, True]),
    ],
)
def test_constant_types(
    single: Callable[..., bytes], kind: str, data: bytes, expected: list[Any]
) -> None:
    shape = ((3,), kind, data)
    graph = parse_tflite(single("ADD", shape, shape, ((3,), kind, None)))
    assert graph.tensors[0].values().tolist() == expected
    assert graph.tensors[0].n_bytes == len(data)


def test_scalar_and_empty_tensors(single: Callable[..., bytes]) -> None:
    scalar, empty = ((), "INT32", b"\x07\0\0\0"), ((0,), "INT32", None)
    graph = parse_tflite(single("RESHAPE", scalar, empty, ((), "INT32", None)))
    assert graph.tensors[0].values().item() == 7
    assert (graph.tensors[0].n_elements, graph.tensors[1].n_bytes) == (1, 0)
    with pytest.raises(ModelFormatError, match="tensor 2 't3' is not a constant"):
        graph.tensors[2].values()


def test_strings_are_exempt_from_the_length_rule(single: Callable[..., bytes]) -> None:
    text = ((4,), "STRING", b"\x01\0\0\0\x08\0\0\0abc")
    graph = parse_tflite(single("CUSTOM", text, ((1,), "FLOAT32", None)))
    assert graph.operators[0].options == {"custom_code": ""}
    assert graph.tensors[0].n_bytes == 11
    with pytest.raises(ModelFormatError, match="values of string can't be read"):
        graph.tensors[0].values()
