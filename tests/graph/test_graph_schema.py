"""The schema's numbers agree with the schema that LiteRT ships."""

from __future__ import annotations

import re
from typing import Any

import pytest

from qnnlab.graph import schema as ours
from qnnlab.graph.options import OPTIONS
from qnnlab.graph.tflite import parse_tflite


def _names(enum: type) -> dict[int, str]:
    return {code: name for name, code in vars(enum).items() if not name.startswith("_")}


@pytest.mark.parametrize(
    ("ours_names", "enum"),
    [
        ("OPERATOR_NAMES", "BuiltinOperator"),
        ("ACTIVATIONS", "ActivationFunctionType"),
        ("PADDINGS", "Padding"),
        ("WEIGHTS_FORMATS", "FullyConnectedOptionsWeightsFormat"),
        ("LSTM_KERNELS", "LSTMKernelType"),
        ("MIRROR_MODES", "MirrorPadMode"),
    ],
)
def test_enums_equal_litert(schema: Any, ours_names: str, enum: str) -> None:
    assert dict(enumerate(getattr(ours, ours_names))) == _names(getattr(schema, enum))


def test_types_equal_litert(schema: Any) -> None:
    theirs = {code: name.lower() for code, name in _names(schema.TensorType).items()}
    assert dict(enumerate(ours.TENSOR_TYPES)) == theirs
    assert set(ours.TYPE_BITS) == set(ours.TENSOR_TYPES) - {"string", "resource", "variant"}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_options_survive_litert_writer(schema: Any, single: Any, name: str) -> None:
    """Each field gets a value of its own, written by LiteRT's schema and read by ours."""
    layout = OPTIONS[name]
    options = getattr(schema, f"{layout.name}T")()
    expected: dict[str, object] = {}
    for index, field in enumerate(layout.fields):
        value: object = index + 2
        if isinstance(field.kind, tuple):
            code = len(field.kind) - 1
            expected[field.name] = field.kind[code]
            value = code
        elif field.kind == "bool":
            value = expected[field.name] = not field.default
        else:
            expected[field.name] = value
        setattr(options, _camel(field.name), value)
    found = parse_tflite(single(name, *_operands(name, expected), options=options))
    assert dict(found.operators[0].options) == expected


def _operands(name: str, options: dict[str, object]) -> list[tuple[Any, ...]]:
    """Operands whose ranks and channels fit the operator."""
    four = ((1, 1, 1, 1), "FLOAT32", None)
    five = ((1, 1, 1, 1, 1), "FLOAT32", None)
    if name == "DEPTHWISE_CONV_2D":
        channels = int(str(options["depth_multiplier"]))
        wide = ((1, 1, 1, channels), "FLOAT32", None)
        return [four, wide, wide]
    if name == "FULLY_CONNECTED":
        return [four, ((1, 1), "FLOAT32", None), four]
    if "3D" in name:
        return [five] * 4
    return [four] * (4 if name == "TRANSPOSE_CONV" else 3)


def test_options_defaults_equal_litert(schema: Any) -> None:
    for layout in OPTIONS.values():
        theirs = getattr(schema, f"{layout.name}T")()
        for field in layout.fields:
            assert getattr(theirs, _camel(field.name)) == field.default, (layout.name, field.name)


def test_options_types_equal_litert(schema: Any) -> None:
    theirs = _names(schema.BuiltinOptions)
    assert all(theirs[layout.union_type] == layout.name for layout in OPTIONS.values())


@pytest.mark.parametrize(
    ("ours_fields", "table"),
    [
        ("ModelField", "Model"),
        ("OperatorCodeField", "OperatorCode"),
        ("SubGraphField", "SubGraph"),
        ("TensorField", "Tensor"),
        ("QuantizationField", "QuantizationParameters"),
        ("BufferField", "Buffer"),
        ("OperatorField", "Operator"),
    ],
)
def test_field_ids_equal_litert(schema: Any, ours_fields: str, table: str) -> None:
    """LiteRT's builder functions write each field into the slot that we read."""
    for name, field in vars(getattr(ours, ours_fields)).items():
        if name.startswith("_"):
            continue
        word = "BUILTIN_" + name if name.startswith("OPTIONS") else name
        written = _Slots()
        getattr(schema, f"{table}Add{_pascal(word)}")(written, 1)
        assert written.slots == [field], name


def _pascal(name: str) -> str:
    return re.sub(r"(^|_)([a-z])", lambda found: found[2].upper(), name.lower())


class _Slots:
    """A builder that only notes which slot is written."""

    def __init__(self) -> None:
        self.slots: list[int] = []

    def __getattr__(self, name: str) -> Any:
        assert name.endswith("Slot"), name
        return lambda slot, *_: self.slots.append(slot)
