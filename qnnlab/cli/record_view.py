"""Records on a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.markup import escape
from rich.table import Table

from qnnlab.cli.console import console
from qnnlab.lab import Record
from qnnlab.lab.progress import outcome_line
from qnnlab.values import Value


def _shown(value: Value) -> str:
    if value.value is None:
        return f"absent: {value.reason}"
    return f"{value.value:,.3f}" if isinstance(value.value, float) else f"{value.value:,}"


def show(record: Record) -> None:
    """Print one record's figures, or why it has none."""
    out = console()
    if not record.ok:
        out.print(outcome_line(record), markup=False)
        return
    table = Table(title=str(record.spec), title_justify="left")
    table.add_column("figure", no_wrap=True)
    table.add_column("value", justify="right")
    for column in ("unit", "kind", "source"):
        table.add_column(column)
    for value in record.results:
        table.add_row(
            value.name, escape(_shown(value)), value.unit, value.kind, escape(value.source)
        )
    out.print(table)
    out.print(f"key {record.key}, {record.seconds:.1f} s", markup=False)


def show_all(records: Iterable[Record]) -> None:
    """Print one line a record."""
    out = console()
    for record in records:
        out.print(f"{record.key}  {outcome_line(record)}", markup=False, soft_wrap=True)
