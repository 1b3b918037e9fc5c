"""ai-edge-quantizer: the float twin of a model, quantized again by each of its recipes."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from importlib import metadata
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import RuntimeFault, RuntimeUnavailable
from qnnlab.graph.parameters import dequantized_constants, weight_of
from qnnlab.graph.runtimes import run_model
from qnnlab.graph.tflite import parse_tflite
from qnnlab.lab.frameworks.framework import Case, Framework, Trial, counted, make_case, real_outputs
from qnnlab.lab.frameworks.interpreting import arena_bytes, file_bytes, open_litert
from qnnlab.lab.measure import model_inputs
from qnnlab.values import Value

_TIMEOUT_S = 300
_CALIBRATION = 16
# By entry: the package's recipe, and how readers call it.
_RECIPES = {
    "aeq_static_int8": ("static_wi8_ai8", "static int8"),
    "aeq_dynamic_int8": ("dynamic_wi8_afp32", "dynamic int8"),
    "aeq_weights_int8": ("weight_only_wi8_afp32", "int8 weights only"),
    "aeq_dynamic_int4": ("dynamic_wi4_afp32", "dynamic int4"),
    "aeq_weights_int4": ("weight_only_wi4_afp32", "int4 weights only"),
}


def _version() -> str:
    try:
        return metadata.version("ai-edge-quantizer")
    except metadata.PackageNotFoundError:
        raise RuntimeUnavailable(
            "ai-edge-quantizer is not installed: pip install qnnlab[train]"
        ) from None


def _attempt(recipe: str) -> Callable[[Case], Trial]:
    def attempt(case: Case) -> Trial:
        """Raises RuntimeFault without a float twin and where a tool says no."""
        twin = case.twin
        calibration = _calibration(case)
        made = _made(twin.content, calibration.tobytes(), calibration.shape)[recipe]
        if isinstance(made, str):
            raise RuntimeFault(f"ai-edge-quantizer: {made}")
        graph = parse_tflite(made)
        fed = model_inputs(graph, case.real_inputs)
        run = run_model(made, fed, "litert_reference")
        if run.outputs is None:
            raise RuntimeFault("the quantized model has no output")
        answers = real_outputs(graph, run.outputs)
        return Trial(
            f"float twin ({twin.source}) quantized again, run by LiteRT reference",
            answers,
            (file_bytes(made), _arena(made), *_loss(case, answers)),
            *_covered(made),
            artifact=made,
            feed=fed[:1],
            note="counts operators with weights",
        )

    return attempt


def _calibration(case: Case) -> NDArray[np.float32]:
    """Random samples as the inputs are, of another seed."""
    return make_case(case.name, case.content, _CALIBRATION, case.seed + 1).real_inputs


def _loss(case: Case, answers: NDArray[np.floating]) -> Iterator[Value]:
    """What this quantization alone changes: answers against those of the float twin."""
    fed = case.real_inputs
    floats = _twin_answers(case.twin.content, fed.tobytes(), fed.shape)
    source = "against the float twin on LiteRT's reference kernels"
    if floats is None or floats.shape != answers.shape:
        return
    step = case.step
    largest = float(np.abs(answers - floats).max(initial=0.0)) / (step or 1.0)
    unit = "steps" if step else "1"
    yield Value("max_difference_to_twin", round(largest, 6), unit, "measured", source)
    same = 100.0 * float((answers.argmax(axis=1) == floats.argmax(axis=1)).mean())
    yield Value("same_class_as_twin", same, "%", "measured", source)


@lru_cache(maxsize=8)
def _twin_answers(
    content: bytes, inputs: bytes, shape: tuple[int, ...]
) -> NDArray[np.floating] | None:
    fed = np.frombuffer(inputs, np.float32).reshape(shape)
    outputs = run_model(content, fed, "litert_reference").outputs
    return None if outputs is None else outputs.reshape(len(outputs), -1).astype(np.float64)


def _arena(content: bytes) -> Value:
    try:
        return arena_bytes(run_model(content, None, "tflm"))
    except (RuntimeFault, RuntimeUnavailable) as error:
        return Value("arena_bytes", None, "B", "measured", "tflm", str(error))


def _covered(content: bytes) -> tuple[int, int, tuple[str, ...]]:
    """Operators whose weights it made narrow, of those that have any; names of the others."""
    graph = parse_tflite(content)
    sources = dequantized_constants(graph)
    found = [(op.name, weight_of(graph, op, sources)) for op in graph.operators]
    weighted = [(name, tensor) for name, tensor in found if tensor is not None]
    wide = [name for name, tensor in weighted if tensor.dtype == "float32"]
    return len(weighted) - len(wide), len(weighted), counted(wide)


@lru_cache(maxsize=8)
def _made(content: bytes, calibration: bytes, shape: tuple[int, ...]) -> Mapping[str, bytes | str]:
    """By recipe the quantized file or why there is none; all in one process of their own."""
    with tempfile.TemporaryDirectory(prefix="qnnlab-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "float.tflite").write_bytes(content)
        recipes = [recipe for recipe, _ in _RECIPES.values()]
        (folder / "request.json").write_text(json.dumps(recipes))
        samples = np.frombuffer(calibration, np.float32).reshape(shape)
        np.save(folder / "calibration.npy", samples, allow_pickle=False)
        reason = _child(name)
        return {recipe: _result(folder, recipe, reason) for recipe in recipes}


def _child(folder: str) -> str:
    """Run the child; what it said last."""
    command = [sys.executable, "-m", "qnnlab.lab.frameworks.quantizer_child", folder]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return f"it took more than {_TIMEOUT_S} s"
    return last_line(done.stderr)


def _result(folder: Path, recipe: str, reason: str) -> bytes | str:
    made, refusal = folder / f"{recipe}.tflite", folder / f"{recipe}.txt"
    if made.exists():
        return made.read_bytes()
    return last_line(refusal.read_text()) if refusal.exists() else reason


def last_line(text: str) -> str:
    """The last line with something on it, which tools end their complaints with."""
    lines = [line for line in text.splitlines() if line.strip()] or ["it gave no message"]
    return lines[-1].strip()[:300]


FRAMEWORKS = tuple(
    Framework(
        name,
        f"AEQ {title}",
        "litert",
        f"ai-edge-quantizer (AEQ) quantizes a float model by its recipe {recipe}",
        _version,
        _attempt(recipe),
        open_litert("BUILTIN_REF"),
        order=30 + place,
    )
    for place, (name, (recipe, title)) in enumerate(_RECIPES.items())
)
