"""Everything that is read off a compressed model: size, cost, answers on each runtime."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

import qnnlab
from qnnlab.errors import RuntimeFault, RuntimeUnavailable, UnsupportedModel
from qnnlab.graph.costs import GraphCosts, graph_costs
from qnnlab.graph.integer.costs import graph_macs, integer_costs
from qnnlab.graph.integer.execute import dequantize_output, quantize_input, run_integer
from qnnlab.graph.integer.file import graph_to_bytes
from qnnlab.graph.integer.model import IntegerGraph
from qnnlab.graph.integer.reader import integer_graph
from qnnlab.graph.memory import memory_timeline, plan_memory
from qnnlab.graph.model import Graph
from qnnlab.graph.runtimes import RuntimeRun, run_model
from qnnlab.graph.tflite import parse_tflite
from qnnlab.lab.stored import stored_values
from qnnlab.methods import Compressed
from qnnlab.numerics.affine import Affine, CodeRange, dequantize, quantize
from qnnlab.numerics.agreement import agreement
from qnnlab.tasks import Split, Task
from qnnlab.tasks.metrics import METRICS
from qnnlab.values import Kind, Value

# The integer executor of `qnnlab.graph.integer`, which rounds as TFLM does.
INTEGER = "integer"
# The interpreters that every run is measured on.
MEASURED = ("litert_reference", "litert_xnnpack", "tflm")
FAKE_QUANT = "fake_quant"
# A model's score is that on the first of these that runs it: nearly every .tflite file runs on
# LiteRT's reference kernels, what the format can't carry on our executor alone.
HEADLINES = ("litert_reference", INTEGER, "litert_xnnpack", "tflm")
_NO_TFLITE = "no .tflite type has activations of so many bits"

Outcome = RuntimeRun | str  # a run, or the reason why there is none


@dataclass(frozen=True, eq=False)
class Answers:
    """What a runtime answered: `raw` codes as they came out, and the numbers they stand for."""

    version: str
    raw: NDArray[np.generic]
    real: NDArray[np.generic]


def model_inputs(graph: Graph, x: NDArray[np.float32]) -> NDArray[np.generic]:
    """`x` (samples, *input_shape) in the type that the model's input takes."""
    tensor = graph.tensors[graph.inputs[0]]
    found = _affine(tensor)
    return x if found is None else quantize(x, found).astype(tensor.dtype)


def model_outputs(graph: Graph, outputs: NDArray[np.generic]) -> NDArray[np.generic]:
    """What the model's `outputs` stand for, as real numbers."""
    found = _affine(graph.tensors[graph.outputs[0]])
    if outputs.dtype.kind == "f" or found is None:
        return outputs
    return dequantize(outputs.astype(np.int64), found)


def _affine(tensor: Any) -> Affine | None:
    """How a tensor of the file is quantized; None for floats."""
    q = tensor.quantization
    if tensor.dtype == "float32" or q is None:
        return None
    limits = np.iinfo(tensor.dtype)
    codes = CodeRange(limits.bits, signed=limits.min < 0)
    return Affine(np.asarray(q.scale[0], np.float64), np.asarray(q.zero_point[0]), codes)


def cost_values(tflite: bytes, costs: GraphCosts) -> Iterator[Value]:
    """Sizes and counts that follow from the file alone."""
    counted = "counted from the .tflite file"
    yield from _file_values(tflite, "the .tflite file")
    uncounted = f"no rule to count {', '.join(costs.uncounted)}" if costs.uncounted else None
    yield Value("macs", costs.macs_total, "MAC", "measured", counted, uncounted)
    yield Value("weight_bytes", costs.weight_bytes, "B", "measured", counted)
    yield Value("bias_bytes", costs.bias_bytes, "B", "measured", counted)
    zeros, reason = costs.weight_zero_fraction, None
    if zeros is None:
        reason = "no weights whose values can be read"
    share = None if zeros is None else 100 * zeros
    yield Value("weight_zero_pct", share, "%", "measured", counted, reason)
    largest = costs.largest_activation_bytes
    yield Value("largest_activation_bytes", largest, "B", "measured", counted)
    bound = "largest sum of live activations over the operator sequence: a lower bound"
    yield Value("peak_live_bytes", costs.peak_live_bytes, "B", "estimated", bound)


