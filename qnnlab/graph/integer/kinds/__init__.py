"""The kinds of operators of an IntegerGraph, a file a family; a new file is found by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from qnnlab.errors import ModelFormatError
from qnnlab.graph.integer.kinds.kind import Kind
from qnnlab.registry import LazyNames, modules_of, plug_ins


def _readers() -> dict[str, Callable[[Any, Any], None]]:
    found: dict[str, Callable[[Any, Any], None]] = {}
    for module in modules_of(__name__):
        found.update(getattr(module, "READERS", {}))
    return found


#: Kinds by name.
KINDS: Mapping[str, Kind] = LazyNames("kind", lambda: plug_ins(__name__, "KINDS"), ModelFormatError)

#: By .tflite operator, what reads it: (reader, operator) → operators appended to the reader.
READERS: Mapping[str, Callable[[Any, Any], None]] = LazyNames(
    "operator", _readers, ModelFormatError
)
