"""Write .tflite files with LiteRT's own schema, constants aligned as kernels want them."""

from __future__ import annotations

from typing import Any

import numpy as np

from qnnlab.errors import MissingExtra
from qnnlab.graph.schema import IDENTIFIER

# Kernels read constants as words; LiteRT maps the file and wants them aligned in it.
_ALIGNMENT = 16


def tflite_schema() -> Any:
    """LiteRT's schema classes; raises MissingExtra where it is not installed."""
    try:
        from ai_edge_litert import schema_py_generated
    except ImportError:
        raise MissingExtra(
            "writing a .tflite needs ai-edge-litert: pip install qnnlab[runtimes]"
        ) from None
    return schema_py_generated


def constant_buffer(schema: Any, data: bytes) -> Any:
    """A BufferT of `data` that is aligned when it is packed; empty for no data."""
    buffer = schema.BufferT()
    raw = np.frombuffer(data, np.uint8)
    if not raw.size:
        return buffer
    buffer.data = raw
    plain = buffer.Pack

    def pack(builder: Any) -> int:
        builder.Prep(_ALIGNMENT, raw.size)
        offset: int = plain(builder)
        return offset

    buffer.Pack = pack
    return buffer


def packed_model(model: Any) -> bytes:
    """The file of a ModelT; equal models give equal bytes."""
    import flatbuffers  # type: ignore[import-untyped]

    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())
