"""Write a memory plan into a .tflite file, where TFLite Micro takes it instead of planning itself.

Metadata "OfflineMemoryAllocation": int32 words 1 (version), 0 (subgraph), the number of tensors
and a byte offset for each, −1 where TFLM shall choose. Source: tensorflow/tflite-micro,
docs/memory_management.md, "Offline planned tensor allocations".
"""

from __future__ import annotations

import numpy as np

from qnnlab.graph.memory.planner import MemoryPlan, plan_memory
from qnnlab.graph.tflite import parse_tflite
from qnnlab.graph.writing import constant_buffer, packed_model, tflite_schema

_NAME = "OfflineMemoryAllocation"
_VERSION = 1
_ONLINE = -1


def with_memory_plan(model: bytes, plan: MemoryPlan | None = None) -> bytes:
    """`model` with a plan that TFLM follows; by default the one of `plan_memory`.

    Operators, weights and answers stay what they are. Raises ModelFormatError for a model that
    can't be read and MissingExtra without LiteRT, whose schema it writes with.
    """
    graph = parse_tflite(model)
    plan = plan_memory(graph) if plan is None else plan
    schema = tflite_schema()
    offsets = [plan.offset_of(tensor.index) for tensor in graph.tensors]
    words = [_VERSION, 0, len(offsets), *(_ONLINE if o is None else o for o in offsets)]
    tree = schema.ModelT.InitFromPackedBuf(bytearray(model), 0)
    tree.buffers = [
        constant_buffer(schema, b"" if buffer.data is None else bytes(buffer.data))
        for buffer in tree.buffers
    ]
    tree.buffers.append(constant_buffer(schema, np.array(words, "<i4").tobytes()))
    entry = schema.MetadataT()
    entry.name, entry.buffer = _NAME, len(tree.buffers) - 1
    kept = [m for m in tree.metadata or [] if _text(m.name) != _NAME]
    tree.metadata = [*kept, entry]
    return packed_model(tree)


def _text(name: bytes | str | None) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else name or ""
