"""Our own generated C, compiled for this computer."""

from __future__ import annotations

from pathlib import Path

from qnnlab.codegen import generate
from qnnlab.codegen.emitters import emitter_of
from qnnlab.errors import CodegenError, FirmwareFault, QnnlabError
from qnnlab.graph.integer.reader import read_integer_graph
from qnnlab.lab.frameworks.framework import Case, Framework, Invoke, Trial, counted
from qnnlab.targets.bench import host_library
from qnnlab.targets.bench.compilers import host_compiler
from qnnlab.values import Value


def _version() -> str:
    import qnnlab

    return f"{qnnlab.__version__}, {host_compiler().version}"


def _attempt(case: Case) -> Trial:
    """Raises UnsupportedModel without integer form, CodegenError for what no template covers."""
    graph = case.integer
    try:
        model = generate(graph, "host")
    except CodegenError as error:
        missing = counted(_missing(case))
        names = f"; not covered: {', '.join(missing)}" if missing else ""
        raise CodegenError(f"{error}{names}") from None
    if case.inputs is None:
        raise FirmwareFault("the model has no single input that random numbers can feed")
    with host_library(model) as library:
        outputs = library.run(case.inputs)
    source = "the generated C"
    return Trial(
        "C of the integer graph, compiled for this computer",
        case.real(outputs),
        (
            Value("stored_bytes", model.weight_bytes, "B", "measured", f"constants in {source}"),
            Value("arena_bytes", model.arena_bytes, "B", "measured", f"the arena of {source}"),
        ),
        len(case.graph.operators),
        len(case.graph.operators),
        (),
        case.content,
        case.inputs[:1],
    )


def _missing(case: Case) -> list[str]:
    found = []
    for op in case.integer.ops:
        try:
            emitter_of(case.integer, op)
        except QnnlabError:
            found.append(op.kind)
    return found


def _open(path: Path) -> Invoke:
    return host_library(generate(read_integer_graph(path), "host")).run


FRAMEWORKS = Framework(
    "qnnlab_c",
    "qnnlab generated C",
    "",
    "turns an integer model into C without an interpreter; here compiled for this computer",
    _version,
    _attempt,
    _open,
    order=20,
)
