"""Read a .tflite file into a Graph, or say in one line why it can't be read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from qnnlab.errors import ModelFormatError
from qnnlab.graph.checks import (
    check_graph,
    check_operator,
    check_quantization,
    printable,
    shape_text,
)
from qnnlab.graph.flatbuffer import FlatBuffer, Table
from qnnlab.graph.model import Graph, Operator, Option, Quantization, Tensor
from qnnlab.graph.options import OPTIONS, OptionField
from qnnlab.graph.schema import (
    IDENTIFIER,
    OPERATOR_NAMES,
    QUANTIZATION_DETAILS,
    TENSOR_TYPES,
    TYPE_BITS,
    VERSION,
    BufferField,
    ModelField,
    OperatorCodeField,
    OperatorField,
    QuantizationField,
    SubGraphField,
    TensorField,
)

#: Files above this size are refused: far beyond a microcontroller's flash.
MAX_FILE_BYTES = 512 * 2**20

_MAX_ELEMENTS = 2**62
_MAGICS = (
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file (a Keras .h5 model?)"),
    (b"PK\x03\x04", "a zip archive (a .keras or PyTorch model?)"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x93NUMPY", "a numpy array"),
    (b"\x80\x02", "a Python pickle"),
    (b"\x80\x04", "a Python pickle"),
    (b"\x7fELF", "an ELF binary"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself (run git lfs pull)"),
)
_TEXT_BYTES = frozenset({*range(32, 127), 9, 10, 13})


def read_tflite(path: Path | str) -> Graph:
    """Read and check the model at `path`; raises ModelFormatError, which names the file."""
    path = Path(path)
    try:
        return parse_tflite(_content(path))
    except OSError as error:
        reason = f"can't be read: {error.strerror or type(error).__name__}"
    except (ValueError, MemoryError) as error:
        # A path with a null byte, or a file larger than the memory that is left.
        reason = f"can't be read: {error or type(error).__name__}"
    except ModelFormatError as error:
        reason = str(error)
    raise ModelFormatError(f"{printable(path.name or str(path))}: {reason}")


def _content(path: Path) -> bytes:
    size = path.stat().st_size
    if path.is_dir():
        raise ModelFormatError("it is a directory, not a .tflite model")
    if not path.is_file():
        # A pipe would block and a device may have no end.
        raise ModelFormatError("it is not a regular file")
    if size > MAX_FILE_BYTES:
        raise ModelFormatError(
            f"the file has {size / 2**20:.0f} MiB, at most {MAX_FILE_BYTES // 2**20} are read"
        )
    return path.read_bytes()


def parse_tflite(data: bytes | memoryview) -> Graph:
    """Check the model in `data` and return its main subgraph; constants stay views of `data`.

    Raises ModelFormatError, one line that says what is wrong and where. Time and memory are
    bounded by the size of `data`. Control-flow bodies (further subgraphs) are not read.
    """
    buffer = FlatBuffer(data)
    _check_identity(buffer.view)
    model = buffer.root()
    version = model.integer(ModelField.VERSION, "u32")
    if version != VERSION:
        raise ModelFormatError(f"schema version {version} is not supported, only {VERSION}")
    subgraphs = model.tables(ModelField.SUBGRAPHS)
    if not subgraphs:
        raise ModelFormatError("the model has no subgraph")
    constants = _Constants(model.tables(ModelField.BUFFERS), buffer)
    graph = Graph(
        name=subgraphs[0].text(SubGraphField.NAME),
        description=model.text(ModelField.DESCRIPTION),
        tensors=_tensors(subgraphs[0], constants),
        operators=_operators(subgraphs[0], _operator_codes(model)),
        inputs=subgraphs[0].integers(SubGraphField.INPUTS),
        outputs=subgraphs[0].integers(SubGraphField.OUTPUTS),
        n_subgraphs=len(subgraphs),
        file_bytes=buffer.size,
    )
    for operator in graph.operators:
        with _at(operator.label):
            check_operator(graph, operator)
    check_graph(graph)
    return graph


@contextmanager
def _at(where: str) -> Iterator[None]:
    try:
        yield
    except ModelFormatError as error:
        raise ModelFormatError(f"{where}: {error}") from None


def _check_identity(view: memoryview) -> None:
    if view[4:8] == IDENTIFIER:
        return
    head = bytes(view[:64])
    if not head:
        raise ModelFormatError("not a .tflite model: the file is empty")
    for magic, what in _MAGICS:
        if head.startswith(magic):
            raise ModelFormatError(f"not a .tflite model: it looks like {what}")
    if set(head) <= _TEXT_BYTES:
        raise ModelFormatError("not a .tflite model: it looks like text")
    if _is_onnx(head):
        raise ModelFormatError("not a .tflite model: it looks like an ONNX model")
    raise ModelFormatError("not a .tflite model: the identifier TFL3 is missing")


def _is_onnx(head: bytes) -> bool:
    # ModelProto opens with field 1, ir_version (3 and up), then a length-delimited field 2–8.
    # A SavedModel opens alike, but its first field is always 1.
    return len(head) > 2 and head[0] == 0x08 and 3 <= head[1] < 128 and head[2] in range(18, 67, 8)


class _Constants:
    """The file's buffers; a buffer that several tensors share is read once."""

    def __init__(self, buffers: list[Table], source: FlatBuffer) -> None:
        self._buffers = buffers
        self._source = source
        self._read: dict[int, memoryview | None] = {}

    def __getitem__(self, index: int) -> memoryview | None:
        """The bytes of a buffer, None for an empty one: no constant, by the schema."""
        if index not in self._read:
            if index >= len(self._buffers):
                raise ModelFormatError(
                    f"buffer {index} is referred to, the model has {len(self._buffers)}"
                )
            self._read[index] = self._content(self._buffers[index])
        return self._read[index]

    def _content(self, buffer: Table) -> memoryview | None:
        # Offsets 0 and 1 mean "no data behind the FlatBuffer"; writers use 1 as a placeholder.
        offset = buffer.integer(BufferField.OFFSET, "u64")
        if offset > 1:
            size = buffer.integer(BufferField.SIZE, "u64")
            return self._source.behind(offset, size) or None
        return buffer.data(BufferField.DATA) or None


