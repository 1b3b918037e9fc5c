"""Read the CSV tables of `data/`; a wrong cell is named by file, line, column and rule.

The schema is `data/datapackage.json` (Frictionless table schema), of which the parts that the
tables use are checked here, so that a reader needs no validator installed.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from qnnlab.errors import DataError, unknown_name
from qnnlab.files import resource

TABLE_II = "arXiv:2508.15008 Table II"

_CONVERT: dict[str, tuple[Callable[[str], Any], str]] = {
    "string": (str, "string"),
    "number": (float, "Float64"),
    "integer": (int, "Int64"),
}


@cache
def _resources() -> dict[str, Any]:
    package = json.loads(resource("data/datapackage.json").read_text(encoding="utf-8"))
    return {entry["name"]: entry for entry in package["resources"]}


def _cell(text: str, field: Mapping[str, Any]) -> Any:
    """The value of one cell; raises ValueError with the rule that it breaks."""
    rules = field.get("constraints", {})
    if text == "":
        if rules.get("required"):
            raise ValueError("is required")
        return None
    convert, _ = _CONVERT[field["type"]]
    try:
        value = convert(text)
    except ValueError:
        raise ValueError(f"{text!r} is not of type {field['type']}") from None
    if "enum" in rules and value not in rules["enum"]:
        raise ValueError(f"{text!r} is not one of {', '.join(map(str, rules['enum']))}")
    if "pattern" in rules and not re.fullmatch(rules["pattern"], text):
        raise ValueError(f"{text!r} does not match {rules['pattern']}")
    if "minimum" in rules and not value >= rules["minimum"]:
        raise ValueError(f"{text} is below the minimum of {rules['minimum']}")
    return value


def parse_table(text: str, schema: Mapping[str, Any], name: str) -> pd.DataFrame:
    """Parse CSV `text` by a Frictionless table `schema`; `name` names the file in errors.

    Raises DataError with file, line, column and rule of the first wrong cell.
    """
    fields = schema["fields"]
    expected = [field["name"] for field in fields]
    reader = csv.reader(io.StringIO(text), strict=True)
    rows: list[list[Any]] = []
    keys: dict[tuple[Any, ...], int] = {}
    try:
        header = next(reader, [])
        if header != expected:
            wrong = sorted(set(header) ^ set(expected)) or ["the order"]
            raise DataError(f"{name}:1: the header differs from the schema in {', '.join(wrong)}")
        for cells in reader:
            line = reader.line_num
            if len(cells) != len(fields):
                raise DataError(f"{name}:{line}: {len(cells)} cells, the header has {len(fields)}")
            row = []
            for cell, field in zip(cells, fields, strict=True):
                try:
                    row.append(_cell(cell, field))
                except ValueError as error:
                    raise DataError(f"{name}:{line}: column {field['name']!r}: {error}") from None
            key = tuple(row[expected.index(column)] for column in schema["primaryKey"])
            if key in keys:
                raise DataError(f"{name}:{line}: key {key} stands already in line {keys[key]}")
            keys[key] = line
            rows.append(row)
    except csv.Error as error:
        raise DataError(f"{name}:{reader.line_num}: not valid CSV: {error}") from None
    frame = pd.DataFrame(rows, columns=expected)
    return frame.astype({field["name"]: _CONVERT[field["type"]][1] for field in fields})


@cache
def _load(name: str) -> pd.DataFrame:
    entry = _resources().get(name)
    if entry is None:
        raise DataError(unknown_name("table", name, _resources()))
    path: Path = resource("data") / entry["path"]
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: can't be read: {error}") from None
    return parse_table(text, entry["schema"], f"data/{entry['path']}")


def load_table(name: str) -> pd.DataFrame:
    """A fresh copy of the table `name` of `data/datapackage.json`."""
    return _load(name).copy()


def platforms() -> pd.DataFrame:
    """The 13 platforms of Table II, by `platform_key`; sizes in kB of 1,024 bytes."""
    return load_table("survey_platforms").set_index("platform_key", drop=False)
