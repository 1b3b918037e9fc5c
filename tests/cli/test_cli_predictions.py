"""`qnnlab predictions`."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from qnnlab.cli.main import cli
from qnnlab.targets.cost import validation


def test_show_names_what_was_left_out_and_how_far_off() -> None:
    done = CliRunner().invoke(cli, ["predictions", "show"])
    assert done.exit_code == 0
    assert "submitter" in done.stdout
    assert "median error" in done.stdout


def test_show_as_csv_is_a_table() -> None:
    done = CliRunner().invoke(cli, ["predictions", "show", "--csv"])
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert {row["scheme"] for row in rows} == set(validation.SCHEMES)
    assert all(0 <= float(row["coverage_pct"]) <= 100 for row in rows)


def test_refresh_replaces_the_table_by_the_same_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = pd.read_csv(validation.cross_validation_file())
    target = tmp_path / "latency_cv.csv"
    monkeypatch.setattr(validation, "cross_validation_file", lambda: target)
    monkeypatch.setattr(validation, "SCHEMES", {"round": validation.SCHEMES["round"]})
    monkeypatch.setattr(validation.cross_validation, "__defaults__", (("round",), None))
    assert CliRunner().invoke(cli, ["predictions", "refresh"]).exit_code == 0
    made = pd.read_csv(target)
    assert list(made.columns) == list(kept.columns)
    before = kept[kept["scheme"] == "round"].reset_index(drop=True)
    assert list(made["row_key"]) == list(before["row_key"])
    assert (made["log_error"] - before["log_error"]).abs().max() < 0.01
