"""emlearn: C of small dense networks in floats, compiled for this computer."""

from __future__ import annotations

import ctypes
import importlib.util
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import FirmwareFault, MissingExtra, RuntimeFault
from qnnlab.lab.frameworks.framework import Case, Framework, Invoke, Trial
from qnnlab.lab.frameworks.twin import dense_layers
from qnnlab.targets.bench.compilers import compile_in, host_compiler
from qnnlab.values import Value

_FLAGS = ("-std=gnu99", "-O2", "-w", "-fPIC", "-shared", "-lm")
# What eml_net_infer of emlearn's eml_net.h asks for.
_LEAST_LAYERS = 2
# Beside what emlearn generates: how many numbers go in and out, and one call.
_CALLED = """
int qnnlab_outputs(void) {{ return {outputs}; }}
int qnnlab_invoke(const float *in, float *out) {{
    return model_regress(in, {inputs}, out, {outputs});
}}
"""


def _version() -> str:
    try:
        return metadata.version("emlearn")
    except metadata.PackageNotFoundError:
        raise MissingExtra("emlearn is not installed: pip install qnnlab[emlearn]") from None


def _attempt(case: Case) -> Trial:
    """Raises RuntimeFault for what is no dense layer, and for what emlearn refuses."""
    layers = dense_layers(case.graph)
    if len(layers) < _LEAST_LAYERS:
        raise RuntimeFault(f"emlearn's network has {_LEAST_LAYERS} layers or more, this one has 1")
    source = _generated(layers)
    extent = max(extent for _, weights, _ in layers for extent in weights.shape)
    stored = sum(weights.nbytes + bias.nbytes for _, weights, bias in layers)
    made = "the C that emlearn generates"
    with tempfile.TemporaryDirectory(prefix="qnnlab-", ignore_cleanup_errors=True) as name:
        path = Path(name) / "artifact"
        path.write_bytes(source)
        invoke = _open(path)
        outputs = np.asarray([invoke(sample) for sample in case.real_inputs], np.float64)
    given = case.graph.tensors[case.graph.inputs[0]].dtype
    floats = "the file is float" if given == "float32" else "its integers multiplied out"
    return Trial(
        f"dense layers in float32 ({floats}), compiled for this computer",
        outputs,
        (
            Value("stored_bytes", stored, "B", "measured", f"constants in {made}"),
            Value("arena_bytes", 8 * extent, "B", "measured", f"two buffers of floats in {made}"),
        ),
        len(case.graph.operators),
        len(case.graph.operators),
        (),
        source,
        case.real_inputs[:1],
    )


def _generated(layers: list[tuple[str, NDArray[Any], NDArray[Any]]]) -> bytes:
    # Its import makes numpy raise on underflow, everywhere; that must not outlive the import.
    with np.errstate():
        from emlearn.net import c_generate_net_loadable

    activations, weights, biases = (list(part) for part in zip(*layers, strict=True))
    try:
        source = c_generate_net_loadable(activations, weights, biases, "model")
    except (ValueError, TypeError, AssertionError) as error:
        raise RuntimeFault(f"emlearn: {error}") from None
    ends = {"inputs": weights[0].shape[0], "outputs": weights[-1].shape[1]}
    return f"{source}\n{_CALLED.format(**ends)}".encode()


def _headers() -> Path:
    """Where emlearn's C headers lie, found without importing it."""
    found = importlib.util.find_spec("emlearn")
    if found is None or found.origin is None:
        raise MissingExtra("emlearn is not installed: pip install qnnlab[emlearn]")
    return Path(found.origin).parent


def _open(path: Path) -> Invoke:
    with tempfile.TemporaryDirectory(prefix="qnnlab-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "model.c").write_bytes(path.read_bytes())
        include = f"-I{_headers()}"
        command = (*host_compiler().command, include, "model.c", "-o", "library.so", *_FLAGS)
        compile_in(folder, command, "this computer")
        library = ctypes.CDLL(str(folder / "library.so"))
    call: Any = library.qnnlab_invoke
    call.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    count = library.qnnlab_outputs()

    def invoke(sample: NDArray[Any]) -> object:
        given = np.ascontiguousarray(sample, np.float32)
        answer = np.empty(count, np.float32)
        state = call(given.ctypes.data, answer.ctypes.data)
        if state:
            raise FirmwareFault(f"emlearn's model_regress returned {state}")
        return answer

    return invoke


FRAMEWORKS = Framework(
    "emlearn",
    "emlearn",
    "emlearn",
    "turns small dense networks and trees into C; computes in float32",
    _version,
    _attempt,
    _open,
)
