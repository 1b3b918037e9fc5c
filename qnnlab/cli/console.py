"""The terminal, as every command draws on it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from qnnlab.values import Value

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_PIPED_WIDTH = 132

PROFILES = click.Choice(["smoke", "quick", "full"])


def examples(*lines: str) -> str:
    """An epilog of a command, which click does not re-wrap."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def console() -> Console:
    """A console as wide as the terminal; wide enough for the tables when piped."""
    from rich.console import Console

    plain = Console(highlight=False)
    return plain if plain.is_terminal else Console(highlight=False, width=_PIPED_WIDTH)


def value_table(values: Iterable[Value], title: str) -> Table:
    """One row a figure: value, unit, kind and source, or the reason why there is none."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(title), title_justify="left")
    table.add_column("figure", no_wrap=True)
    table.add_column("value", justify="right")
    for column in ("unit", "kind", "source"):
        table.add_column(column)
    for value in values:
        source = value.source if value.reason is None else f"{value.source}: {value.reason}"
        table.add_row(value.name, _shown(value), value.unit, value.kind, escape(source))
    return table


def _shown(value: Value) -> str:
    from rich.markup import escape

    if value.value is None:
        return "absent"
    if isinstance(value.value, float):
        return f"{value.value:,.3f}"
    return f"{value.value:,}" if isinstance(value.value, int) else escape(value.value)
