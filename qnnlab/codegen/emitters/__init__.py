"""C of the kinds of operators, a file a family; a new file is found by itself."""

from __future__ import annotations

from collections.abc import Callable

from qnnlab.codegen.context import Emission, Emitted
from qnnlab.errors import CodegenError
from qnnlab.graph.integer.model import IntegerGraph, Op
from qnnlab.registry import modules_of

#: Adds functions and constants of an operator to the emission; the name is its function's.
Emitter = Callable[[Emission, Op, str], Emitted]


def emitters() -> dict[tuple[str, int], Emitter]:
    """By kind of operator and width of its activations, 8 or 16."""
    found: dict[tuple[str, int], Emitter] = {}
    for module in modules_of(__name__):
        found.update(getattr(module, "EMITTERS", {}))
    return found


def emitter_of(graph: IntegerGraph, op: Op) -> Emitter:
    """What emits `op`; raises CodegenError for none."""
    wide = any(graph.activations[i].wide for i in (*op.inputs, op.output))
    found = emitters()
    if (op.kind, 16 if wide else 8) in found:
        return found[op.kind, 16 if wide else 8]
    known = any(kind == op.kind for kind, _ in found)
    width = f" with activations of {16 if wide else 8} bits" if known else ""
    raise CodegenError(f"operator {op.name!r}: no C is generated for {op.kind}{width}")
