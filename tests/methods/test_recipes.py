"""The contract that every recipe and family keeps."""

from __future__ import annotations

import copy
from importlib.resources import files
from typing import Any

import pytest
import yaml

from qnnlab.errors import DataError, SpecError
from qnnlab.methods import FAMILIES, RECIPES
from qnnlab.methods.recipes import parse_recipes

ROWS: list[Any] = yaml.safe_load(
    files("qnnlab.methods").joinpath("recipes.yaml").read_text(encoding="utf-8")
)


def _row(name: str) -> int:
    return next(
        index for index, row in enumerate(ROWS) if not isinstance(row, str) and row["name"] == name
    )


def test_every_family_serves_a_recipe() -> None:
    assert {recipe.family for recipe in RECIPES.values()} == set(FAMILIES)


@pytest.mark.parametrize("name", list(RECIPES))
def test_recipe_is_complete(name: str) -> None:
    recipe = RECIPES[name]
    assert recipe.name == name
    assert recipe.title
    assert recipe.section
    assert recipe.source
    assert recipe.parent is None or recipe.parent in RECIPES


def _changed(index: int, **fields: Any) -> list[Any]:
    rows = copy.deepcopy(ROWS)
    rows[index].update(fields)
    return rows


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (_changed(1, parent="nobody"), "parent 'nobody'"),
        (_changed(1, family="tflite_pqt"), "tflite_ptq"),
        (_changed(1, name="float32"), "row 2"),
        (_changed(1, name="Not A Name"), "row 2"),
        (_changed(1, extra=1), "row 2: fields"),
        (_changed(1, settings={"weights": "int8"}), "settings must be"),
        (_changed(2, settings={**ROWS[2]["settings"], "weights": "int3"}), "weights is 'int3'"),
        (
            _changed(
                _row("prune_magnitude_s80"),
                settings={"sparsity_pct": 100, "activations": "int8"},
            ),
            "sparsity_pct is 100",
        ),
        ([*ROWS, "ptq_w1a8_pc"], "w2 to w8"),
        ([*ROWS, "smaller_w4a8"], "no name of the grammar"),
        ([*ROWS, "qat_lsq_w4a4"], "no new name"),
        ([1, 2], "row 1: fields"),
    ],
)
def test_a_wrong_row_is_named(rows: list[Any], words: str) -> None:
    with pytest.raises(DataError, match=r"recipes\.yaml") as error:
        parse_recipes(rows)
    assert words in str(error.value)


def test_unknown_method_names_the_nearest() -> None:
    with pytest.raises(SpecError, match="ptq_w8_dynamic"):
        _ = RECIPES["ptq_w8_dynamik"]
