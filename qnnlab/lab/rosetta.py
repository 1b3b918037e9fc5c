"""Same model, different answers: interpreters and rounding rules side by side, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from qnnlab.errors import QnnlabError, RuntimeFault, RuntimeUnavailable, SpecError, unknown_name
from qnnlab.graph.integer.execute import run_integer, run_layers
from qnnlab.graph.integer.model import IntegerGraph
from qnnlab.graph.integer.reader import integer_graph_places
from qnnlab.graph.integer.rounding import ROUNDING, ROUNDINGS
from qnnlab.graph.layers import layer_outputs
from qnnlab.graph.model import Graph
from qnnlab.graph.runtimes import RUNTIMES, SHOWN, run_model, runtime_version
from qnnlab.graph.tflite import parse_tflite
from qnnlab.lab.inputs import Samples
from qnnlab.numerics.agreement import agreement

#: Names of our executor with each rounding rule.
EXECUTORS: tuple[str, ...] = tuple(f"ours_{name}" for name in ROUNDINGS)
CONTENDERS: tuple[str, ...] = (*RUNTIMES, *EXECUTORS)


@dataclass(frozen=True, eq=False)
class Answer:
    """What one contender answered: `outputs` (samples, …), or None and the `reason`.

    `name` is one of CONTENDERS: an interpreter, or our executor with a rounding rule.
    """

    name: str
    title: str
    outputs: NDArray[Any] | None
    source: str
    reason: str | None = None


@dataclass(frozen=True, eq=False)
class Rosetta:
    """The answers of all contenders to the same samples."""

    answers: tuple[Answer, ...]
    samples: Samples

    @property
    def answered(self) -> tuple[Answer, ...]:
        """Those that answered."""
        return tuple(answer for answer in self.answers if answer.outputs is not None)

    def __getitem__(self, name: str) -> Answer:
        return {answer.name: answer for answer in self.answers}[name]

    def pairs(self) -> pd.DataFrame:
        """One row a pair: identical outputs (%), largest difference in codes, argmax flips."""
        rows = []
        for a, b in combinations(self.answered, 2):
            assert a.outputs is not None
            assert b.outputs is not None
            first, second = _flat(a.outputs), _flat(b.outputs)
            if first.dtype != second.dtype or first.shape != second.shape:
                continue
            found = agreement(first, second)
            rows.append(
                {
                    "first": a.name,
                    "second": b.name,
                    "identical_pct": found.identical_pct,
                    "codes_identical_pct": 100.0 * float((first == second).mean()),
                    "max_lsb": found.max_difference,
                    "argmax_flips": found.argmax_flips,
                }
            )
        columns = ["first", "second", "identical_pct", "codes_identical_pct"]
        return pd.DataFrame(rows, columns=[*columns, "max_lsb", "argmax_flips"])

    def matrix(self, quantity: str = "identical_pct") -> pd.DataFrame:
        """Contenders × contenders of one column of `pairs`."""
        names = [answer.name for answer in self.answered]
        same = 100.0 if quantity.endswith("pct") else 0.0
        table = pd.DataFrame(same, index=names, columns=names)
        for row in self.pairs().to_dict("records"):
            table.loc[row["first"], row["second"]] = row[quantity]
            table.loc[row["second"], row["first"]] = row[quantity]
        return table

    def accuracy(self) -> pd.Series:
        """Top-1 accuracy (%) of each contender; empty without labels."""
        labels = self.samples.labels
        if labels is None:
            return pd.Series(dtype=float)
        found = {}
        for answer in self.answered:
            assert answer.outputs is not None
            found[answer.name] = 100.0 * float((_flat(answer.outputs).argmax(1) == labels).mean())
        return pd.Series(found, dtype=float)


def _flat(outputs: NDArray[Any]) -> NDArray[Any]:
    return outputs.reshape(len(outputs), -1)


def rosetta(model: bytes, samples: Samples, contenders: Sequence[str] = CONTENDERS) -> Rosetta:
    """Ask every contender; one that can't answer says why.

    Raises ModelFormatError for a model that can't be read and SpecError for an unknown contender.
    """
    for name in contenders:
        if name not in CONTENDERS:
            raise SpecError(unknown_name("contender", name, CONTENDERS))
    graph = parse_tflite(model)
    form = _integer_form(graph)
    answers = tuple(_answer(name, model, form, samples.inputs) for name in contenders)
    return Rosetta(answers, samples)


_Form = tuple[IntegerGraph, Mapping[int, int]] | str


def _integer_form(graph: Graph) -> _Form:
    try:
        return integer_graph_places(graph)
    except QnnlabError as error:
        return str(error)


def _answer(name: str, model: bytes, form: _Form, inputs: NDArray[Any]) -> Answer:
    if name in RUNTIMES:
        try:
            run = run_model(model, inputs, name)
        except (RuntimeFault, RuntimeUnavailable) as error:
            return Answer(name, SHOWN[name], None, name, str(error))
        return Answer(name, SHOWN[name], run.outputs, f"{name} {run.version}")
    rule = ROUNDING[name.removeprefix("ours_")]
    title = f"qnnlab, {rule.name}"
    if isinstance(form, str):
        return Answer(name, title, None, rule.title, form)
    graph = form[0]
    if inputs.dtype.kind == "f":
        return Answer(name, title, None, rule.title, "the model takes floats")
    codes = inputs.reshape(len(inputs), *graph.activations[graph.input].shape)
    return Answer(name, title, run_integer(graph, codes, rule.name), rule.title)


def layer_differences(
    model: bytes, samples: Samples, first: str = "tflm", second: str = "litert_reference"
) -> pd.DataFrame:
    """Where two contenders part: one row an operator, in execution order.

    Columns: operator (index in the file), name, tensor, differing_pct (of the output's codes),
    max_lsb, arises: whether the operator's own inputs were still equal. Operators whose output
    one of the two does not give are left out. Raises ModelFormatError, SpecError for an unknown
    contender and RuntimeUnavailable.
    """
    graph = parse_tflite(model)
    sides = [_layers(name, graph, model, samples.inputs) for name in (first, second)]
    rows: list[dict[str, Any]] = []
    apart: set[int] = set()
    for operator in graph.operators:
        for index in operator.outputs:
            if not all(index in side for side in sides):
                continue
            a, b = (_flat(side[index]).astype(np.float64) for side in sides)
            difference = np.abs(a - b)
            differs = bool(difference.any())
            if differs:
                apart.add(index)
            rows.append(
                {
                    "operator": operator.index,
                    "name": operator.name,
                    "tensor": graph.tensors[index].name,
                    "differing_pct": 100.0 * float((difference > 0).mean()),
                    "max_lsb": float(difference.max(initial=0)),
                    "arises": differs and not apart.intersection(operator.inputs),
                }
            )
    columns = ["operator", "name", "tensor", "differing_pct", "max_lsb", "arises"]
    return pd.DataFrame(rows, columns=columns)


def _layers(
    name: str, graph: Graph, model: bytes, inputs: NDArray[Any]
) -> Mapping[int, NDArray[Any]]:
    """By tensor, what a contender computes for it."""
    if name in RUNTIMES:
        runtime_version(name)
        tensors = [index for operator in graph.operators for index in operator.outputs]
        return layer_outputs(model, inputs, name, tensors)
    if name not in EXECUTORS:
        raise SpecError(unknown_name("contender", name, CONTENDERS))
    form, places = integer_graph_places(graph)
    codes = inputs.reshape(len(inputs), *form.activations[form.input].shape)
    layers = run_layers(form, codes, name.removeprefix("ours_"))
    return {tensor: layers[place] for tensor, place in places.items()}
