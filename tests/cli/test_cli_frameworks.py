"""`qnnlab frameworks` on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from qnnlab.files import resource

pytest.importorskip("ai_edge_litert", reason="needs the runtimes extra")

Call = Callable[..., tuple[int, str, str]]
DENSE = resource("data/golden/dense_relu.int8.tflite")
FLOAT = resource("data/golden/dense.float32.tflite")


def test_table_of_one_model(call: Call) -> None:
    chosen = ("--framework", "litert_reference", "--framework", "tflm", "--framework", "qnnlab_c")
    code, out, err = call("frameworks", DENSE, *chosen, "--inputs", 3)
    assert code == 0
    assert all(" %" in line for line in err.splitlines())
    assert "dense_relu.int8: 3 random inputs, seed 0" in out
    assert "equal" in out
    assert "1.000" in out
    assert "no time of a microcontroller" in out


def test_json_keeps_times_apart(call: Call) -> None:
    arguments = ("--framework", "litert_reference", "--framework", "qnnlab_c", "--json")
    code, out, _ = call("frameworks", DENSE, FLOAT, *arguments, "--inputs", 2, "--no-time")
    assert code == 0
    found = json.loads(out)
    assert found["timings"] == []
    cells = {(cell["framework"], cell["model"]): cell for cell in found["cells"]}
    refused = cells["qnnlab_c", "dense.float32"]
    assert refused["verdict"] == "refused"
    assert refused["reason"]
    kinds = {value["kind"] for cell in found["cells"] for value in cell["values"]}
    assert kinds == {"measured"}
    again = call("frameworks", DENSE, FLOAT, *arguments, "--inputs", 2, "--no-time")[1]
    assert again == out


def test_nobody_takes_it(call: Call) -> None:
    code, out, _ = call("frameworks", FLOAT, "--framework", "qnnlab_c", "--no-time")
    assert code == 1
    assert "refused" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--framework", "tfml"), "did you mean tflm"),
        (("none.tflite",), "none.tflite: can't be read"),
        (("--list", "--approach", "kompiler"), "did you mean compiler"),
    ],
)
def test_bad_input_is_one_line(call: Call, arguments: tuple[str, ...], said: str) -> None:
    code, out, err = call("frameworks", *arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_a_corrupt_file_is_one_line(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "cut.tflite"
    path.write_bytes(DENSE.read_bytes()[:300])
    code, _, err = call("frameworks", path)
    assert code == 2
    assert err.startswith(f"qnnlab: {path}: ")
    assert err.count("\n") == 1


def test_the_catalog(call: Call) -> None:
    code, out, _ = call("frameworks", "--list")
    assert code == 0
    assert "frameworks, quoted" in out
    assert "TinyMaix" in out
    assert "aeq_static_int8" in out
    code, out, _ = call("frameworks", "--target", "zx81")
    assert (code, out.count("\n")) == (0, 1)
    assert "no framework" in out
    code, out, _ = call("frameworks", "--target", "risc-v", "--sub8", "--qat", "--open", "--json")
    keys = [row["key"] for row in json.loads(out)]
    assert "deeploy" in keys
    assert "tinymaix" not in keys


def test_the_catalog_takes_no_models(call: Call) -> None:
    code, _, err = call("frameworks", "--list", DENSE)
    assert code == 2
    assert "no models" in err