def memory_values(graph: Graph) -> Iterator[Value]:
    """Which operator sets the peak of live activations, and what our plan makes of it."""
    steps = memory_timeline(graph)
    peak = max(steps, key=lambda step: step.total, default=None)
    where = None if peak is None else f"{peak.operator} {peak.name}"
    reason = "it has no operators" if peak is None else None
    yield Value("peak_operator", where, "", "measured", "most live activations", reason)
    plan = "qnnlab memory planner, in place where legal, scratch not counted"
    yield Value("planned_bytes", plan_memory(graph).peak_bytes, "B", "estimated", plan)


def integer_values(graph: Graph) -> Iterator[Value]:
    """What is counted on the integer form, or why there is none."""
    counted, reason = "counted on the integer form", None
    try:
        costs = integer_costs(integer_graph(graph))
    except UnsupportedModel as error:
        costs, reason = None, str(error)
    for name, unit, source in (
        ("live_macs", "MAC", f"{counted}, dead channels left out"),
        ("dead_channels", "", f"{counted}: constant, or never read"),
        ("bit_operations", "", f"{counted}: MACs × weight bits × activation bits"),
        ("moved_bytes", "B", f"{counted}: each operand read, each result written once"),
    ):
        value = None if costs is None else int(getattr(costs, name))
        kind: Kind = "estimated" if name == "moved_bytes" else "measured"
        yield Value(name, value, unit, kind, source, reason)


def _file_values(content: bytes, what: str) -> Iterator[Value]:
    yield Value("file_bytes", len(content), "B", "measured", what)
    packed = len(gzip.compress(content, compresslevel=9, mtime=0))
    yield Value("gzip_bytes", packed, "B", "measured", f"gzip -9 of {what}")


def _graph_values(graph: IntegerGraph, whole: bool) -> Iterator[Value]:
    """What the integer form takes; `whole`: it is all there is, no .tflite beside it."""
    content, what = graph_to_bytes(graph), "the packed .qnn file"
    yield Value("qnn_bytes", len(content), "B", "measured", what)
    yield Value("packed_weight_bytes", graph.weight_bytes, "B", "measured", f"weights in {what}")
    if not whole:
        return
    yield from _file_values(content, what)
    yield Value("macs", graph_macs(graph), "MAC", "measured", "counted from the integer graph")
    yield Value("weight_bytes", graph.weight_bytes, "B", "measured", f"weights in {what}")
    weights = [op.weights.values() for op in graph.ops if op.weights is not None]
    zeros = sum(int((values == 0).sum()) for values in weights)
    share = 100 * zeros / max(1, sum(values.size for values in weights))
    yield Value("weight_zero_pct", share, "%", "measured", "counted from the integer graph")
    largest = max(activation.n_bytes for activation in graph.activations)
    yield Value("largest_activation_bytes", largest, "B", "measured", "packed activations")
    yield Value("arena_bytes", None, "B", "measured", "tflm", _NO_TFLITE)


def arena_value(run: Outcome) -> Value:
    """What TFLM took of its arena, or why that is not known."""
    if isinstance(run, str):
        return Value("arena_bytes", None, "B", "measured", "tflm", run)
    source = f"tflm {run.version} (64-bit host build)"
    return Value("arena_bytes", run.arena_bytes, "B", "measured", source)


def _scores(answers: Mapping[str, Answers | str], task: Task, test: Split) -> Iterator[Value]:
    """The task's metric on each runtime, and the accuracy beside it where there are classes."""
    headline = next((name for name in HEADLINES if isinstance(answers.get(name), Answers)), "")
    for runtime, run in answers.items():
        name = f"{task.metric}_{runtime}"
        if isinstance(run, str):
            yield Value(name, None, "%", "measured", runtime, run)
            continue
        score = METRICS[task.metric](run.real, test)
        what = "test samples" if score.samples == len(test) else "test recordings"
        source = f"{runtime} {run.version} on {score.samples} {what}, {task.origin} data"
        yield Value(name, score.value_pct, "%", "measured", source)
        if runtime != headline:
            continue
        interval = f"{score.interval}, {source}"
        yield Value(task.metric, score.value_pct, "%", "measured", source)
        yield Value(f"{task.metric}_low", score.low_pct, "%", "estimated", interval)
        yield Value(f"{task.metric}_high", score.high_pct, "%", "estimated", interval)
        if task.objective == "classify" and task.metric != "accuracy":
            share = METRICS["accuracy"](run.real, test).value_pct
            yield Value("accuracy", share, "%", "measured", source)


