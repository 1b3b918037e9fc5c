"""Find rows: filter a table, or show one entry with where it is from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from qnnlab.errors import DataError, unknown_name
from qnnlab.survey.bibliography import Reference, cite
from qnnlab.survey.tables import load_table, table_entry

_REFERENCE_COLUMNS = ("ref_key", "ref_keys", "survey")


@dataclass(frozen=True)
class Entry:
    """One row: its known cells, what it cites and where the row is from."""

    table: str
    key: str
    cells: Mapping[str, Any]
    references: tuple[Reference, ...]


def _key_column(table: str) -> str:
    keys = table_entry(table)["schema"]["primaryKey"]
    return str(keys if isinstance(keys, str) else keys[0])


def _check_column(table: str, frame: pd.DataFrame, column: str) -> None:
    if column not in frame.columns:
        raise DataError(unknown_name(f"column of table {table}", column, frame.columns))


def select(table: str, where: Mapping[str, str] | None = None) -> pd.DataFrame:
    """The rows of `table` whose columns contain the given texts, whatever the case.

    Raises DataError on an unknown table or column.
    """
    frame = load_table(table)
    for column, text in (where or {}).items():
        _check_column(table, frame, column)
        cells = frame[column].astype("string").fillna("")
        frame = frame[cells.str.contains(text, case=False, regex=False)]
    return frame


def entry(table: str, key: str) -> Entry:
    """The entry of `table` under `key`; raises DataError that names the nearest keys."""
    frame = load_table(table)
    column = _key_column(table)
    found = frame[frame[column].astype("string") == key]
    if found.empty:
        raise DataError(unknown_name(f"entry of table {table}", key, frame[column].astype(str)))
    cells = {name: cell for name, cell in found.iloc[0].items() if pd.notna(cell)}
    keys = [k for name in _REFERENCE_COLUMNS for k in str(cells.get(name, "")).split(";") if k]
    return Entry(table, key, cells, tuple(cite(reference) for reference in keys))
