from __future__ import annotations

import json
import warnings

import pandas as pd
import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from qnnlab.errors import DataError
from qnnlab.survey import load_table, parse_table, survey_platforms

PACKAGE = json.loads((ROOT / "data/datapackage.json").read_text())
TABLES = {entry["name"]: entry for entry in PACKAGE["resources"]}
PLATFORMS = TABLES["survey_platforms"]
TEXT = (ROOT / "data" / PLATFORMS["path"]).read_text()
LINES = TEXT.splitlines()


@pytest.mark.parametrize("name", TABLES)
def test_every_table_loads_and_each_row_has_its_source(name: str) -> None:
    frame = load_table(name)
    assert len(frame) > 0
    assert frame["source"].str.len().min() > 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_full_validator_agrees() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import frictionless

        report = frictionless.validate(str(ROOT / "data/datapackage.json"))
    assert report.valid, report.flatten(["type", "message"])


def test_table_ii_has_its_thirteen_platforms() -> None:
    table = survey_platforms()
    assert len(table) == 13
    assert set(table["family"]) == {"ARM", "RISC-V", "NPU"}
    assert pd.isna(table.loc["stm32n657", "flash_kb"])


def test_a_loaded_table_is_the_callers_own() -> None:
    table = load_table("survey_platforms")
    table.loc[:, "ram_kb"] = 1
    assert load_table("survey_platforms")["ram_kb"].max() > 1


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("nrf52840,", ",", ["2", "platform_key", "required"]),
        (",ARM,Cortex-M4F", ",AVR,Cortex-M4F", ["2", "family", "AVR"]),
        (",1024,,256,", ",many,,256,", ["2", "flash_kb", "number"]),
        (",1024,,256,", ",-4,,256,", ["2", "flash_kb", "minimum"]),
        (",256,,INT8", ",256,INT8", ["2", "cells"]),
        ("platform_key,", "key,", ["1", "header", "key"]),
    ],
)
def test_a_wrong_row_is_named(old: str, new: str, words: list[str]) -> None:
    assert old in TEXT
    with pytest.raises(DataError) as error:
        parse_table(TEXT.replace(old, new, 1), PLATFORMS["schema"], "platforms.csv")
    message = str(error.value)
    assert message.startswith(f"platforms.csv:{words[0]}: ")
    assert all(word in message for word in words)
    assert "\n" not in message


def test_a_repeated_key_is_named_with_both_lines() -> None:
    with pytest.raises(DataError, match=r"platforms.csv:15: .*line 2"):
        parse_table(TEXT + LINES[1] + "\n", PLATFORMS["schema"], "platforms.csv")


def test_unknown_table_names_the_nearest() -> None:
    with pytest.raises(DataError, match="survey_platforms"):
        load_table("survey_platform")


@given(st.text())
def test_any_text_parses_or_gives_one_line(text: str) -> None:
    with pytest.raises(DataError, match=r"\Ax\.csv:\d+: .*"):
        parse_table(text, PLATFORMS["schema"], "x.csv")
