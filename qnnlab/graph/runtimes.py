"""Run a .tflite model in an interpreter, in a child process.

The interpreters are native code that trusts its model: a foreign file can make one read outside
its buffers, abort or never end. None of that reaches the caller, who gets a result or an error.
"""

from __future__ import annotations

import json
import math
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import RuntimeFault, RuntimeUnavailable, SpecError, unknown_name
from qnnlab.graph.checks import shape_text
from qnnlab.graph.costs import graph_costs
from qnnlab.graph.model import Graph
from qnnlab.graph.runtime_child import BATCH_MARK
from qnnlab.graph.tflite import parse_tflite

#: The interpreters by name: LiteRT with its reference kernels, with its optimized ones, with
#: XNNPACK on top (its default), and TFLite Micro.
RUNTIMES: tuple[str, ...] = ("litert_reference", "litert_optimized", "litert_xnnpack", "tflm")

#: How messages and tables name them.
SHOWN = {
    "litert_reference": "LiteRT reference",
    "litert_optimized": "LiteRT optimized",
    "litert_xnnpack": "LiteRT XNNPACK",
    "tflm": "TFLM",
}
_PACKAGES = {
    **dict.fromkeys(RUNTIMES[:3], ("ai-edge-litert", "pip install qnnlab[runtimes]")),
    "tflm": ("tflite-micro", "pip install qnnlab[runtimes] (Linux x86-64 only)"),
}

_ARENA_FLOOR = 2**20
_ARENA_ALIGNMENT = 16
_STDERR_TAIL = 2**16
_REASON_LENGTH = 300
# Seconds of CPU beyond the time limit after which an orphaned child ends on its own.
_CPU_SLACK = 10

_SOURCE_PREFIX = re.compile(r"^\S+\.(?:cc|h)(?::\d+)?:?\s+")
_NODE = re.compile(r"Node (?P<kind>\w+) \(number (?P<index>\d+)\) failed")
_ARENA = re.compile(r"\[RecordingMicroAllocator\] Arena allocation (total|head) (\d+) bytes")
_CHATTER = ("INFO:", "WARNING:", "[RecordingMicroAllocator]")


@dataclass(frozen=True, eq=False)
class RuntimeRun:
    """What an interpreter answered.

    `outputs`: the model's first output for each sample, of shape (samples, …) where a leading
    dimension of 1 in the model's own shape is dropped; None for a model without outputs.
    `arena_bytes`: the memory that TFLM took of its arena in all, on this 64-bit host, and
    `activation_bytes` the part of it that holds activations and scratch, the same on any host;
    None for LiteRT.
    """

    runtime: str
    version: str
    outputs: NDArray[Any] | None
    arena_bytes: int | None
    activation_bytes: int | None = None


def runtime_version(runtime: str) -> str:
    """Version of the package behind a runtime.

    Raises SpecError for an unknown name and RuntimeUnavailable where it is not installed.
    """
    if runtime not in RUNTIMES:
        raise SpecError(unknown_name("runtime", runtime, RUNTIMES))
    package, remedy = _PACKAGES[runtime]
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        raise RuntimeUnavailable(f"{package} is not installed: {remedy}") from None


def available_runtimes() -> tuple[str, ...]:
    """The runtimes that are installed here, in the order of RUNTIMES."""
    found = []
    for runtime in RUNTIMES:
        try:
            runtime_version(runtime)
        except RuntimeUnavailable:
            continue
        found.append(runtime)
    return tuple(found)


