"""Records as a table: one row a run, one column a figure."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from qnnlab.lab.record import Record
from qnnlab.methods import RECIPES
from qnnlab.values import Value


def records_frame(records: Iterable[Record]) -> pd.DataFrame:
    """One row a record: the spec, the method's title, status, reason, then each figure by name.

    A figure that could not be had is missing (NaN); `values_frame` keeps the reasons, units,
    kinds and sources.
    """
    rows = [
        {
            "key": record.key,
            **record.spec.to_dict(),
            "title": RECIPES[record.spec.method].title if record.spec.method in RECIPES else "",
            "origin": record.provenance.get("origin", ""),
            "status": record.status,
            "reason": record.reason,
            "seconds": record.seconds,
            **{value.name: value.value for value in record.results},
        }
        for record in records
    ]
    return pd.DataFrame(rows)


def values_frame(records: Iterable[Record]) -> pd.DataFrame:
    """One row a figure: key, spec, name, value, unit, kind, source, reason."""
    columns = ["key", "spec", "name", "value", "unit", "kind", "source", "reason"]
    rows = [
        {"key": record.key, "spec": str(record.spec), **value.to_dict()}
        for record in records
        for value in record.results
    ]
    return pd.DataFrame(rows, columns=columns)


def find_value(records: Iterable[Record], name: str) -> Value | None:
    """The first present figure called `name`: its unit, kind and source stand for the column."""
    present = (v for r in records for v in r.results if v.name == name and v.value is not None)
    return next(present, None)
