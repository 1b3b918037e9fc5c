"""`qnnlab export`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import MODELS, ROOT

from qnnlab.graph.integer.file import save_graph
from qnnlab.graph.integer.reader import read_integer_graph

pytest.importorskip("jinja2", reason="needs the firmware extra")
pytest.importorskip("ziglang", reason="needs the firmware extra")

Call = Callable[..., tuple[int, str, str]]
DENSE = ROOT / "data/golden/dense_softmax.int8.tflite"


def test_what_it_says(call: Call, tmp_path: Path) -> None:
    out = tmp_path / "kws"
    code, text, error = call("export", MODELS / "kws_ref_model.tflite", "--out", out)
    assert (code, error) == (0, "")
    assert "C files and a Makefile for Arm Cortex-M4" in text
    assert "flash, code and constants: 4" in text
    assert "(computed: an image linked by zig" in text
    assert "arena, static RAM: 10,688 B (computed: the memory plan)" in text
    assert str(out / "README.md") in text
    assert {path.name for path in out.iterdir()} == {
        *("README.md", "Makefile", "main.c", "model.c", "model.h")
    }


def test_json(call: Call, tmp_path: Path) -> None:
    out = tmp_path / "app"
    arguments = ("--layout", "zephyr", "--core", "cortex-m33", "--name", "tiny", "--json")
    code, text, _ = call("export", DENSE, "--out", out, *arguments)
    assert code == 0
    found = json.loads(text)
    assert (found["name"], found["core"], found["layout"]) == ("tiny", "cortex-m33", "zephyr")
    assert all((out / path).is_file() for path in found["files"])
    assert {(size["unit"], size["kind"]) for size in found["sizes"]} == {("B", "computed")}
    assert all(size["value"] > 0 and size["source"] for size in found["sizes"])
    graph = read_integer_graph(DENSE)
    assert found["input"]["scale"] == graph.activations[graph.input].scale


def test_our_own_format_gives_the_same_code(call: Call, tmp_path: Path) -> None:
    save_graph(read_integer_graph(DENSE), tmp_path / "model.qnn")
    for path, folder in ((DENSE, "a"), (tmp_path / "model.qnn", "b")):
        assert call("export", path, "--core", "host", "--out", tmp_path / folder)[0] == 0
    assert (tmp_path / "a/model.c").read_bytes() == (tmp_path / "b/model.c").read_bytes()


def test_without_the_compiler_flash_is_not_known(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from importlib import metadata

    from qnnlab.targets.bench.compilers import compiler_version

    def absent(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    compiler_version.cache_clear()
    monkeypatch.setattr(metadata, "version", absent)
    code, text, _ = call("export", DENSE, "--out", tmp_path / "out")
    assert code == 0
    assert "flash, code and constants: not known (computed: compiling firmware needs" in text


BAD = {
    "an unknown core": (("--core", "cortex-m5"), "unknown core 'cortex-m5'; did you mean"),
    "an unknown layout": (("--layout", "arduin"), "unknown layout 'arduin'; did you mean arduino"),
    "a name": (("--name", "my-model"), "name 'my-model': not a C identifier"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_does_not_exist(call: Call, tmp_path: Path, case: str) -> None:
    arguments, message = BAD[case]
    code, out, error = call("export", DENSE, "--out", tmp_path / "out", *arguments)
    assert (code, out) == (2, "")
    assert message in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".tflite", ".qnn"])
def test_what_is_no_model(call: Call, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_bytes(b"no model")
    code, out, error = call("export", path, "--out", tmp_path / "out")
    assert (code, out) == (2, "")
    assert error.startswith(f"qnnlab: model{suffix}: ")
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_float_model(call: Call, tmp_path: Path) -> None:
    path = MODELS / "kws_ref_model_float32.tflite"
    code, _, error = call("export", path, "--out", tmp_path / "out")
    assert code == 2
    assert "no integer form" in error
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_not_empty(call: Call, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    code, _, error = call("export", DENSE, "--out", out)
    assert code == 2
    assert "is not empty; --force" in error
    assert [path.name for path in out.iterdir()] == ["notes.txt"]
    assert call("export", DENSE, "--out", out, "--force")[0] == 0
    assert (out / "notes.txt").read_text() == "mine"
    assert (out / "model.c").is_file()


def test_help_has_examples(call: Call) -> None:
    code, out, _ = call("export", "--help")
    assert code == 0
    assert "qnnlab export model.tflite --core cortex-m33 --layout zephyr" in out
