"""Check CSV text against a table schema; a wrong cell is named by file, line, column and rule.

The schema is Frictionless' (https://specs.frictionlessdata.io/table-schema/), of which the parts
that the tables use are checked here, so that a reader needs no validator installed. Two keys of
our own, which other validators pass over: `x-ranges` (pairs of columns, low end first) and
`x-list-references` (columns that hold several keys of another table).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from qnnlab.errors import DataError, unknown_name

Schema = Mapping[str, Any]
Row = dict[str, Any]
# Gives the values of a column of another table: (table, column) -> values.
Lookup = Callable[[str, str], Collection[Any]]

_CONVERT: dict[str, tuple[Callable[[str], Any], str]] = {
    "string": (str, "string"),
    "number": (float, "Float64"),
    "integer": (int, "Int64"),
}


def _number(text: str, kind: str) -> Any:
    value = _CONVERT[kind][0](text)
    # Python reads "1_000", "nan" and "inf"; none of them is a fact.
    if kind != "string" and not re.fullmatch(r"[+-]?[0-9.]+([eE][+-]?[0-9]+)?", text):
        raise ValueError
    return value


def _cell(text: str, field: Mapping[str, Any]) -> Any:
    """The value of one cell; raises ValueError with the rule that it breaks."""
    rules = field.get("constraints", {})
    if text == "":
        if rules.get("required"):
            raise ValueError("is required")
        return None
    try:
        value = _number(text, field["type"])
    except ValueError:
        raise ValueError(f"{text!r} is not of type {field['type']}") from None
    if "enum" in rules and value not in rules["enum"]:
        raise ValueError(f"{text!r} is not one of {', '.join(map(str, rules['enum']))}")
    if "pattern" in rules and not re.fullmatch(rules["pattern"], text):
        raise ValueError(f"{text!r} does not match {rules['pattern']}")
    if "minimum" in rules and not value >= rules["minimum"]:
        raise ValueError(f"{text} is below the minimum of {rules['minimum']}")
    if "maximum" in rules and not value <= rules["maximum"]:
        raise ValueError(f"{text} is above the maximum of {rules['maximum']}")
    return value


@dataclass(frozen=True)
class Parsed:
    """Rows whose cells are right by themselves, and the line that each ends on."""

    name: str
    rows: list[Row]
    lines: list[int]

    def error(self, position: int, column: str, rule: str) -> DataError:
        """The error for a cell of a row."""
        return DataError(f"{self.name}:{self.lines[position]}: column {column!r}: {rule}")


def _records(text: str, expected: list[str], name: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text), strict=True)
    try:
        header = next(reader, [])
        if header != expected:
            wrong = sorted(set(header) ^ set(expected)) or ["the order"]
            raise DataError(f"{name}:1: the header differs from the schema in {', '.join(wrong)}")
        for cells in reader:
            line = reader.line_num
            if len(cells) != len(expected):
                raise DataError(f"{name}:{line}: {len(cells)} cells, the header has {len(header)}")
            yield line, cells
    except csv.Error as error:
        raise DataError(f"{name}:{reader.line_num}: not valid CSV: {error}") from None


def parse_rows(text: str, schema: Schema, name: str) -> Parsed:
    """Parse and check each cell; `name` names the file in errors. Raises DataError."""
    fields = schema["fields"]
    parsed = Parsed(name, [], [])
    for line, cells in _records(text, [field["name"] for field in fields], name):
        row: Row = {}
        for cell, field in zip(cells, fields, strict=True):
            try:
                row[field["name"]] = _cell(cell, field)
            except ValueError as error:
                raise DataError(f"{name}:{line}: column {field['name']!r}: {error}") from None
        parsed.rows.append(row)
        parsed.lines.append(line)
    return parsed


def _check_unique(parsed: Parsed, columns: Sequence[str]) -> None:
    seen: dict[tuple[Any, ...], int] = {}
    for position, row in enumerate(parsed.rows):
        key = tuple(row[column] for column in columns)
        if key in seen and key != (None,):
            value = ", ".join(map(str, key))
            line = parsed.lines[seen[key]]
            rule = f"{value!r} stands already in line {line}"
            raise parsed.error(position, "+".join(columns), rule)
        seen[key] = position


def _check_ranges(parsed: Parsed, ranges: Sequence[Sequence[str]]) -> None:
    for low, high in ranges:
        for position, row in enumerate(parsed.rows):
            if row[low] is not None and row[high] is not None and row[low] > row[high]:
                rule = f"{row[low]:g} is above {high!r}, which is {row[high]:g}"
                raise parsed.error(position, low, rule)


def _references(schema: Schema) -> Iterator[tuple[str, str, str, str | None]]:
    """Column, table and column referred to, and the separator of a list (None: one value)."""
    for key in schema.get("foreignKeys", []):
        fields, target = key["fields"], key["reference"]["fields"]
        column = fields if isinstance(fields, str) else fields[0]
        there = target if isinstance(target, str) else target[0]
        yield column, key["reference"]["resource"], there, None
    for key in schema.get("x-list-references", []):
        yield key["field"], key["resource"], key["key"], key.get("separator", ";")


def _check_references(parsed: Parsed, schema: Schema, lookup: Lookup) -> None:
    for column, table, there, separator in _references(schema):
        # An empty name is Frictionless' way to refer to the same table.
        known = set(lookup(table, there)) if table else {row[there] for row in parsed.rows}
        for position, row in enumerate(parsed.rows):
            value = row[column]
            if value is None:
                continue
            for key in [value] if separator is None else str(value).split(separator):
                if key not in known:
                    what = f"{there} of table {table or 'itself'}"
                    rule = unknown_name(what, str(key), map(str, known - {None}))
                    raise parsed.error(position, column, rule)


def check_table(parsed: Parsed, schema: Schema, lookup: Lookup) -> None:
    """Check what holds between cells: keys, ranges, references. Raises DataError."""
    _check_unique(parsed, schema["primaryKey"])
    for field in schema["fields"]:
        if field.get("constraints", {}).get("unique"):
            _check_unique(parsed, [field["name"]])
    _check_ranges(parsed, schema.get("x-ranges", []))
    _check_references(parsed, schema, lookup)


def to_frame(parsed: Parsed, schema: Schema) -> pd.DataFrame:
    """The rows as a DataFrame with the schema's columns and types; an empty cell is missing."""
    columns = [field["name"] for field in schema["fields"]]
    frame = pd.DataFrame(parsed.rows, columns=columns)
    return frame.astype({field["name"]: _CONVERT[field["type"]][1] for field in schema["fields"]})
