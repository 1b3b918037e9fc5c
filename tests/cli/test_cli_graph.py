"""`qnnlab verdict`, `rosetta` and `plan`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import MODELS, ROOT

from qnnlab.graph.runtimes import available_runtimes
from qnnlab.graph.tflite import read_tflite

Call = Callable[..., tuple[int, str, str]]
DENSE = ROOT / "data/golden/dense_softmax.int8.tflite"

pytestmark = pytest.mark.skipif(
    not {"tflm", "litert_reference"} <= set(available_runtimes()),
    reason="the runtimes are not installed here",
)


def test_verdict_in_tables(call: Call) -> None:
    code, out, _ = call("verdict", MODELS / "kws_ref_model.tflite", "--target", "nrf52840")
    assert code == 0
    for words in ("will it run on nrf52840? yes", "answer the same? not to the bit", "XNNPACK"):
        assert words in out


def test_verdict_of_a_model_that_is_refused(call: Call) -> None:
    code, out, _ = call("verdict", MODELS / "kws_ref_model_float32.tflite", "--json")
    assert code == 1
    found = json.loads(out)
    assert (found["light"], found["run"]) == ("red", "red")
    assert {"question", "name", "light", "finding", "kind", "source", "remedy"} == set(
        found["checks"][0]
    )


def test_verdict_on_data(call: Call, tmp_path: Path) -> None:
    data = tmp_path / "inputs.npz"
    np.savez(data, inputs=np.zeros((3, 640), np.int8))
    code, out, _ = call("verdict", MODELS / "ad01_int8.tflite", "--data", data, "--json")
    assert code == 0
    assert "3 samples of inputs.npz" in out


@pytest.mark.parametrize("command", ["verdict", "rosetta", "plan"])
def test_what_is_no_model(call: Call, tmp_path: Path, command: str) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(b"no model")
    code, out, error = call(command, path)
    assert (code, out) == (2, "")
    assert error.startswith("qnnlab: model.tflite: not a .tflite model")
    assert error.count("\n") == 1


def test_wrong_data_and_target(call: Call, tmp_path: Path) -> None:
    code, _, error = call("verdict", DENSE, "--data", tmp_path / "none.npz")
    assert (code, error.count("\n")) == (2, 1)
    code, _, error = call("verdict", DENSE, "--target", "nrf5284")
    assert code == 2
    assert "did you mean nrf52840" in error


def test_rosetta_pairs_and_layers(call: Call) -> None:
    code, out, _ = call("rosetta", DENSE, "--samples", "20")
    assert code == 0
    assert "argmax flips" in out
    code, out, _ = call("rosetta", DENSE, "--csv")
    assert code == 0
    assert out.startswith("first,second,identical_pct,codes_identical_pct,max_lsb,argmax_flips\n")
    code, out, _ = call("rosetta", DENSE, "--layers", "tflm", "ours_tflm", "--csv")
    assert code == 0
    assert len(out.splitlines()) == 3
    code, _, error = call("rosetta", DENSE, "--layers", "tflm", "nobody")
    assert code == 2
    assert "unknown contender 'nobody'" in error


def test_plan_draws_and_writes(call: Call, tmp_path: Path) -> None:
    target = tmp_path / "planned.tflite"
    code, out, _ = call("plan", MODELS / "vww_96_int8.tflite", "--out", target)
    assert code == 0
    assert "← peak" in out
    assert "our plan: 55,296 B (no plan is below 55,296 B)" in out
    assert "TFLM plans: 73,728 B" in out
    assert "TFLM now takes: 55,296 B" in out
    assert len(read_tflite(target).operators) == 31


def test_inspect_counts_what_is_live(call: Call) -> None:
    code, out, _ = call("inspect", MODELS / "vww_96_int8.tflite", "--json")
    assert code == 0
    values = {value["name"]: value for value in json.loads(out)["values"]}
    assert values["live_macs"]["value"] < 0.51 * values["macs"]["value"]
    assert values["dead_channels"]["value"] > 2000
    assert values["planned_bytes"]["value"] == 55296
    assert values["peak_operator"]["value"] == "2 CONV_2D"
    assert values["bit_operations"]["value"] == 64 * values["macs"]["value"]
