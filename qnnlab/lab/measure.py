"""Everything that is read off a .tflite file: size, cost, answers on each runtime."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import RuntimeFault, RuntimeUnavailable
from qnnlab.graph.costs import GraphCosts, graph_costs
from qnnlab.graph.model import Graph
from qnnlab.graph.runtimes import RUNTIMES, RuntimeRun, run_model
from qnnlab.graph.tflite import parse_tflite
from qnnlab.numerics.affine import dequantize, quantize
from qnnlab.numerics.agreement import agreement
from qnnlab.tasks import Split, Task
from qnnlab.tasks.metrics import METRICS
from qnnlab.values import Value

# The runtime that every method here runs on; its score is the one that methods compare by.
HEADLINE_RUNTIME = "litert_reference"

Outcome = RuntimeRun | str  # a run, or the reason why there is none


def model_inputs(graph: Graph, x: NDArray[np.float32]) -> NDArray[np.generic]:
    """`x` (samples, *input_shape) in the type that the model's input takes."""
    tensor = graph.tensors[graph.inputs[0]]
    if tensor.dtype == "float32" or tensor.quantization is None:
        return x
    q = tensor.quantization
    return quantize(x, float(q.scale[0]), int(q.zero_point[0]), np.dtype(tensor.dtype))


def model_outputs(graph: Graph, outputs: NDArray[np.generic]) -> NDArray[np.generic]:
    """What the model's `outputs` stand for, as real numbers."""
    q = graph.tensors[graph.outputs[0]].quantization
    if outputs.dtype.kind == "f" or q is None:
        return outputs
    codes = outputs.astype(np.int64)
    return dequantize(codes, float(q.scale[0]), int(q.zero_point[0]))


def cost_values(tflite: bytes, costs: GraphCosts) -> Iterator[Value]:
    """Sizes and counts that follow from the file alone."""
    counted = "counted from the .tflite file"
    yield Value("file_bytes", len(tflite), "B", "measured", "the .tflite file")
    packed = len(gzip.compress(tflite, compresslevel=9, mtime=0))
    yield Value("gzip_bytes", packed, "B", "measured", "gzip -9 of the .tflite file")
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


def arena_value(run: Outcome) -> Value:
    """What TFLM took of its arena, or why that is not known."""
    if isinstance(run, str):
        return Value("arena_bytes", None, "B", "measured", "tflm", run)
    source = f"tflm {run.version} (64-bit host build)"
    return Value("arena_bytes", run.arena_bytes, "B", "measured", source)


def _scores(runs: dict[str, Outcome], graph: Graph, task: Task, test: Split) -> Iterator[Value]:
    """The task's metric on each runtime, and the accuracy beside it where there are classes."""
    for runtime, run in runs.items():
        name = f"{task.metric}_{runtime}"
        if isinstance(run, str):
            yield Value(name, None, "%", "measured", runtime, run)
            continue
        assert run.outputs is not None
        score = METRICS[task.metric](model_outputs(graph, run.outputs), test)
        what = "test samples" if score.samples == len(test) else "test recordings"
        source = f"{runtime} {run.version} on {score.samples} {what}, {task.origin} data"
        yield Value(name, score.value_pct, "%", "measured", source)
        if runtime != HEADLINE_RUNTIME:
            continue
        interval = f"{score.interval}, {source}"
        yield Value(task.metric, score.value_pct, "%", "measured", source)
        yield Value(f"{task.metric}_low", score.low_pct, "%", "estimated", interval)
        yield Value(f"{task.metric}_high", score.high_pct, "%", "estimated", interval)
        if task.objective == "classify" and task.metric != "accuracy":
            share = METRICS["accuracy"](run.outputs, test).value_pct
            yield Value("accuracy", share, "%", "measured", source)


def _agreements(runs: dict[str, Outcome]) -> Iterator[Value]:
    for a, b in combinations(RUNTIMES, 2):
        first, second = runs[a], runs[b]
        pair = f"{a}~{b}"
        reason = next((r for r in (first, second) if isinstance(r, str)), None)
        if isinstance(first, str) or isinstance(second, str):
            yield Value(f"identical_{pair}", None, "%", "measured", pair, reason)
            continue
        assert first.outputs is not None
        assert second.outputs is not None
        source = f"{a} {first.version} against {b} {second.version}, equality of whole outputs"
        unit = "1" if first.outputs.dtype.kind == "f" else "LSB"
        found = agreement(first.outputs, second.outputs)
        yield Value(f"identical_{pair}", found.identical_pct, "%", "measured", source)
        yield Value(f"max_difference_{pair}", found.max_difference, unit, "measured", source)
        yield Value(f"argmax_flips_{pair}", found.argmax_flips, "samples", "measured", source)


def try_runtime(tflite: bytes, inputs: NDArray[np.generic] | None, runtime: str) -> Outcome:
    """Run the model, or say in one line why this runtime does not."""
    try:
        return run_model(tflite, inputs, runtime)
    except (RuntimeFault, RuntimeUnavailable) as error:
        return str(error)


def measure(tflite: bytes, task: Task, test: Split) -> tuple[Value, ...]:
    """Every figure of one converted model, on the test split of its task."""
    graph = parse_tflite(tflite)
    inputs = model_inputs(graph, test.x)
    runs = {runtime: try_runtime(tflite, inputs, runtime) for runtime in RUNTIMES}
    return (
        *_scores(runs, graph, task, test),
        *cost_values(tflite, graph_costs(graph)),
        arena_value(runs["tflm"]),
        *_agreements(runs),
    )