def _tensors(subgraph: Table, constants: _Constants) -> tuple[Tensor, ...]:
    tensors = []
    for index, table in enumerate(subgraph.tables(SubGraphField.TENSORS)):
        with _at(f"tensor {index}"):
            name = table.text(TensorField.NAME)
        with _at(f"tensor {index} {printable(name)!r}"):
            tensors.append(_tensor(index, name, table, constants))
    return tuple(tensors)


def _tensor(index: int, name: str, table: Table, constants: _Constants) -> Tensor:
    dtype = _named(TENSOR_TYPES, table.integer(TensorField.TYPE, "i8"), "type")
    shape = table.integers(TensorField.SHAPE)
    _check_shape(shape)
    if table.table(TensorField.SPARSITY) is not None:
        raise ModelFormatError("sparse tensors are not supported; convert the model without them")
    if table.integer(TensorField.EXTERNAL_BUFFER, "u32"):
        raise ModelFormatError("its data lie in another file, which is not supported")
    data = constants[table.integer(TensorField.BUFFER, "u32")]
    parameters = table.table(TensorField.QUANTIZATION)
    tensor = Tensor(
        index=index,
        name=name,
        shape=shape,
        dtype=dtype,
        quantization=None if parameters is None else _quantization(parameters, shape),
        data=data,
        dynamic=-1 in table.integers(TensorField.SHAPE_SIGNATURE),
        variable=table.boolean(TensorField.IS_VARIABLE),
    )
    if data is not None and dtype in TYPE_BITS and len(data) != tensor.n_bytes:
        raise ModelFormatError(
            f"constant data has {len(data)} bytes, "
            f"its shape {shape_text(shape)} of {dtype} needs {tensor.n_bytes}"
        )
    check_quantization(tensor)
    return tensor


def _check_shape(shape: tuple[int, ...]) -> None:
    if any(extent < 0 for extent in shape):
        raise ModelFormatError(f"its shape {shape_text(shape)} has a negative dimension")
    if 0 in shape:
        return
    elements = 1
    for extent in shape:
        elements *= extent
        if elements > _MAX_ELEMENTS:
            raise ModelFormatError(f"its shape {shape_text(shape)} has too many elements")


