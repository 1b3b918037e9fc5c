"""The golden models of data/golden: read, executed and compared with what two runtimes recorded."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import pytest

from qnnlab.errors import UnsupportedModel
from qnnlab.files import resource
from qnnlab.graph.integer.execute import run_integer
from qnnlab.graph.integer.reader import read_integer_graph
from qnnlab.graph.runtimes import run_model, runtime_version
from qnnlab.graph.tflite import read_tflite

FOLDER = resource("data/golden")
INDEX = pd.read_csv(FOLDER / "index.csv", keep_default_na=False)
FILES = INDEX[INDEX["file"] != ""].set_index("file")
#: Operators without an integer form here, and float arithmetic between integers.
ELSEWHERE = {
    "ABS",
    "ARG_MAX",
    "ARG_MIN",
    "BATCH_MATMUL",
    "DEQUANTIZE",
    "DIV",
    "EXP",
    "GATHER",
    "GATHER_ND",
    "GELU",
    "GREATER",
    "L2_NORMALIZATION",
    "LOG",
    "LOG_SOFTMAX",
    "REDUCE_MIN",
    "RELU_N1_TO_1",
    "REVERSE_V2",
    "RSQRT",
    "SPACE_TO_BATCH_ND",
    "SQRT",
    "SQUARED_DIFFERENCE",
    "UNIDIRECTIONAL_SEQUENCE_LSTM",
}
INTEGER = [
    str(name)
    for name, row in FILES.iterrows()
    if row["scheme"] in ("int8", "int16x8")
    and not ELSEWHERE.intersection(row["operators"].split())
    # The converter leaves its pad value in float32; no runtime takes the file.
    and name != "pad_constant.int16x8.tflite"
]
REST = [str(name) for name in FILES.index if name not in INTEGER]


def _recorded(name: str) -> dict[str, np.ndarray]:
    with np.load(FOLDER / name.replace(".tflite", ".npz"), allow_pickle=False) as arrays:
        return dict(arrays)


def _ours(name: str, inputs: np.ndarray, rounding: str) -> np.ndarray:
    graph = read_integer_graph(FOLDER / name)
    shaped = inputs.reshape(len(inputs), *graph.activations[graph.input].shape)
    return run_integer(graph, shaped, rounding)


def test_most_models_have_an_integer_form() -> None:
    assert len(INTEGER) >= 200


@pytest.mark.parametrize("name", INTEGER)
def test_equals_what_was_recorded(name: str) -> None:
    arrays = _recorded(name)
    for runtime in ("tflm", "litert_reference"):
        if runtime in arrays:
            ours = _ours(name, arrays["inputs"], runtime)
            assert np.array_equal(ours, arrays[runtime].reshape(ours.shape)), runtime


@pytest.mark.parametrize("name", REST)
def test_what_has_no_integer_form_says_why(name: str) -> None:
    with pytest.raises(UnsupportedModel, match="no integer form: ") as caught:
        read_integer_graph(FOLDER / name)
    assert str(caught.value).startswith(f"{name}: ")
    assert caught.value.reasons


def test_the_index_describes_the_files() -> None:
    for name, row in FILES.iterrows():
        path = FOLDER / str(name)
        assert hashlib.sha256(path.read_bytes()).hexdigest() == row["sha256"]
        graph = read_tflite(path)
        assert [op.name for op in graph.operators] == row["operators"].split()
        arrays = _recorded(str(name))
        for runtime in ("tflm", "litert_reference"):
            assert (row[runtime] == "ran") == (runtime in arrays)


@pytest.mark.parametrize("runtime", ["tflm", "litert_reference"])
def test_a_record_is_what_the_runtime_still_answers(runtime: str) -> None:
    column = {"tflm": "tflm_version", "litert_reference": "litert"}[runtime]
    pytest.importorskip({"tflm": "tflite_micro", "litert_reference": "ai_edge_litert"}[runtime])
    if set(FILES[column]) != {runtime_version(runtime)}:
        pytest.skip("recorded with another version")
    for name in ("conv2d_same.int8.tflite", "softmax.int8.tflite"):
        arrays = _recorded(name)
        run = run_model((FOLDER / name).read_bytes(), arrays["inputs"], runtime)
        assert np.array_equal(run.outputs, arrays[runtime])
