"""What a framework is asked: one model, the same inputs for all, an answer or a reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import QnnlabError
from qnnlab.graph.integer.execute import run_integer
from qnnlab.graph.integer.model import IntegerGraph
from qnnlab.graph.integer.reader import integer_graph
from qnnlab.graph.model import Graph
from qnnlab.graph.runtimes import run_model, runtime_version
from qnnlab.graph.tflite import parse_tflite
from qnnlab.lab.frameworks.twin import Twin, float_twin
from qnnlab.lab.inputs import random_samples
from qnnlab.values import Value

_FED = ("int8", "int16", "uint8", "float32")

Invoke = Callable[[NDArray[Any]], object]


@dataclass(frozen=True, eq=False)
class Reference:
    """What answers are compared with: real numbers (samples, …), by whom, and the output's step.

    `step` is the scale of the model's output, None for a model that answers in floats.
    """

    outputs: NDArray[np.floating]
    source: str
    step: float | None


@dataclass(frozen=True, eq=False, repr=False)
class Case:
    """A .tflite model with the inputs that every framework gets.

    `inputs`: (samples, …) in the type that the model takes; None for a model that can't be fed
    (several inputs, or a type without a range), which then runs once on zeros.
    """

    name: str
    content: bytes
    graph: Graph
    inputs: NDArray[Any] | None
    seed: int

    @cached_property
    def integer(self) -> IntegerGraph:
        """The integer form; raises UnsupportedModel where the model has none."""
        return integer_graph(self.graph)

    @cached_property
    def twin(self) -> Twin:
        """The same network in floats; raises RuntimeFault where none can be made."""
        return float_twin(self.content, self.graph)

    @cached_property
    def real_inputs(self) -> NDArray[np.float32]:
        """The inputs as the real numbers that they stand for; raises QnnlabError without inputs."""
        if self.inputs is None:
            raise QnnlabError("the model has no single input that random numbers can feed")
        found = self.graph.tensors[self.graph.inputs[0]].quantization
        if found is None or self.inputs.dtype.kind == "f":
            return np.asarray(self.inputs, np.float32)
        codes = self.inputs.astype(np.int64) - found.zero_point[0]
        return np.asarray(codes * float(found.scale[0]), np.float32)

    @cached_property
    def reference(self) -> Reference:
        """The integer executor's answers, or LiteRT's reference kernels' without integer form.

        Raises QnnlabError where neither runs the model.
        """
        if not self.graph.outputs:
            raise QnnlabError("the model has no output to compare")
        try:
            form = self.integer
            if self.inputs is None:
                raise QnnlabError("no inputs")
            shape = form.activations[form.input].shape
            codes = run_integer(form, self.inputs.reshape(len(self.inputs), *shape))
            source = "qnnlab integer executor, TFLM's rounding"
        except QnnlabError:
            run = run_model(self.content, self.inputs, "litert_reference")
            if run.outputs is None:
                raise QnnlabError("the model has no output to compare") from None
            codes, source = run.outputs, f"LiteRT {run.version} reference kernels"
        return Reference(self.real(codes), source, self.step)

    @property
    def step(self) -> float | None:
        """The scale of the model's output; None where it answers in floats or not at all."""
        if not self.graph.outputs:
            return None
        output = self.graph.tensors[self.graph.outputs[0]]
        if output.quantization is None or output.dtype == "float32":
            return None
        return float(output.quantization.scale[0])

    def real(self, outputs: NDArray[Any]) -> NDArray[np.floating]:
        """What output codes of this model stand for, (samples, elements)."""
        return real_outputs(self.graph, outputs)


@dataclass(frozen=True, eq=False, repr=False)
class Trial:
    """What a framework made of a model that it accepts.

    `outputs`: real numbers (samples, elements), None for a tool that compiles only. `values`:
    stored_bytes, arena_bytes and what else the tool tells. `covered` of `operators` operators
    run on what the framework is about; `uncovered` names the others. `artifact` and `feed`: what
    `Framework.open` takes to time it, and the sample it then gets.
    """

    form: str
    outputs: NDArray[np.floating] | None
    values: tuple[Value, ...]
    covered: int
    operators: int
    uncovered: tuple[str, ...] = ()
    artifact: bytes | None = None
    feed: NDArray[Any] | None = None
    note: str = ""


@dataclass(frozen=True)
class Framework:
    """A framework that runs on this computer.

    `catalog`: its key in `data/survey/frameworks.csv`, empty for our own. `version` raises
    RuntimeUnavailable or MissingExtra where it is not installed. `attempt` raises QnnlabError, one
    line, for a model that it does not take. `open` readies an artifact for timing, in a process
    of its own; None for a tool that does not run models. Tables list by `order`, then by name.
    """

    name: str
    title: str
    catalog: str
    does: str
    version: Callable[[], str]
    attempt: Callable[[Case], Trial]
    open: Callable[[Path], Invoke] | None = None
    order: int = 50


def make_case(name: str, content: bytes, inputs: int = 16, seed: int = 0) -> Case:
    """A model with `inputs` random samples over its whole range of codes (floats: normal).

    Raises ModelFormatError for a file that can't be read.
    """
    graph = parse_tflite(content)
    fed = None
    if len(graph.inputs) == 1 and graph.tensors[graph.inputs[0]].dtype in _FED:
        fed = random_samples(graph, inputs, seed).inputs
    return Case(name, content, graph, fed, seed)


def real_outputs(graph: Graph, outputs: NDArray[Any]) -> NDArray[np.floating]:
    """What output codes (samples, …) of a model stand for, (samples, elements) in float64."""
    flat = outputs.reshape(len(outputs), -1)
    found = graph.tensors[graph.outputs[0]].quantization
    if found is None or flat.dtype.kind == "f":
        return flat.astype(np.float64)
    codes = flat.astype(np.int64) - int(found.zero_point[0])
    return np.asarray(codes * float(found.scale[0]), np.float64)


def package_version(runtime: str) -> Callable[[], str]:
    """A Framework's `version` for an interpreter of `qnnlab.graph.runtimes`."""
    return lambda: runtime_version(runtime)


def counted(names: list[str]) -> tuple[str, ...]:
    """Names of operators, each once with how often it occurs: `CONV_2D ×3`."""
    return tuple(
        name if names.count(name) == 1 else f"{name} ×{names.count(name)}"
        for name in dict.fromkeys(names)
    )
