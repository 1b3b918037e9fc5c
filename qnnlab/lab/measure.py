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
from qnnlab.numerics.affine import quantize
from qnnlab.numerics.agreement import agreement
from qnnlab.tasks import TaskData
from qnnlab.tasks.metrics import accuracy
from qnnlab.values import Value

# The runtime that every method here runs on; its accuracy is the one that methods compare by.
HEADLINE_RUNTIME = "litert_reference"

Outcome = RuntimeRun | str  # a run, or the reason why there is none


def model_inputs(graph: Graph, x: NDArray[np.float32]) -> NDArray[np.generic]:
    """`x` (samples, *input_shape) in the type that the model's input takes."""
    tensor = graph.tensors[graph.inputs[0]]
    if tensor.dtype == "float32" or tensor.quantization is None:
        return x
    q = tensor.quantization
    return quantize(x, float(q.scale[0]), int(q.zero_point[0]), np.dtype(tensor.dtype))


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


def _accuracies(runs: dict[str, Outcome], data: TaskData) -> Iterator[Value]:
    for runtime, run in runs.items():
        name = f"accuracy_{runtime}"
        if isinstance(run, str):
            yield Value(name, None, "%", "measured", runtime, run)
            continue
        assert run.outputs is not None
        source = f"{runtime} {run.version} on {len(data.test.y)} test samples"
        score = accuracy(run.outputs, data.test.y)
        yield Value(name, score.accuracy_pct, "%", "measured", source)
        if runtime == HEADLINE_RUNTIME:
            wilson = f"95 % Wilson interval, {source}"
            yield Value("accuracy", score.accuracy_pct, "%", "measured", source)
            yield Value("accuracy_low", score.low_pct, "%", "estimated", wilson)
            yield Value("accuracy_high", score.high_pct, "%", "estimated", wilson)


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


def measure(tflite: bytes, data: TaskData) -> tuple[Value, ...]:
    """Every figure of one converted model, on the test split of `data`."""
    graph = parse_tflite(tflite)
    inputs = model_inputs(graph, data.test.x)
    runs = {runtime: try_runtime(tflite, inputs, runtime) for runtime in RUNTIMES}
    return (
        *_accuracies(runs, data),
        *cost_values(tflite, graph_costs(graph)),
        arena_value(runs["tflm"]),
        *_agreements(runs),
    )