def _quantization(parameters: Table, shape: tuple[int, ...]) -> Quantization | None:
    details = parameters.integer(QuantizationField.DETAILS_TYPE, "u8")
    if details:
        kind = _named(QUANTIZATION_DETAILS, details, "kind of quantization")
        raise ModelFormatError(f"{kind} quantization is not supported")
    scale = parameters.vector(QuantizationField.SCALE, "<f4").astype(np.float32)
    zero_point = parameters.vector(QuantizationField.ZERO_POINT, "<i8").astype(np.int64)
    if scale.size == 0:
        # Only a range that was seen, as quantization-aware training leaves behind.
        return None
    if zero_point.size not in (0, scale.size):
        raise ModelFormatError(f"it has {scale.size} scales but {zero_point.size} zero points")
    if zero_point.size == 0:
        zero_point = np.zeros(scale.size, np.int64)
    axis = parameters.integer(QuantizationField.QUANTIZED_DIMENSION, "i32")
    if scale.size > 1 and not 0 <= axis < len(shape):
        raise ModelFormatError(f"its quantized axis {axis} is not one of its {len(shape)}")
    if scale.size > 1 and scale.size != shape[axis]:
        raise ModelFormatError(
            f"it has {scale.size} scales, its axis {axis} has {shape[axis]} channels"
        )
    return Quantization(scale, zero_point, axis)


def _operator_codes(model: Table) -> list[tuple[str, int, str]]:
    """Name, version and custom code by index."""
    codes = []
    for index, table in enumerate(model.tables(ModelField.OPERATOR_CODES)):
        # Codes above 127 do not fit the old field, which then holds a placeholder of 127.
        code = max(
            table.integer(OperatorCodeField.BUILTIN_CODE, "i32"),
            table.integer(OperatorCodeField.DEPRECATED_BUILTIN_CODE, "i8"),
        )
        with _at(f"operator code {index}"):
            name = _named(OPERATOR_NAMES, code, "operator")
            version = table.integer(OperatorCodeField.VERSION, "i32", 1)
            codes.append((name, version, table.text(OperatorCodeField.CUSTOM_CODE)))
    return codes


def _operators(subgraph: Table, codes: list[tuple[str, int, str]]) -> tuple[Operator, ...]:
    operators = []
    for index, table in enumerate(subgraph.tables(SubGraphField.OPERATORS)):
        code = table.integer(OperatorField.OPCODE_INDEX, "u32")
        with _at(f"operator {index}"):
            if code >= len(codes):
                raise ModelFormatError(f"operator code {code} is used, there are {len(codes)}")
        name, version, custom_code = codes[code]
        with _at(f"operator {index} {name}"):
            options = _options(table, name)
            if name == "CUSTOM":
                options["custom_code"] = custom_code
            operators.append(
                Operator(
                    index=index,
                    name=name,
                    version=version,
                    inputs=table.integers(OperatorField.INPUTS),
                    outputs=table.integers(OperatorField.OUTPUTS),
                    options=options,
                )
            )
    return tuple(operators)


def _options(operator: Table, name: str) -> dict[str, Option]:
    layout = OPTIONS.get(name)
    if layout is None:
        return {}
    union_type = operator.integer(OperatorField.OPTIONS_TYPE, "u8")
    if union_type not in (0, layout.union_type):
        raise ModelFormatError(f"its options are of type {union_type}, not {layout.name}")
    table = operator.table(OperatorField.OPTIONS) if union_type else None
    return {field.name: _option(table, field) for field in layout.fields}


def _option(table: Table | None, field: OptionField) -> Option:
    """One option; an absent table stands for the schema's defaults, as in the interpreters."""
    if isinstance(field.kind, tuple):
        code = table.integer(field.id, "i8") if table else 0
        return _named(field.kind, code, field.name)
    if field.kind == "float":
        return table.number(field.id) if table else 0.0
    if field.kind == "bool":
        default = bool(field.default)
        return table.boolean(field.id, default) if table else default
    value = table.integer(field.id, "i32", int(field.default)) if table else int(field.default)
    if field.kind == "count" and value < 1:
        raise ModelFormatError(f"{field.name} is {value}, it must be at least 1")
    return value


def _named(names: tuple[str, ...], code: int, what: str) -> str:
    if not 0 <= code < len(names):
        raise ModelFormatError(f"{what} {code} is unknown")
    return names[code]
