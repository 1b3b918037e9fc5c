from __future__ import annotations

import csv
import re

import pandas as pd
import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from qnnlab.errors import DataError
from qnnlab.methods import RECIPES
from qnnlab.survey import load_table
from qnnlab.survey.bibliography import Reference, bibtex, cite, escape

SURVEY = ROOT / "data/survey"
BIB = SURVEY / "references.bib"
COUNTS = {
    "survey_scope": 16,
    "survey_taxonomy": 67,
    "methods": 149,
    "frameworks": 62,
    "platforms": 98,
}


def in_list(cells: pd.Series) -> set[str]:
    return {key for cell in cells.dropna() for key in cell.split(";")}


def depth_is_even(text: str) -> bool:
    depth = 0
    for sign in text:
        depth += (sign == "{") - (sign == "}")
        if depth < 0:
            return False
    return depth == 0


@pytest.mark.parametrize("name", COUNTS)
def test_no_row_of_the_sources_is_lost(name: str) -> None:
    assert len(load_table(name)) >= COUNTS[name]


def test_the_surveys_own_tables_are_whole_and_no_more() -> None:
    assert len(load_table("survey_scope")) == COUNTS["survey_scope"]
    assert len(load_table("survey_taxonomy")) == COUNTS["survey_taxonomy"]


def test_every_taxonomy_entry_has_its_method_and_its_references() -> None:
    taxonomy, methods = load_table("survey_taxonomy"), load_table("methods")
    references = set(load_table("references")["ref_key"])
    assert set(taxonomy["method_key"]) <= set(methods["key"])
    assert in_list(taxonomy["ref_keys"]) <= references
    assert set(methods["ref_key"]) <= references
    assert set(load_table("frameworks")["ref_key"].dropna()) <= references
    assert set(load_table("survey_scope")["survey"]) <= references
    told = set(methods.loc[methods["in_survey_taxonomy"] == "yes", "key"])
    assert told == set(taxonomy["method_key"])


def test_the_catalog_holds_every_platform_that_the_survey_names() -> None:
    catalog = set(load_table("platforms")["key"])
    assert set(load_table("survey_platforms")["platform_key"]) <= catalog


def test_the_recipes_named_exist_and_those_of_int8_are_found() -> None:
    methods = load_table("methods").set_index("key")
    assert all(name in RECIPES for name in in_list(methods["qnnlab_recipes"]))
    assert "ptq_w8a8_pt_minmax" in methods.loc["per_tensor", "qnnlab_recipes"]
    assert "ptq_w8a8_pc_minmax" in methods.loc["per_channel", "qnnlab_recipes"]


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("platforms", "seen_fields"),
        ("frameworks", "known_fields"),
        ("references", "known_fields"),
    ],
)
def test_fields_named_in_a_cell_are_columns(name: str, column: str) -> None:
    table = load_table(name)
    assert in_list(table[column]) <= set(table.columns)


def test_the_licence_page_names_every_table() -> None:
    page = (SURVEY / "LICENSES.md").read_text(encoding="utf-8")
    for table in SURVEY.glob("*.csv"):
        assert f"`{table.stem}`" in page, table.stem


def test_numbers_of_the_catalog_are_numbers() -> None:
    platforms = load_table("platforms").set_index("key")
    assert platforms.loc["ch32v003", "flash_kb"] == 16
    assert platforms.loc["ndp120", "clock_mhz"] == 98.7
    assert platforms.loc["gap9", "typical_active_power_mw_min"] == 25.3
    assert platforms.loc["esp32c3", "flash_kb"] == 0
    assert "4,096 kB" in platforms.loc["esp32c3", "flash_note"]


def test_the_bibliography_is_the_one_of_the_table() -> None:
    assert BIB.read_text(encoding="utf-8") == bibtex(load_table("references"))


def test_every_entry_of_the_bibliography_parses() -> None:
    entries = BIB.read_text(encoding="utf-8").split("\n\n")
    keys = []
    for entry in entries:
        head = re.match(r"@(article|misc)\{([A-Za-z0-9_-]+),\n", entry)
        assert head, entry
        assert depth_is_even(entry)
        inside = entry[head.end() :].rstrip().removesuffix("\n}").split(",\n")
        assert all(re.fullmatch(r"  [a-z]+ = \{.+\}", line) for line in inside), entry
        keys.append(head[2])
    with (SURVEY / "references.csv").open(encoding="utf-8", newline="") as stream:
        assert keys == [row["ref_key"] for row in csv.DictReader(stream)]


def test_cite_takes_a_reference_or_a_method() -> None:
    haq = cite("haq")
    assert haq == cite("wang2019haq")
    assert haq.text() == (
        "Wang et al. (2019). HAQ: Hardware-aware automated quantization with mixed precision. "
        "CVPR, pp. 8612-8620, arXiv:1811.08886"
    )
    assert haq.link == "https://arxiv.org/abs/1811.08886"
    assert haq.bibtex() in BIB.read_text(encoding="utf-8")
    assert str(cite("abushahla2025quantized")).endswith("arXiv:2508.15008")


def test_a_key_that_is_both_means_the_same_source() -> None:
    methods = load_table("methods").set_index("key")["ref_key"]
    both = set(methods.index) & set(load_table("references")["ref_key"])
    assert {key: methods[key] for key in both} == {key: key for key in both}


def test_an_unknown_key_names_the_nearest() -> None:
    with pytest.raises(DataError, match=r"unknown reference 'wang2019hac'.*wang2019haq"):
        cite("wang2019hac")


@given(st.text(), st.text(min_size=1), st.text(), st.text())
def test_any_text_leaves_the_braces_even(title: str, authors: str, venue: str, url: str) -> None:
    row = dict.fromkeys(["arxiv", "doi", "source", "verified"], "")
    frame = pd.DataFrame(
        [{**row, "ref_key": "k", "title": title, "authors_short": authors, "year": 2020,
          "venue": venue, "url": url}]
    )  # fmt: skip
    entry = bibtex(frame)
    assert depth_is_even(entry)
    assert "\n" not in escape(title)
    assert "\n" not in Reference.from_row(frame.to_dict("records")[0]).text()
