"""What the emitters of operators share: the graph, the kernels, the templates, the scratch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from qnnlab.errors import MissingExtra
from qnnlab.graph.integer.model import Activation, IntegerGraph, Op
from qnnlab.graph.integer.ranges import CodeRange
from qnnlab.graph.integer.rounding import clamp_range


@lru_cache(maxsize=1)
def _environment() -> Any:
    try:
        import jinja2
    except ImportError:
        raise MissingExtra("generating C needs jinja2: pip install qnnlab[firmware]") from None
    return jinja2.Environment(
        loader=jinja2.PackageLoader("qnnlab.codegen"),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )


def render(template: str, **values: Any) -> str:
    """The text of a template of this room."""
    text: str = _environment().get_template(f"{template}.c.j2").render(**values)
    return text


@dataclass(frozen=True)
class Emitted:
    """One operator as C: the statement that runs it and what it asks of memory.

    In `call`, {0}, {1}, … stand for the inputs, {out} for the output and {scratch} for
    `scratch_bytes` of memory of its own. `over`: the output may lie over an input of the same
    size ("same"), over the first one that is not smaller ("smaller"), or over none ("").
    """

    call: str
    scratch_bytes: int = 0
    over: str = ""


@dataclass
class Emission:
    """A model under construction.

    `isa` names the instruction set. `parts` are functions and constants in order, `shared` those
    that several operators use, by name; `weight_bytes` is what weights take as they are stored,
    `left_shifts` whether a weighted layer scales by half and more.
    """

    graph: IntegerGraph
    isa: str
    ranges: Sequence[CodeRange]
    parts: list[str] = field(default_factory=list)
    shared: dict[str, str] = field(default_factory=dict)
    weight_bytes: int = 0
    left_shifts: bool = False

    def ends(self, op: Op) -> tuple[Activation, Activation]:
        """The first input's and the output's activation."""
        return self.graph.activations[op.inputs[0]], self.graph.activations[op.output]

    def c_type(self, index: int) -> str:
        """The C type of an activation's codes."""
        return f"{self.graph.activations[index].dtype.name}_t"

    def typed_call(self, op: Op, name: str) -> str:
        """The call of a function that takes inputs and output in their own types."""
        given = [f"(const {self.c_type(index)} *)({{{i}}})" for i, index in enumerate(op.inputs)]
        return f"{name}({', '.join(given)}, ({self.c_type(op.output)} *)({{out}}));"

    def limits(self, op: Op) -> dict[str, int]:
        """The clamp of the output: `low` and `high`."""
        low, high = clamp_range(self.graph.activations[op.output], op.relu)
        return {"low": low, "high": high}
