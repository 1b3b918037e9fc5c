"""Interpreters run in a child: their answers arrive, their refusals and crashes are errors."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qnnlab.errors import ModelFormatError, RuntimeFault, RuntimeUnavailable, SpecError
from qnnlab.files import resource
from qnnlab.graph import runtimes
from qnnlab.graph.costs import graph_costs
from qnnlab.graph.runtimes import (
    RUNTIMES,
    available_runtimes,
    run_model,
    run_models,
    runtime_version,
)
from qnnlab.graph.tflite import parse_tflite

INSTALLED = available_runtimes()
MODELS = resource("data/mlperf_tiny/models")
INT8 = sorted(path for path in MODELS.glob("*.tflite") if "float" not in path.stem)
tflm = pytest.mark.skipif("tflm" not in INSTALLED, reason="tflite-micro is not installed here")
litert = pytest.mark.skipif(
    "litert_xnnpack" not in INSTALLED, reason="ai-edge-litert is not installed here"
)
posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and scripts of POSIX")


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder of its own, empty again after each test."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def _samples(count: int) -> np.ndarray[Any, Any]:
    codes = np.random.default_rng(0).integers(-128, 128, (count, 49, 10, 1))
    return codes.astype(np.int8)


@tflm
@litert
def test_runtimes_agree_on_random_input(kws: bytes, scratch: Path) -> None:
    inputs = _samples(16)
    runs = [run_model(kws, inputs, runtime) for runtime in RUNTIMES]
    reference = runs[0].outputs
    assert reference is not None
    for run in runs:
        assert run.outputs is not None
        assert run.outputs.shape == (16, 12)
        assert run.outputs.dtype == np.int8
        # XNNPACK rounds in other places, by one or two codes.
        assert np.abs(run.outputs.astype(int) - reference.astype(int)).max() <= 4
    assert len({bytes(row) for row in reference}) > 1
    assert [run.version for run in runs] == [runtime_version(name) for name in RUNTIMES]
    assert list(scratch.iterdir()) == []


@litert
def test_answers_equal_the_interpreter_in_this_process(kws: bytes) -> None:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=kws, experimental_op_resolver_type=OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    inputs = _samples(5)
    expected = []
    for sample in inputs:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], sample[None])
        interpreter.invoke()
        expected.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0])
    run = run_model(kws, inputs, "litert_reference")
    np.testing.assert_array_equal(run.outputs, np.stack(expected))
    assert run.arena_bytes is None


@tflm
@pytest.mark.parametrize("path", INT8, ids=lambda path: path.stem)
def test_arena_is_that_of_the_reference_table(path: Path, rows: dict[str, dict[str, str]]) -> None:
    """The head is planned from the shapes; the tail depends on TFLM's build and alignment."""
    data = path.read_bytes()
    run = run_model(data, None, "tflm")
    head = int(rows[path.name]["tflm_arena_nonpersistent_head"])
    total = int(rows[path.name]["tflm_arena_total"])
    assert run.arena_bytes is not None
    assert graph_costs(parse_tflite(data)).peak_live_bytes <= head <= run.arena_bytes
    assert run.arena_bytes == total


@tflm
def test_arena_that_is_too_small(kws: bytes) -> None:
    with pytest.raises(RuntimeFault, match=r"^TFLM: .*\(arena offered: 20000 bytes\)$"):
        run_model(kws, None, "tflm", arena_bytes=20_000)


@tflm
def test_hybrid_model_is_refused_with_the_reason() -> None:
    data = (MODELS / "kws_ref_model_float32.tflite").read_bytes()
    with pytest.raises(RuntimeFault, match="TFLM: Hybrid models are not supported") as caught:
        run_model(data, None, "tflm")
    assert "(CONV_2D, operator 0)" in str(caught.value)


@litert
def test_hybrid_model_runs_in_litert() -> None:
    data = (MODELS / "kws_ref_model_float32.tflite").read_bytes()
    for runtime in ("litert_reference", "litert_xnnpack"):
        outputs = run_model(data, np.ones((2, 49, 10, 1), np.float32), runtime).outputs
        assert outputs is not None
        np.testing.assert_allclose(outputs.sum(axis=1), 1.0, rtol=1e-3)


def _fatal(schema: Any, single: Callable[..., bytes]) -> dict[str, bytes]:
    """Files that are well formed and that a native interpreter has crashed on."""
    split, add = schema.SplitOptionsT(), schema.AddOptionsT()
    split.numSplits = 2
    four, word = ((4, 4), "FLOAT32", None), ((), "INT32", (50).to_bytes(4, "little"))
    image = ((1, 4, 4, 1), "FLOAT32", None)
    pair, pads = ((2,), "INT32", bytes(8)), ((2, 2), "INT32", bytes(16))
    return {
        "litert_xnnpack": single("SPLIT", word, four, four, options=split),
        "tflm": single("SPACE_TO_BATCH_ND", image, pair, pads, ((4, 2, 2, 1), "FLOAT32", None)),
        "tflm add": single(
            "ADD", *[((2,), "FLOAT32", None)] * 2, ((5_000_000,), "FLOAT32", None), options=add
        ),
    }


@tflm
@litert
@posix
def test_fatal_models_are_errors(schema: Any, single: Callable[..., bytes], scratch: Path) -> None:
    for runtime, data in _fatal(schema, single).items():
        with pytest.raises(RuntimeFault) as caught:
            run_model(data, None, runtime.split()[0])
        assert str(caught.value).isprintable()
    assert list(scratch.iterdir()) == []


