"""What entries share that run a .tflite file in an interpreter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from qnnlab.errors import RuntimeFault
from qnnlab.graph.model import Graph
from qnnlab.graph.runtimes import RUNTIMES, SHOWN, RuntimeRun, run_model
from qnnlab.lab.frameworks.framework import Case, Framework, Invoke, Trial, package_version
from qnnlab.targets import ruling
from qnnlab.values import Value

AS_IT_IS = "the file as it is"
_POLICY = {"tflm": "tflm", "litert_xnnpack": "xnnpack"}


def interpreter(
    runtime: str, catalog: str, does: str, opener: Callable[[Path], Invoke]
) -> Framework:
    """An interpreter of `qnnlab.graph.runtimes` as a framework."""

    def attempt(case: Case) -> Trial:
        try:
            run = run_model(case.content, case.inputs, runtime)
        except RuntimeFault as error:
            raise RuntimeFault(f"{error}{_blamed(case.graph, runtime)}") from None
        left = _left(case.graph, runtime)
        return Trial(
            AS_IT_IS,
            None if run.outputs is None else case.real(run.outputs),
            (file_bytes(case.content), arena_bytes(run)),
            len(case.graph.operators) - len(left),
            len(case.graph.operators),
            tuple(left),
            case.content,
            None if case.inputs is None else case.inputs[:1],
        )

    return Framework(
        runtime,
        SHOWN[runtime],
        catalog,
        does,
        package_version(runtime),
        attempt,
        opener,
        order=RUNTIMES.index(runtime),
    )


def _left(graph: Graph, runtime: str) -> list[str]:
    """Operators that XNNPACK leaves to LiteRT's own kernels; no other interpreter leaves any."""
    if runtime != "litert_xnnpack":
        return []
    rulings = [(op.name, ruling(graph, op, "xnnpack")) for op in graph.operators]
    return [name for name, found in rulings if found is None or found.status != "runs"]


def _blamed(graph: Graph, runtime: str) -> str:
    """Which operators the table of rulings names, where the interpreter itself names none."""
    if runtime != "tflm":
        return ""
    rulings = [(op.name, ruling(graph, op, "tflm")) for op in graph.operators]
    names = [name for name, found in rulings if found is None or found.status == "refused"]
    return f"; not covered: {', '.join(dict.fromkeys(names))}" if names else ""


def file_bytes(content: bytes) -> Value:
    """Size of the model file; the interpreter's own code comes on top."""
    source = "the .tflite file, without the interpreter's code"
    return Value("stored_bytes", len(content), "B", "measured", source)


def arena_bytes(run: RuntimeRun) -> Value:
    """What TFLM took of its arena; LiteRT does not tell."""
    if run.arena_bytes is None:
        reason = "LiteRT does not tell what it allocates"
        return Value("arena_bytes", None, "B", "measured", "LiteRT", reason)
    source = f"tflm {run.version} (64-bit host build)"
    return Value("arena_bytes", run.arena_bytes, "B", "measured", source)


def open_litert(resolver: str) -> Callable[[Path], Invoke]:
    """An opener for timing: LiteRT with one of its OpResolverTypes, one thread."""

    def opener(path: Path) -> Invoke:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        session = Interpreter(
            model_content=path.read_bytes(),
            experimental_op_resolver_type=getattr(OpResolverType, resolver),
            num_threads=1,
        )
        session.allocate_tensors()
        place = session.get_input_details()[0]
        answer = session.get_output_details()[0]["index"]

        def invoke(sample: NDArray[Any]) -> object:
            session.set_tensor(place["index"], sample.reshape(place["shape"]))
            session.invoke()
            return session.get_tensor(answer)

        return invoke

    return opener
