"""Records on a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from qnnlab.cli.console import console, value_table
from qnnlab.lab import Record
from qnnlab.lab.progress import outcome_line


def show(record: Record) -> None:
    """Print one record's figures, or why it has none."""
    out = console()
    if not record.ok:
        out.print(outcome_line(record), markup=False)
        return
    out.print(value_table(record.results, str(record.spec)))
    out.print(f"key {record.key}, {record.seconds:.1f} s", markup=False)


def show_all(records: Iterable[Record]) -> None:
    """Print one line a record."""
    out = console()
    for record in records:
        out.print(f"{record.key}  {outcome_line(record)}", markup=False, soft_wrap=True)
