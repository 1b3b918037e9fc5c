from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import MODELS, ROOT

from qnnlab.lab import RunStore, Sweep

Call = Callable[..., tuple[int, str, str]]
INT8 = {
    row["file"]: row
    for row in csv.DictReader((ROOT / "data/mlperf_tiny/models.csv").read_text().splitlines())
    if row["nominal_precision"] == "int8"
}


@pytest.mark.parametrize("file", INT8)
def test_inspect_counts_what_mlperf_tiny_counts(call: Call, file: str) -> None:
    code, out, _ = call("inspect", MODELS / file, "--json")
    assert code == 0
    found = json.loads(out)
    values = {value["name"]: value for value in found["values"]}
    row = INT8[file]
    assert values["macs"]["value"] == int(row["macs_total"])
    assert values["file_bytes"]["value"] == int(row["file_bytes"])
    assert values["weight_bytes"]["value"] == int(row["weight_bytes"])
    assert values["largest_activation_bytes"]["value"] == int(row["max_activation_bytes"])
    assert len(found["operators"]) == int(row["n_ops"])
    assert len(found["platforms"]) == 13
    assert values["arena_bytes"]["value"] > values["peak_live_bytes"]["value"]
    assert all(value["kind"] and value["source"] for value in found["values"])


def test_inspect_prints_tables(call: Call) -> None:
    code, out, _ = call("inspect", MODELS / "kws_ref_model.tflite")
    assert code == 0
    for words in ("DEPTHWISE_CONV_2D", "2,656,768", "64 channels, axis 0", "MSPM0G5187", "short"):
        assert words in out


def test_inspect_says_why_there_is_no_arena(call: Call) -> None:
    code, out, _ = call("inspect", MODELS / "kws_ref_model_float32.tflite", "--json")
    assert code == 0
    (arena,) = [v for v in json.loads(out)["values"] if v["name"] == "arena_bytes"]
    assert arena["value"] is None
    assert "Hybrid models are not supported" in arena["reason"]


@pytest.mark.parametrize(
    "content", [b"", b"hello\n", b"PK\x03\x04zip", b"\x00" * 64, None], ids=repr
)
def test_what_is_no_model_gives_one_line_and_exit_code_2(
    call: Call, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "model.tflite"
    if content is not None:
        path.write_bytes(content)
    code, out, err = call("inspect", path)
    assert (code, out) == (2, "")
    assert err.startswith("qnnlab: ")
    assert "model.tflite" in err
    assert len(err.splitlines()) == 1


def corrupt(model: bytes, seed: int) -> bytes:
    """One of the ways in which a file gets damaged: cut off, bits flipped, a word overwritten."""
    chance = random.Random(seed)
    damaged = bytearray(model)
    kind = seed % 3
    if kind == 0:
        return bytes(damaged[: chance.randrange(len(damaged))])
    for _ in range(chance.choice([1, 4, 64])):
        position = chance.randrange(len(damaged) - 4)
        if kind == 1:
            damaged[position] ^= 1 << chance.randrange(8)
        else:
            damaged[position : position + 4] = chance.randbytes(4)
    return bytes(damaged)


@pytest.mark.slow
def test_every_corruption_is_answered(call: Call, tmp_path: Path) -> None:
    model = (MODELS / "kws_ref_model.tflite").read_bytes()
    path = tmp_path / "model.tflite"
    codes = []
    for seed in range(48):
        path.write_bytes(corrupt(model, seed))
        code, out, err = call("inspect", path, "--json")
        codes.append(code)
        if code == 0:
            json.loads(out)
        else:
            assert (code, len(err.splitlines())) == (2, 1), seed
    assert {0, 2} == set(codes)


def test_unknown_names_give_one_line_and_exit_code_2(call: Call) -> None:
    code, out, err = call("run", "digits", "ptq_w8a8")
    assert (code, out) == (2, "")
    assert "did you mean" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("what", "name"), [("tasks", "digits"), ("methods", "float32"), ("platforms", "nrf52840")]
)
def test_list(call: Call, what: str, name: str) -> None:
    code, out, _ = call("list", what)
    assert code == 0
    assert any(line.startswith(name) for line in out.splitlines())


@pytest.mark.parametrize("command", ["report", "inspect", "run", "records", "list"])
def test_help_has_examples(call: Call, command: str) -> None:
    code, out, _ = call(command, "--help")
    assert code == 0
    assert f"Examples:\n    qnnlab {command}" in out


@pytest.mark.slow
def test_run_and_records_show_what_the_store_holds(
    call: Call, smoke_study: Sweep, smoke_store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QNNLAB_RUNS", str(smoke_store.root))
    method = "ptq_w8a8_pc_minmax"
    code, out, _ = call("run", "digits", method, "--profile", "smoke", "--json")
    assert code == 0
    assert json.loads(out)["key"] in {record.key for record in smoke_study.records}
    assert "arena_bytes" in call("run", "digits", method, "--profile", "smoke")[1]
    assert f"digits/{method}/host/s0/smoke" in call("records")[1]
    rows = list(csv.DictReader(call("records", "--csv")[1].splitlines()))
    assert {row["kind"] for row in rows} <= {"measured", "estimated"}
    assert len(rows) > 100
