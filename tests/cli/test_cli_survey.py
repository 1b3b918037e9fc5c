from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from qnnlab.survey import load_table, table_names

Call = Callable[..., tuple[int, str, str]]


def test_tables_are_listed_with_their_rows(call: Call) -> None:
    code, out, _ = call("survey", "tables")
    assert code == 0
    listed = {line.split()[0]: int(line.split()[1]) for line in out.splitlines()}
    assert listed == {name: len(load_table(name)) for name in table_names()}


def test_rows_are_filtered_and_exported_in_every_format(call: Call, tmp_path: Path) -> None:
    ask = ("rows", "survey_deployments", "--where", "family=risc", "--columns", "ref_key,family")
    rows = list(csv.DictReader(io.StringIO(call("survey", *ask, "--format", "csv")[1])))
    assert len(rows) == 3
    assert {row["family"] for row in rows} == {"RISC-V"}
    assert json.loads(call("survey", *ask, "--format", "json")[1]) == rows
    assert call("survey", *ask, "--format", "markdown")[1].startswith("| ref_key")
    latex = call("survey", *ask, "--format", "latex")[1]
    assert "\\toprule" in latex
    target = tmp_path / "rows.tex"
    assert call("survey", *ask, "--format", "latex", "--out", target) == (0, "", "")
    assert target.read_text() == latex


def test_one_entry_with_its_reference(call: Call) -> None:
    code, out, _ = call("survey", "show", "methods", "haq")
    assert code == 0
    assert "arXiv:1811.08886" in out
    document = json.loads(call("survey", "show", "methods", "haq", "--json")[1])
    assert document["cells"]["key"] == "haq"
    assert document["references"]


def test_cite(call: Call) -> None:
    assert "HAQ" in call("survey", "cite", "haq")[1]
    assert call("survey", "cite", "haq", "--bibtex")[1].startswith("@")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("rows", "method"), "did you mean methods"),
        (("rows", "methods", "--where", "famly=x"), "did you mean family"),
        (("rows", "methods", "--where", "family"), "COLUMN=TEXT"),
        (("rows", "methods", "--columns", "key,nme"), "did you mean name"),
        (("show", "methods", "hqa"), "haq"),
        (("cite", "hqa"), "haq"),
    ],
)
def test_unknown_names_give_one_line_and_exit_code_2(
    call: Call, arguments: tuple[str, ...], words: str
) -> None:
    code, out, err = call("survey", *arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert len(err.splitlines()) == 1
    assert len(err) < 600


@pytest.mark.parametrize("command", ["tables", "rows", "show", "cite"])
def test_help_has_examples(call: Call, command: str) -> None:
    code, out, _ = call("survey", command, "--help")
    assert code == 0
    assert f"qnnlab survey {command}" in out
