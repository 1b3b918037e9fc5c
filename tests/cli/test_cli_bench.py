"""`qnnlab bench`: a model on emulated cores from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from qnnlab.cli.main import cli
from qnnlab.errors import ModelFormatError, SpecError
from qnnlab.files import resource
from qnnlab.graph.integer.file import save_graph
from qnnlab.graph.integer.passes import with_weight_bits
from qnnlab.graph.integer.reader import open_integer_graph

pytest.importorskip("ziglang", reason="needs the firmware extra")
pytest.importorskip("unicorn", reason="needs the firmware extra")

AD = str(resource("data/mlperf_tiny/models/ad01_int8.tflite"))


def _run(*arguments: str) -> str:
    result = CliRunner().invoke(cli, ["bench", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_figures_carry_unit_kind_and_source() -> None:
    (run,) = json.loads(_run(AD, "--core", "cortex-m4", "--samples", "2", "--format", "json"))
    values = {value["name"]: value for value in run["values"]}
    assert values["instructions"]["kind"] == "emulated"
    assert values["cycles_high"]["kind"] == "estimated"
    assert "Cortex-M4 TRM" in values["cycles_high"]["source"]
    assert values["inputs_differing"]["value"] == 0
    assert values["inputs"]["value"] == 2


def test_tables_and_csv() -> None:
    table = _run(AD, "--core", "cortex-m3", "--core", "rv32imac")
    assert "equal (1)" in table
    operators = _run(AD, "--core", "cortex-m3", "--operators")
    assert "dense" in operators
    rows = _run(AD, "--core", "cortex-m3", "--operators", "--format", "csv").splitlines()
    assert rows[0].startswith("core,operator,kind")
    assert len(rows) == 11


def test_narrow_weights_from_our_own_file(tmp_path: Path) -> None:
    path = tmp_path / "narrow.qnn"
    save_graph(with_weight_bits(open_integer_graph(AD), 2), path)
    text = _run(str(path), "--core", "cortex-m4", "--format", "csv", "--drop-dead-channels")
    header, row = text.splitlines()
    found = dict(zip(header.split(","), row.split(","), strict=True))
    assert float(found["weight_bytes"]) < 264192 / 3.9
    assert found["inputs_differing"] == "0"


def test_a_core_that_cannot_run_says_why() -> None:
    assert "host_library compiles for it" in " ".join(_run(AD, "--core", "host").split())


def test_wrong_input(tmp_path: Path) -> None:
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(b"nothing")
    with pytest.raises(ModelFormatError, match=r"broken\.tflite"):
        _run(str(broken))
    with pytest.raises(SpecError, match="unknown core 'cortex-m44'; did you mean cortex-m4"):
        _run(AD, "--core", "cortex-m44")
