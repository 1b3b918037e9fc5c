"""Throughput of the integer executor against TFLM's, side by side in one run.

    python benchmarks/executor.py
    python benchmarks/executor.py --samples 200 --rounds 3

Both get the same inputs. TFLM's time is that of its own process from the first invocation to the
last, model loading and process start not counted; ours is that of `run_integer`. Contenders take
turns; the medians are compared. Answers must be equal, or there is no ratio.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MODELS = {
    "kws": "kws_ref_model.tflite",
    "ic": "pretrainedResnet_quant.tflite",
    "vww": "vww_96_int8.tflite",
    "ad": "ad01_int8.tflite",
}


def tflm_seconds(model: bytes, inputs: NDArray[np.int8]) -> tuple[float, NDArray[np.int8]]:
    """Seconds of TFLM's Python interpreter over all inputs, and its answers."""
    from tflite_micro.python.tflite_micro import runtime

    interpreter = runtime.Interpreter.from_bytes(model, arena_size=2**22)
    shape = tuple(interpreter.get_input_details(0)["shape"])
    answers = []
    start = time.perf_counter()
    for sample in inputs:
        interpreter.set_input(sample.reshape(shape), 0)
        interpreter.invoke()
        answers.append(interpreter.get_output(0))
    return time.perf_counter() - start, np.stack(answers)


def our_seconds(path: Path, inputs: NDArray[np.int8]) -> tuple[float, NDArray[np.int8]]:
    """Seconds of the integer executor over all inputs, and its answers."""
    from qnnlab.graph.integer.execute import run_integer
    from qnnlab.graph.integer.reader import read_integer_graph

    graph = read_integer_graph(path)
    shaped = inputs.reshape(len(inputs), *graph.activations[graph.input].shape)
    start = time.perf_counter()
    answers = run_integer(graph, shaped)
    return time.perf_counter() - start, answers


def main() -> int:
    """Print a row for each model; 1 where answers differ."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    from qnnlab.files import resource

    rng = np.random.default_rng(0)
    print(f"{os.cpu_count()} cores, {arguments.samples} inputs, medians of {arguments.rounds}")
    print(f"{'model':6}{'TFLM/s':>10}{'ours/s':>10}{'ratio':>8}")
    equal = True
    for name, file in MODELS.items():
        path = resource(f"data/mlperf_tiny/models/{file}")
        model = path.read_bytes()
        from qnnlab.graph.tflite import parse_tflite

        graph = parse_tflite(model)
        size = graph.tensors[graph.inputs[0]].n_elements
        inputs = rng.integers(-128, 128, (arguments.samples, size)).astype(np.int8)
        times: dict[str, list[float]] = {"tflm": [], "ours": []}
        for _ in range(arguments.rounds):
            seconds, theirs = tflm_seconds(model, inputs)
            times["tflm"].append(seconds)
            seconds, ours = our_seconds(path, inputs)
            times["ours"].append(seconds)
            equal &= bool((theirs.reshape(ours.shape) == ours).all())
        rates = {k: arguments.samples / statistics.median(v) for k, v in times.items()}
        ratio = rates["ours"] / rates["tflm"]
        print(f"{name:6}{rates['tflm']:>10.1f}{rates['ours']:>10.1f}{ratio:>8.2f}")
    print("answers equal" if equal else "answers differ: no ratio holds")
    return 0 if equal else 1


if __name__ == "__main__":
    raise SystemExit(main())
