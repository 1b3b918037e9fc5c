"""The reference models, and a way to build broken variants of them field by field."""

from __future__ import annotations

import csv
from collections.abc import Callable
from typing import Any

import pytest

from qnnlab.files import resource

MODELS = resource("data/mlperf_tiny/models")


@pytest.fixture(scope="session")
def rows() -> dict[str, dict[str, str]]:
    """Rows of models.csv by file name."""
    with resource("data/mlperf_tiny/models.csv").open(newline="") as stream:
        return {row["file"]: row for row in csv.DictReader(stream)}


@pytest.fixture(scope="session")
def kws() -> bytes:
    """The int8 keyword spotting model: convolutions, depthwise ones, pool, dense, softmax."""
    return (MODELS / "kws_ref_model.tflite").read_bytes()


@pytest.fixture(scope="session")
def schema() -> Any:
    return pytest.importorskip(
        "ai_edge_litert.schema_py_generated", reason="needs the runtimes extra"
    )


@pytest.fixture(scope="session")
def pack(schema: Any) -> Callable[[Any], bytes]:
    """Serialise a ModelT with LiteRT's own schema."""
    flatbuffers = pytest.importorskip("flatbuffers", reason="needs the runtimes extra")

    def packed(model: Any) -> bytes:
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    return packed


@pytest.fixture
def altered(
    schema: Any, pack: Callable[[Any], bytes], kws: bytes
) -> Callable[[Callable[[Any], None]], bytes]:
    """The kws model after a change to its ModelT object."""

    def build(change: Callable[[Any], None]) -> bytes:
        model = schema.ModelT.InitFromPackedBuf(bytearray(kws), 0)
        change(model)
        return pack(model)

    return build


@pytest.fixture
def single(schema: Any, pack: Callable[[Any], bytes]) -> Callable[..., bytes]:
    """A model of one operator.

    Tensors are (shape, type name, data) in the order of the operator's inputs, then its output.
    """

    def tensor(shape: tuple[int, ...], kind: str, buffer: int) -> Any:
        made = schema.TensorT()
        made.shape, made.type = list(shape), getattr(schema.TensorType, kind)
        made.name, made.buffer = f"t{buffer}", buffer
        return made

    def build(name: str, *tensors: tuple[Any, ...], options: Any = None) -> bytes:
        model, graph, operator = schema.ModelT(), schema.SubGraphT(), schema.OperatorT()
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, name)
        code.deprecatedBuiltinCode = min(127, code.builtinCode)
        model.version, model.operatorCodes, model.subgraphs = 3, [code], [graph]
        model.buffers = [schema.BufferT()]
        graph.tensors, graph.operators = [], [operator]
        for index, (shape, kind, data) in enumerate(tensors):
            buffer = schema.BufferT()
            buffer.data = None if data is None else list(data)
            model.buffers.append(buffer)
            graph.tensors.append(tensor(shape, kind, index + 1))
        last = len(tensors) - 1
        graph.inputs = [i for i, t in enumerate(tensors[:last]) if t[2] is None]
        graph.outputs, operator.outputs = [last], [last]
        operator.inputs, operator.opcodeIndex = list(range(last)), 0
        if options is not None:
            kind = type(options).__name__.removesuffix("T")
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
            operator.builtinOptions = options
        return pack(model)

    return build
