"""The child process of `qnnlab.graph.runtimes`: one model in one interpreter, then the end.

Started as `python -m qnnlab.graph.runtime_child FOLDER`. Reads request.json, model.tflite and, if
given, inputs.npy from FOLDER; leaves result.json and outputs.npy there. What the interpreters
print stays on stderr for the parent to read.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

#: Before the messages of each model of a batch, with its number.
BATCH_MARK = "[qnnlab] model "

_Array = NDArray[Any]


class _Session(Protocol):
    def set_input(self, index: int, sample: _Array | None) -> None: ...

    def invoke(self) -> None: ...

    def output(self) -> _Array: ...

    def close(self) -> None: ...


class _LiteRT:
    def __init__(self, model: bytes, request: Mapping[str, Any]) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        resolver = {
            "litert_reference": OpResolverType.BUILTIN_REF,
            "litert_optimized": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            "litert_xnnpack": OpResolverType.BUILTIN,
        }[request["runtime"]]
        self._interpreter = Interpreter(
            model_content=model,
            experimental_op_resolver_type=resolver,
            num_threads=1,
        )
        self._interpreter.allocate_tensors()

    def set_input(self, index: int, sample: _Array | None) -> None:
        details = self._interpreter.get_input_details()[index]
        self._interpreter.set_tensor(details["index"], _fitted(details, sample))

    def invoke(self) -> None:
        self._interpreter.invoke()

    def output(self) -> _Array:
        index = self._interpreter.get_output_details()[0]["index"]
        return np.array(self._interpreter.get_tensor(index))

    def close(self) -> None:
        pass


class _TFLM:
    def __init__(self, model: bytes, request: Mapping[str, Any]) -> None:
        from tflite_micro.python.tflite_micro import runtime

        self._interpreter = runtime.Interpreter.from_bytes(model, arena_size=request["arena_bytes"])

    def set_input(self, index: int, sample: _Array | None) -> None:
        details = self._interpreter.get_input_details(index)
        self._interpreter.set_input(_fitted(details, sample), index)

    def invoke(self) -> None:
        self._interpreter.invoke()

    def output(self) -> _Array:
        return np.array(self._interpreter.get_output(0))

    def close(self) -> None:
        self._interpreter.print_allocations()


def _fitted(details: Mapping[str, Any], sample: _Array | None) -> _Array:
    shape = tuple(int(extent) for extent in details["shape"])
    if sample is None:
        return np.zeros(shape, details["dtype"])
    # `ascontiguousarray` would give a scalar a dimension.
    return np.asarray(sample.reshape(shape), order="C")


def _samples(inputs: _Array | None) -> Iterator[_Array | None]:
    if inputs is None:
        yield None
    else:
        yield from inputs


def _run(folder: Path, request: Mapping[str, Any]) -> None:
    model = (folder / "model.tflite").read_bytes()
    path = folder / "inputs.npy"
    inputs = np.load(path, allow_pickle=False) if path.exists() else None
    kind = _TFLM if request["runtime"] == "tflm" else _LiteRT
    session: _Session = kind(model, request)
    outputs = []
    for sample in _samples(inputs):
        for index in range(request["n_inputs"]):
            session.set_input(index, sample)
        session.invoke()
        if request["n_outputs"]:
            outputs.append(session.output())
    session.close()
    if outputs:
        np.save(folder / "outputs.npy", np.stack(outputs), allow_pickle=False)


def _limit(memory_bytes: int, cpu_seconds: int) -> None:
    """Bound memory, files and, should the parent die, CPU time; leave no core dump."""
    if sys.platform == "win32":
        return
    import resource

    limits = {
        resource.RLIMIT_AS: memory_bytes,
        resource.RLIMIT_FSIZE: memory_bytes,
        resource.RLIMIT_CPU: cpu_seconds,
        resource.RLIMIT_CORE: 0,
    }
    for limit, wanted in limits.items():
        hard = resource.getrlimit(limit)[1]
        value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        try:
            resource.setrlimit(limit, (value, value))
        except (OSError, ValueError):
            # macOS refuses some limits; the parent's time limit still holds.
            continue


def main(folder: Path) -> None:
    """Serve the request in `folder`, or those of a batch in its numbered folders.

    The outcome of each goes to result.json beside it.
    """
    request = json.loads((folder / "request.json").read_text())
    _limit(request["memory_bytes"], request["cpu_seconds"])
    if "batch" not in request:
        _serve(folder, request)
        return
    for place in range(*request["batch"]):
        part = folder / str(place)
        # So that the parent can tell whose words are whose.
        print(f"{BATCH_MARK}{place}", file=sys.stderr, flush=True)
        _serve(part, json.loads((part / "request.json").read_text()))


def _serve(folder: Path, request: Mapping[str, Any]) -> None:
    try:
        _run(folder, request)
        result = {"status": "done"}
    except ImportError as error:
        result = {"status": "unavailable", "reason": str(error)}
    except MemoryError:
        result = {"status": "refused", "reason": "it ran out of memory"}
    except Exception as error:
        result = {"status": "refused", "reason": f"{error or type(error).__name__}"}
    (folder / "result.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
