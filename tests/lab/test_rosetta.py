"""Runtimes and rounding rules side by side: who answers the same, and where two part."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qnnlab.errors import DataError, ModelFormatError, SpecError
from qnnlab.files import resource
from qnnlab.graph.layers import layer_outputs, with_output
from qnnlab.graph.runtimes import available_runtimes, run_model
from qnnlab.graph.tflite import parse_tflite, read_tflite
from qnnlab.lab.inputs import load_samples, random_samples
from qnnlab.lab.rosetta import CONTENDERS, Rosetta, layer_differences, rosetta

KWS = resource("data/mlperf_tiny/models/kws_ref_model.tflite")
HYBRID = resource("data/mlperf_tiny/models/kws_ref_model_float32.tflite")
GOLDEN = resource("data/golden")

pytestmark = pytest.mark.skipif(
    not {"tflm", "litert_reference"} <= set(available_runtimes()),
    reason="the runtimes are not installed here",
)


@pytest.fixture(scope="module")
def kws_table() -> Rosetta:
    graph = read_tflite(KWS)
    samples = random_samples(graph, 60, seed=4)
    labels = np.arange(60) % 12
    return rosetta(KWS.read_bytes(), type(samples)(samples.inputs, labels, samples.source))


def test_everyone_answers(kws_table: Rosetta) -> None:
    assert [answer.name for answer in kws_table.answered] == list(CONTENDERS)
    assert len(kws_table.pairs()) == len(CONTENDERS) * (len(CONTENDERS) - 1) // 2


def test_our_rules_are_those_of_the_runtimes(kws_table: Rosetta) -> None:
    same = kws_table.matrix("codes_identical_pct")
    assert same.loc["tflm", "ours_tflm"] == 100
    assert same.loc["litert_reference", "ours_litert_reference"] == 100
    assert same.loc["litert_xnnpack", "ours_xnnpack"] == 100
    assert same.loc["tflm", "litert_xnnpack"] < 100
    assert same.loc["tflm", "ours_power_of_two"] < 95
    assert np.array_equal(same, same.T)
    flips = kws_table.matrix("argmax_flips")
    assert flips.loc["tflm", "ours_tflm"] == 0


def test_accuracies_are_counted(kws_table: Rosetta) -> None:
    scores = kws_table.accuracy()
    outputs = kws_table["tflm"].outputs
    assert outputs is not None
    expected = 100 * (outputs.reshape(60, -1).argmax(1) == np.arange(60) % 12).mean()
    assert scores["tflm"] == scores["ours_tflm"] == pytest.approx(expected)


def test_who_cannot_answer_says_why() -> None:
    graph = read_tflite(HYBRID)
    table = rosetta(HYBRID.read_bytes(), random_samples(graph, 2))
    assert "Hybrid" in (table["tflm"].reason or "")
    assert "no integer form" in (table["ours_tflm"].reason or "")
    assert table["litert_xnnpack"].outputs is not None
    assert table.accuracy().empty


def test_unknown_contender() -> None:
    with pytest.raises(SpecError, match="unknown contender 'tflmm'; did you mean tflm"):
        rosetta(KWS.read_bytes(), random_samples(read_tflite(KWS), 1), ["tflmm"])


def test_a_layer_is_given_by_every_interpreter() -> None:
    path = GOLDEN / "dense_softmax.int8.tflite"
    model, graph = path.read_bytes(), read_tflite(path)
    samples = random_samples(graph, 8)
    hidden = graph.operators[0].outputs[0]
    for runtime in ("tflm", "litert_reference"):
        layers = layer_outputs(model, samples.inputs, runtime, [hidden, graph.outputs[0]])
        whole = run_model(model, samples.inputs, runtime).outputs
        assert whole is not None
        last = layers[graph.outputs[0]].reshape(whole.shape)
        assert np.array_equal(last, whole)
        assert layers[hidden].shape[0] == 8


def test_with_output_refuses_what_is_not_there() -> None:
    model = KWS.read_bytes()
    with pytest.raises(ModelFormatError, match="tensor 999 can't be its output"):
        with_output(model, 999)
    changed = parse_tflite(with_output(model, parse_tflite(model).operators[0].outputs[0]))
    assert changed.outputs == (parse_tflite(model).operators[0].outputs[0],)


def test_the_first_difference_arises_in_the_dense_layer() -> None:
    path = GOLDEN / "dense_softmax.int8.tflite"
    samples = random_samples(read_tflite(path), 400)
    frame = layer_differences(path.read_bytes(), samples, "tflm", "litert_reference")
    assert frame["name"].tolist() == ["FULLY_CONNECTED", "SOFTMAX"]
    assert frame["arises"].tolist() == [True, False]
    same = layer_differences(path.read_bytes(), samples, "tflm", "ours_tflm")
    assert same["differing_pct"].max() == 0
    assert not same["arises"].any()


def test_samples_of_a_file(tmp_path: Path) -> None:
    graph = read_tflite(KWS)
    codes = random_samples(graph, 3).inputs
    path = tmp_path / "inputs.npz"
    np.savez(path, inputs=codes, labels=[1, 2, 3])
    found = load_samples(path, graph, 2)
    assert np.array_equal(found.inputs, codes[:2])
    assert found.labels is not None
    assert found.labels.tolist() == [1, 2]
    real = np.full((1, 49, 10, 1), 0.5847029089927673, np.float32)
    np.savez(path, real)
    assert set(np.unique(load_samples(path, graph).inputs)) == {84}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros(3), "y": np.zeros(3)}, "must have an array `inputs`, it has x, y"),
        ({"inputs": np.zeros((2, 7), np.int8)}, r"a sample has shape \[7\]"),
        ({"inputs": np.zeros((0, 490), np.int8)}, "there are no samples"),
        ({"inputs": np.zeros((2, 490), np.int32)}, "its inputs are int32, the model takes int8"),
        ({"inputs": np.full((2, 490), np.nan)}, "not all finite"),
        ({"inputs": np.zeros((2, 490), np.int8), "labels": np.zeros(3)}, "labels have shape"),
    ],
)
def test_samples_that_do_not_fit(
    tmp_path: Path, arrays: dict[str, np.ndarray], message: str
) -> None:
    path = tmp_path / "inputs.npz"
    np.savez(path, **arrays)
    with pytest.raises(DataError, match=message):
        load_samples(path, read_tflite(KWS))


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 broken"])
def test_samples_that_are_no_archive(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "inputs.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"no \.npz that can be read"):
        load_samples(path, read_tflite(KWS))