def run_model(
    model: bytes,
    inputs: NDArray[Any] | None,
    runtime: str,
    *,
    arena_bytes: int | None = None,
    timeout_s: float = 120,
    memory_limit_mb: int = 4096,
) -> RuntimeRun:
    """Run `model` in a child process, one invocation for each sample.

    `inputs`: (samples, …) in the dtype of the model's input, for models of one input; None is one
    invocation with all inputs zero bytes, for any model. State variables carry over from sample
    to sample. Of several outputs the first is returned. `arena_bytes` is offered to TFLM in place
    of a generous default; `memory_limit_mb` (MiB) bounds the child's memory where the system can.

    Raises ModelFormatError for a model that can't be read, SpecError for an unknown runtime,
    RuntimeUnavailable where it is not installed, and RuntimeFault when inputs do not fit or the
    interpreter refuses the model, crashes or runs past `timeout_s`.
    """
    version = runtime_version(runtime)
    with tempfile.TemporaryDirectory(prefix="qnnlab-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        limits = _Limits(arena_bytes, timeout_s, memory_limit_mb)
        request = _prepare(folder, model, inputs, runtime, limits)
        code, stderr = _child(folder, runtime, timeout_s)
        outputs = _outcome(folder, request, code, stderr)
    arena = _arena_taken(stderr)
    return RuntimeRun(runtime, version, outputs, arena.get("total"), arena.get("head"))


def run_models(
    jobs: Sequence[tuple[bytes, NDArray[Any] | None]],
    runtime: str,
    *,
    timeout_s: float = 300,
    memory_limit_mb: int = 4096,
) -> list[RuntimeRun | RuntimeFault]:
    """Run many models with their inputs, as run_model does each, in as few processes as it takes.

    One result a job: its run, without arena bytes, or what went wrong with it; the others are not
    disturbed. `timeout_s` is for all of them together. Raises ModelFormatError, SpecError and
    RuntimeUnavailable as run_model does.
    """
    version = runtime_version(runtime)
    limits = _Limits(None, timeout_s, memory_limit_mb)
    results: list[RuntimeRun | RuntimeFault] = []
    with tempfile.TemporaryDirectory(prefix="qnnlab-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        requests = []
        for place, (model, inputs) in enumerate(jobs):
            (folder / str(place)).mkdir()
            requests.append(_prepare(folder / str(place), model, inputs, runtime, limits))
        while len(results) < len(jobs):
            start = len(results)
            batch = {**requests[start], "batch": [start, len(jobs)]}
            (folder / "request.json").write_text(json.dumps(batch))
            code, stderr = _child(folder, runtime, timeout_s)
            words = _by_model(stderr)
            for place in range(start, len(jobs)):
                part = folder / str(place)
                done = (part / "result.json").exists()
                try:
                    told = words.get(place, stderr)
                    outputs = _outcome(part, requests[place], 0 if done else code, told)
                    results.append(RuntimeRun(runtime, version, outputs, None))
                except RuntimeFault as error:
                    results.append(error)
                if not done:
                    # The process ended here; another one goes on with the next job.
                    break
    return results


def _by_model(stderr: str) -> dict[int, str]:
    """What was printed while each model of a batch ran."""
    parts = stderr.split(BATCH_MARK)[1:]
    numbered = (part.partition("\n") for part in parts)
    return {int(number): words for number, _, words in numbered if number.strip().isdigit()}


@dataclass(frozen=True)
class _Limits:
    arena_bytes: int | None
    timeout_s: float
    memory_limit_mb: int


def _prepare(
    folder: Path, model: bytes, inputs: NDArray[Any] | None, runtime: str, limits: _Limits
) -> dict[str, Any]:
    """Write what the child needs for one model; the request."""
    graph = parse_tflite(model)
    samples = None if inputs is None else _fitting(graph, inputs)
    memory = limits.memory_limit_mb * 2**20
    request = {
        "runtime": runtime,
        "arena_bytes": limits.arena_bytes or _default_arena(graph, memory),
        "memory_bytes": memory,
        "cpu_seconds": math.ceil(limits.timeout_s) + _CPU_SLACK,
        "n_inputs": len(graph.inputs),
        "n_outputs": len(graph.outputs),
    }
    (folder / "model.tflite").write_bytes(model)
    (folder / "request.json").write_text(json.dumps(request))
    if samples is not None:
        np.save(folder / "inputs.npy", samples, allow_pickle=False)
    return request


def _fitting(graph: Graph, inputs: NDArray[Any]) -> NDArray[Any]:
    if len(graph.inputs) != 1:
        raise RuntimeFault(f"the model has {len(graph.inputs)} inputs; only one can be fed")
    tensor = graph.tensors[graph.inputs[0]]
    if inputs.dtype.name != tensor.dtype:
        raise RuntimeFault(f"the inputs are {inputs.dtype}, the model takes {tensor.dtype}")
    if inputs.ndim == 0 or len(inputs) == 0:
        raise RuntimeFault("there are no samples to run")
    if inputs[0].size != tensor.n_elements:
        raise RuntimeFault(
            f"a sample has shape {shape_text(inputs.shape[1:])}, "
            f"the model takes {shape_text(tensor.shape)}"
        )
    return inputs


def _default_arena(graph: Graph, memory_bytes: int) -> int:
    """Ample for activations, scratch and the structures TFLM keeps for each tensor."""
    needed = _ARENA_FLOOR + 8 * graph_costs(graph).peak_live_bytes + graph.file_bytes
    # TFLM aligns from both ends: of another size, it would take a few bytes more or less.
    return min(needed, memory_bytes // 4) // _ARENA_ALIGNMENT * _ARENA_ALIGNMENT


def _arena_taken(stderr: str) -> dict[str, int]:
    return {part: int(size) for part, size in _ARENA.findall(stderr)}


def _child(folder: Path, runtime: str, timeout_s: float) -> tuple[int, str]:
    """Exit code and end of stderr."""
    root = Path(__file__).resolve().parents[2]
    # The child works in another directory, where relative entries would go astray.
    inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    paths = [str(root), *(str(Path(entry).absolute()) for entry in inherited if entry)]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    log = folder / "stderr.txt"
    try:
        with log.open("wb") as stderr:
            finished = subprocess.run(
                [sys.executable, "-m", "qnnlab.graph.runtime_child", str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                cwd=folder,
                env=environment,
                timeout=timeout_s,
                check=False,
            )
    except subprocess.TimeoutExpired:
        raise RuntimeFault(f"{SHOWN[runtime]} did not finish within {timeout_s:g} s") from None
    except OSError as error:
        raise RuntimeFault(f"{SHOWN[runtime]} could not be started: {error.strerror}") from None
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - _STDERR_TAIL))
        return finished.returncode, stream.read().decode("utf-8", "replace")


def _outcome(
    folder: Path, request: Mapping[str, Any], code: int, stderr: str
) -> NDArray[Any] | None:
    """The outputs; raises what stands in their way."""
    shown = SHOWN[request["runtime"]]
    try:
        result = json.loads((folder / "result.json").read_text())
    except (OSError, ValueError):
        result = {}
    if code != 0 or not result:
        raise RuntimeFault(_crash(shown, code, stderr))
    if result["status"] == "unavailable":
        raise RuntimeUnavailable(f"{shown} can't be loaded: {_one_line(result['reason'])}")
    if result["status"] == "refused":
        raise RuntimeFault(f"{shown}: {_refusal(result['reason'], stderr, request)}")
    if not request["n_outputs"]:
        return None
    try:
        outputs: NDArray[Any] = np.load(folder / "outputs.npy", allow_pickle=False)
    except (OSError, ValueError):
        raise RuntimeFault(f"{shown} left no readable outputs") from None
    if outputs.ndim > 1 and outputs.shape[1] == 1:
        outputs = outputs[:, 0]
    return outputs


def _crash(shown: str, code: int, stderr: str) -> str:
    lines = _telling(stderr)
    detail = f": {_one_line(lines[-1])}" if lines else ""
    if code >= 0:
        return f"{shown} ended with exit code {code}{detail}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"{shown} crashed ({name}){detail}"


def _refusal(reason: str, stderr: str, request: Mapping[str, Any]) -> str:
    """The interpreter's own reason: LiteRT raises it, TFLM prints it before it gives up."""
    if request["runtime"] != "tflm":
        # LiteRT strings its messages together without a space.
        return _one_line(reason.replace("Node number", " Node number"))
    lines = _telling(stderr)
    node = next((found for line in lines if (found := _NODE.search(line))), None)
    told = next((line for line in lines if not _NODE.search(line)), reason)
    where = f" ({node['kind']}, operator {node['index']})" if node else ""
    if "Requested" in told:
        where += f" (arena offered: {request['arena_bytes']} bytes)"
    return _one_line(told) + where


def _telling(stderr: str) -> list[str]:
    lines = (_SOURCE_PREFIX.sub("", line.strip()) for line in stderr.splitlines())
    return [line for line in lines if line and not line.startswith(_CHATTER)]


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _REASON_LENGTH else line[: _REASON_LENGTH - 1] + "…"