def _interpreter_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    script = tmp_path / "python"
    script.write_text(f"#!/bin/sh\n{text}\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))


@litert
@posix
@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("kill -SEGV $$", r"^LiteRT XNNPACK crashed \(SIGSEGV\)$"),
        ("echo 'INFO: hello' >&2; echo bad luck >&2; kill -ABRT $$", r"\(SIGABRT\): bad luck$"),
        ("exit 7", "ended with exit code 7"),
        ("true", "ended with exit code 0"),
        ("exec sleep 20", "did not finish within 0.5 s"),
        ("""echo '{"status": "done"}' > "$3/result.json" """, "left no readable outputs"),
    ],
)
def test_how_a_child_can_end(
    kws: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    scratch: Path,
    script: str,
    reason: str,
) -> None:
    _interpreter_script(tmp_path, monkeypatch, script)
    with pytest.raises(RuntimeFault, match=reason):
        run_model(kws, None, "litert_xnnpack", timeout_s=0.5 if "sleep" in script else 60)
    assert list(scratch.iterdir()) == []


@litert
@posix
def test_child_that_can_not_be_started(
    kws: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "missing"))
    with pytest.raises(RuntimeFault, match="could not be started: No such file"):
        run_model(kws, None, "litert_xnnpack")


@litert
@pytest.mark.skipif(sys.platform != "linux", reason="Linux enforces the address-space limit")
def test_memory_limit_holds(kws: bytes) -> None:
    with pytest.raises((RuntimeFault, RuntimeUnavailable)):
        run_model(kws, None, "litert_reference", memory_limit_mb=64)


@litert
@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        (np.zeros((2, 49, 10, 1), np.float32), "the inputs are float32, the model takes int8"),
        (np.zeros((2, 49, 9, 1), np.int8), r"a sample has shape \[49, 9, 1\]"),
        (np.zeros((0, 49, 10, 1), np.int8), "no samples"),
        (np.zeros((), np.int8), "no samples"),
    ],
)
def test_inputs_that_do_not_fit(kws: bytes, inputs: Any, reason: str) -> None:
    with pytest.raises(RuntimeFault, match=reason):
        run_model(kws, inputs, "litert_reference")


@litert
def test_two_inputs_run_on_zeros_only(single: Callable[..., bytes]) -> None:
    value = ((1, 3), "FLOAT32", None)
    data = single("SQUARED_DIFFERENCE", value, value, value)
    outputs = run_model(data, None, "litert_reference").outputs
    np.testing.assert_array_equal(outputs, np.zeros((1, 3), np.float32))
    with pytest.raises(RuntimeFault, match="the model has 2 inputs"):
        run_model(data, np.zeros((1, 3), np.float32), "litert_reference")


@litert
def test_a_file_that_is_no_model_reaches_no_interpreter() -> None:
    with pytest.raises(ModelFormatError, match="looks like text"):
        run_model(b"not a model at all", None, "litert_reference")


def test_unknown_runtime_names_the_nearest(kws: bytes) -> None:
    with pytest.raises(SpecError, match=r"unknown runtime 'tfml'; did you mean tflm\?"):
        run_model(kws, None, "tfml")


def test_runtime_that_is_not_installed(kws: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(package: str) -> str:
        raise metadata.PackageNotFoundError(package)

    monkeypatch.setattr(runtimes.metadata, "version", absent)
    with pytest.raises(RuntimeUnavailable, match=r"tflite-micro is not installed: pip install"):
        run_model(kws, None, "tflm")
    assert available_runtimes() == ()


@litert
def test_child_finds_qnnlab_from_any_directory(
    kws: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module in the working directory must not take a library's place."""
    (tmp_path / "numpy.py").write_text("raise SystemExit(99)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    assert run_model(kws, None, "litert_reference").outputs is not None


def test_child_starts_light() -> None:
    code = (
        "import sys, qnnlab.graph.runtime_child;"
        "print([m for m in ('tensorflow', 'pandas', 'qnnlab.lab') if m in sys.modules])"
    )
    root = str(Path(runtimes.__file__).parents[2])
    shown = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.strip() == "[]"


@tflm
def test_a_batch_keeps_each_models_words_apart(kws: bytes) -> None:
    hybrid = resource("data/mlperf_tiny/models/kws_ref_model_float32.tflite").read_bytes()
    golden = resource("data/golden/gelu.int8.tflite").read_bytes()
    runs = run_models([(kws, None), (hybrid, None), (golden, None), (kws, None)], "tflm")
    first, second, third, last = runs
    assert isinstance(second, RuntimeFault)
    assert "Hybrid" in str(second)
    assert isinstance(third, RuntimeFault)
    assert "GELU" in str(third)
    assert not isinstance(first, RuntimeFault)
    assert not isinstance(last, RuntimeFault)
    assert np.array_equal(first.outputs, last.outputs)


@tflm
@posix
def test_a_batch_goes_on_behind_a_model_that_ends_the_process(
    kws: bytes, schema: Any, single: Callable[..., bytes]
) -> None:
    alone = run_model(kws, None, "tflm").outputs
    fatal = _fatal(schema, single)["tflm add"]
    first, second, last = run_models([(kws, None), (fatal, None), (kws, None)], "tflm")
    assert isinstance(second, RuntimeFault)
    for run in (first, last):
        assert not isinstance(run, RuntimeFault)
        assert np.array_equal(run.outputs, alone)
