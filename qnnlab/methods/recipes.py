"""Read `recipes.yaml`; a wrong row is named when it is read, not when it runs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import yaml

from qnnlab.errors import DataError, unknown_name
from qnnlab.methods.method import Family, Recipe
from qnnlab.registry import LazyNames, plug_ins

FAMILIES: LazyNames[Family] = LazyNames(
    "method family", lambda: plug_ins("qnnlab.methods", "FAMILY")
)

_FILE = "qnnlab/methods/recipes.yaml"
_FIELDS = {"name", "title", "family", "parent", "section", "source", "settings"}
_NAME = re.compile(r"[a-z0-9]+(_[a-z0-9.-]+)*")


def _check_settings(row: Mapping[str, Any], family: Family) -> None:
    given, wanted = row["settings"], family.settings
    where = f"{_FILE}: method {row['name']!r}"
    if set(given) != set(wanted):
        raise DataError(f"{where}: settings must be {sorted(wanted)}, not {sorted(given)}")
    for key, allowed in wanted.items():
        if given[key] not in allowed:
            raise DataError(f"{where}: setting {key} is {given[key]!r}, not one of {allowed}")


def parse_recipes(rows: Sequence[Mapping[str, Any]]) -> dict[str, Recipe]:
    """Check rows in order; a parent stands before its children. Raises DataError."""
    recipes: dict[str, Recipe] = {}
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, Mapping) or set(row) != _FIELDS:
            raise DataError(f"{_FILE}: row {number}: fields must be {sorted(_FIELDS)}")
        name = row["name"]
        if not isinstance(name, str) or not _NAME.fullmatch(name) or name in recipes:
            raise DataError(f"{_FILE}: row {number}: {name!r} is no new name like ptq_w8a8_pc")
        if row["parent"] is not None and row["parent"] not in recipes:
            raise DataError(f"{_FILE}: method {name!r}: parent {row['parent']!r} is not above it")
        if row["family"] not in FAMILIES:
            raise DataError(f"{_FILE}: {unknown_name('method family', row['family'], FAMILIES)}")
        _check_settings(row, FAMILIES[row["family"]])
        recipes[name] = Recipe(**row)
    return recipes


def _read() -> dict[str, Recipe]:
    text = files("qnnlab.methods").joinpath("recipes.yaml").read_text(encoding="utf-8")
    return parse_recipes(yaml.safe_load(text))


RECIPES: LazyNames[Recipe] = LazyNames("method", _read)
