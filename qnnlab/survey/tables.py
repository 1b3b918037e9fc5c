"""The tables of `data/`, by name, checked against `data/datapackage.json` when read."""

from __future__ import annotations

import json
from collections.abc import Collection
from functools import cache
from typing import Any

import pandas as pd

from qnnlab.errors import DataError, unknown_name
from qnnlab.files import read_data, resource
from qnnlab.survey.schema import Parsed, Schema, check_table, parse_rows, to_frame

TABLE_II = "arXiv:2508.15008 Table II"


@cache
def _resources() -> dict[str, Any]:
    package = json.loads(resource("data/datapackage.json").read_text(encoding="utf-8"))
    return {entry["name"]: entry for entry in package["resources"]}


def table_names() -> list[str]:
    """The names of all tables."""
    return list(_resources())


def table_entry(name: str) -> dict[str, Any]:
    """A table's entry in the data package (title, path, schema); raises DataError."""
    if name not in _resources():
        raise DataError(unknown_name("table", name, _resources()))
    entry: dict[str, Any] = _resources()[name]
    return entry


@cache
def _parsed(name: str) -> Parsed:
    entry = table_entry(name)
    text = read_data(resource("data") / entry["path"])
    return parse_rows(text, entry["schema"], f"data/{entry['path']}")


@cache
def _column(name: str, column: str) -> Collection[Any]:
    return {row[column] for row in _parsed(name).rows}


@cache
def _load(name: str) -> pd.DataFrame:
    schema: Schema = table_entry(name)["schema"]
    check_table(_parsed(name), schema, _column)
    return to_frame(_parsed(name), schema)


def cell_value(cell: Any) -> Any:
    """What a cell of a table holds; None where it is empty."""
    return None if pd.isna(cell) else cell


def load_table(name: str) -> pd.DataFrame:
    """A fresh copy of the table `name`; its columns carry their units in their names.

    Raises DataError with file, line, column and rule of the first wrong cell.
    """
    return _load(name).copy()


def parse_table(text: str, schema: Schema, name: str) -> pd.DataFrame:
    """CSV `text` as the table that `schema` describes; `name` names the file in errors."""
    parsed = parse_rows(text, schema, name)
    check_table(parsed, schema, _column)
    return to_frame(parsed, schema)


def survey_platforms() -> pd.DataFrame:
    """The 13 platforms of Table II, by `platform_key`; sizes in kB of 1,024 bytes."""
    return load_table("survey_platforms").set_index("platform_key", drop=False)
