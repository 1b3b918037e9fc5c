"""Generated firmware against its peers: executed instructions, memory, equality, by core.

    python benchmarks/firmware.py                       # the four models on every emulated core
    python benchmarks/firmware.py --samples 100         # equality on a hundred random inputs each
    python benchmarks/firmware.py --widths              # weights of 8, 4, 2 and 1 bits
    python benchmarks/firmware.py --dead                # with and without dead channels

Instructions are counted, not timed: the figures are the same on every machine. Peers' figures are
quoted from data/runtimes/firmware_peers.csv. Answers are compared with the integer executor's,
byte for byte, and with TFLM's where it is installed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from qnnlab.files import resource
from qnnlab.graph.integer.model import IntegerGraph
from qnnlab.graph.integer.passes import remove_dead_channels, with_weight_bits
from qnnlab.graph.integer.reader import read_integer_graph
from qnnlab.graph.runtimes import available_runtimes, run_model
from qnnlab.lab.bench import CoreRun, bench_model, emulated_cores, random_codes
from qnnlab.lab.firmware_peers import PEER_MODELS, best_peers

FOLDER = resource("data/mlperf_tiny/models")


def _row(model: str, variant: str, run: CoreRun, seconds: float) -> dict[str, Any]:
    if run.firmware is None:
        return {"model": model, "variant": variant, "core": run.core, "reason": run.reason}
    found = {value.name: value.value for value in run.values()}
    peers = best_peers()
    key = (model, run.core)
    peer = peers.loc[key]["instructions"] if key in peers.index else None
    return {
        "model": model,
        "variant": variant,
        "core": run.core,
        "instructions": found["instructions"],
        "per_mac": round(found["instructions_per_mac"], 3),
        "peer": peer,
        "ratio": None if peer is None else round(found["instructions"] / peer, 3),
        "code": found["code_bytes"],
        "weights": found["weight_bytes"],
        "arena": found["arena_bytes"],
        "stack": found["stack_bytes"],
        "cycles_low": found.get("cycles_low"),
        "cycles_high": found.get("cycles_high"),
        "inputs": len(run.runs),
        "differing": run.differing,
        "seconds": round(seconds, 1),
    }


def _variants(graph: IntegerGraph, args: argparse.Namespace) -> Iterator[tuple[str, IntegerGraph]]:
    yield "int8", graph
    if args.widths:
        for bits in (4, 2, 1):
            yield f"{bits} bit", with_weight_bits(graph, bits)
    if args.dead:
        yield "no dead channels", remove_dead_channels(graph).graph


def _tflm_differs(model: str, graph: IntegerGraph, codes: np.ndarray[Any, Any]) -> int | None:
    """Inputs on which TFLM answers otherwise than the integer executor."""
    from qnnlab.graph.integer.execute import run_integer

    if "tflm" not in available_runtimes():
        return None
    content = (FOLDER / PEER_MODELS[model]).read_bytes()
    theirs = np.asarray(run_model(content, codes, "tflm").outputs).reshape(len(codes), -1)
    ours = run_integer(graph, codes).reshape(len(codes), -1)
    return int((theirs != ours).any(axis=1).sum())


def main() -> None:
    """Print the table, as CSV with --csv."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=list(PEER_MODELS), choices=PEER_MODELS)
    parser.add_argument("--cores", nargs="+", default=list(emulated_cores()))
    parser.add_argument("--samples", type=int, default=1)
    parser.add_argument("--compiler", default="zig", choices=["zig", "gcc"])
    parser.add_argument("--widths", action="store_true")
    parser.add_argument("--dead", action="store_true")
    parser.add_argument("--csv", action="store_true")
    args = parser.parse_args()
    rows = []
    for model in args.models:
        graph = read_integer_graph(FOLDER / PEER_MODELS[model])
        codes = random_codes(graph, args.samples)
        print(f"{model}: TFLM differs on {_tflm_differs(model, graph, codes)} of {len(codes)}")
        for variant, changed in _variants(graph, args):
            for core in args.cores:
                started = time.perf_counter()
                run = bench_model(changed, [core], codes, args.compiler)[0]
                rows.append(_row(model, variant, run, time.perf_counter() - started))
                print(rows[-1], flush=True)
    frame = pd.DataFrame(rows)
    print(frame.to_csv(index=False) if args.csv else frame.to_string(index=False))


if __name__ == "__main__":
    main()
