"""The methods: rows of `recipes.yaml`, and every name that the grammar can read.

A wrong row is named when it is read, not when it runs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import yaml

from qnnlab.errors import DataError, SpecError, unknown_name
from qnnlab.methods.grammar import read_name
from qnnlab.methods.method import Family, Recipe
from qnnlab.registry import LazyNames, plug_ins

FAMILIES: LazyNames[Family] = LazyNames(
    "method family", lambda: plug_ins("qnnlab.methods", "FAMILY")
)

_FILE = "qnnlab/methods/recipes.yaml"
_FIELDS = {"name", "title", "family", "parent", "section", "source", "settings"}
_NAME = re.compile(r"[a-z0-9]+(_[a-z0-9.-]+)*")


def _check_settings(recipe: Recipe) -> None:
    given, wanted = recipe.settings, FAMILIES[recipe.family].settings
    where = f"{_FILE}: method {recipe.name!r}"
    if set(given) != set(wanted):
        raise DataError(f"{where}: settings must be {sorted(wanted)}, not {sorted(given)}")
    for key, allowed in wanted.items():
        if given[key] not in allowed:
            raise DataError(f"{where}: setting {key} is {given[key]!r}, not one of {allowed}")


def parse_recipes(rows: Sequence[Any]) -> dict[str, Recipe]:
    """Check rows in order; a parent stands before its children. Raises DataError.

    A row is all fields, or a name alone that the grammar reads.
    """
    recipes: dict[str, Recipe] = {}
    for number, row in enumerate(rows, start=1):
        recipe = _spelled(row, number) if isinstance(row, str) else _written(row, number)
        name = recipe.name
        if not isinstance(name, str) or not _NAME.fullmatch(name) or name in recipes:
            raise DataError(f"{_FILE}: row {number}: {name!r} is no new name like ptq_w8a8_pc")
        if recipe.parent is not None and recipe.parent not in recipes:
            raise DataError(f"{_FILE}: method {name!r}: parent {recipe.parent!r} is not above it")
        if recipe.family not in FAMILIES:
            raise DataError(f"{_FILE}: {unknown_name('method family', recipe.family, FAMILIES)}")
        _check_settings(recipe)
        recipes[name] = recipe
    return recipes


def _written(row: Any, number: int) -> Recipe:
    if not isinstance(row, Mapping) or set(row) != _FIELDS:
        raise DataError(
            f"{_FILE}: row {number}: fields must be {sorted(_FIELDS)}, or the row a name alone"
        )
    return Recipe(**row)


def _spelled(name: str, number: int) -> Recipe:
    try:
        recipe = read_name(name)
    except SpecError as error:
        raise DataError(f"{_FILE}: row {number}: {error}") from None
    if recipe is None:
        raise DataError(f"{_FILE}: row {number}: {name!r} is no name of the grammar")
    return recipe


def _read() -> dict[str, Recipe]:
    text = files("qnnlab.methods").joinpath("recipes.yaml").read_text(encoding="utf-8")
    return parse_recipes(yaml.safe_load(text))


class _Recipes(LazyNames[Recipe]):
    """The rows; looked up by name, whatever else the grammar reads too."""

    def __getitem__(self, name: str) -> Recipe:
        if name in self._entries():
            return self._entries()[name]
        return read_name(name) or super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        try:
            return isinstance(name, str) and self[name] is not None
        except SpecError:
            return False


RECIPES: LazyNames[Recipe] = _Recipes("method", _read)