def _gap(answers: Mapping[str, Answers | str], task: Task, test: Split) -> Iterator[Value]:
    """How much the integer model scores above (+) or below the fake-quantized one."""
    integer, fake = answers.get(INTEGER), answers.get(FAKE_QUANT)
    if isinstance(integer, Answers) and isinstance(fake, Answers):
        metric = METRICS[task.metric]
        gap = metric(integer.real, test).value_pct - metric(fake.real, test).value_pct
        source = f"{integer.version} minus fake quantization in TensorFlow"
        yield Value("integer_gap", gap, "points", "measured", source)


def _agreements(answers: Mapping[str, Answers | str]) -> Iterator[Value]:
    """Equality of whole outputs, runtime by runtime; fake quantization answers in floats."""
    names = [name for name in answers if name != FAKE_QUANT]
    for a, b in combinations(names, 2):
        first, second = answers[a], answers[b]
        pair = f"{a}~{b}"
        if isinstance(first, str) or isinstance(second, str):
            reason = first if isinstance(first, str) else str(second)
            yield Value(f"identical_{pair}", None, "%", "measured", pair, reason)
            continue
        source = f"{a} {first.version} against {b} {second.version}, equality of whole outputs"
        unit = "1" if first.raw.dtype.kind == "f" else "LSB"
        found = agreement(first.raw, second.raw)
        yield Value(f"identical_{pair}", found.identical_pct, "%", "measured", source)
        yield Value(f"max_difference_{pair}", found.max_difference, unit, "measured", source)
        yield Value(f"argmax_flips_{pair}", found.argmax_flips, "samples", "measured", source)


def try_runtime(tflite: bytes, inputs: NDArray[np.generic] | None, runtime: str) -> Outcome:
    """Run the model, or say in one line why this runtime does not."""
    try:
        return run_model(tflite, inputs, runtime)
    except (RuntimeFault, RuntimeUnavailable) as error:
        return str(error)


def _integer_answers(graph: IntegerGraph, x: NDArray[np.float32]) -> Answers:
    codes = run_integer(graph, quantize_input(graph, x))
    return Answers(f"qnnlab {qnnlab.__version__}", codes, dequantize_output(graph, codes))


def measure(compressed: Compressed, task: Task, test: Split) -> tuple[Value, ...]:
    """Every figure of one compressed model, on the test split of its task."""
    answers: dict[str, Answers | str] = dict.fromkeys(MEASURED, _NO_TFLITE)
    values: list[Value] = []
    if compressed.tflite is not None:
        graph = parse_tflite(compressed.tflite)
        inputs = model_inputs(graph, test.x)
        runs = {runtime: try_runtime(compressed.tflite, inputs, runtime) for runtime in MEASURED}
        for runtime, run in runs.items():
            answers[runtime] = run if isinstance(run, str) else _answers(graph, run)
        values += [*cost_values(compressed.tflite, graph_costs(graph)), arena_value(runs["tflm"])]
        values += [] if compressed.graph is not None else stored_values(graph)
    if compressed.graph is not None:
        answers[INTEGER] = _integer_answers(compressed.graph, test.x)
        values += _graph_values(compressed.graph, whole=compressed.tflite is None)
        values += stored_values(compressed.graph)
    if compressed.simulate is not None:
        real = compressed.simulate(test.x)
        answers[FAKE_QUANT] = Answers("in TensorFlow", real, real)
    return (
        *_scores(answers, task, test),
        *_gap(answers, task, test),
        *values,
        *_agreements(answers),
    )


def _answers(graph: Graph, run: RuntimeRun) -> Answers:
    assert run.outputs is not None
    return Answers(run.version, run.outputs, model_outputs(graph, run.outputs))
