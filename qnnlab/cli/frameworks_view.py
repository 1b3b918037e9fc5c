"""How `qnnlab frameworks` shows what it found."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from qnnlab.cli.console import console

if TYPE_CHECKING:
    import pandas as pd

    from qnnlab.lab.frameworks import Cell, Comparison, Timing

_COLOURS = {
    "equal": "green",
    "differs": "yellow",
    "refused": "red",
    "compiles": "cyan",
    "runs": "white",
}


def as_dict(
    found: Comparison, timings: Sequence[Timing], cores: pd.DataFrame | None
) -> dict[str, Any]:
    """A JSON object: results, and apart from them the timings, which differ from run to run."""
    made: dict[str, Any] = {
        "cells": [cell.to_dict() for cell in found.cells],
        "timings": [
            {
                "framework": timing.framework,
                "model": timing.model,
                "values": [value.to_dict() for value in timing.values()],
            }
            for timing in timings
        ],
    }
    if cores is not None:
        made["cores"] = json.loads(cores.to_json(orient="records"))
    return made


def show(found: Comparison, timings: Sequence[Timing], cores: pd.DataFrame | None) -> None:
    """A table a model, then the reasons, then the cores."""
    times = {(timing.framework, timing.model): timing for timing in timings}
    for case in found.cases:
        count = "1 run on zeros" if case.inputs is None else f"{len(case.inputs)} random inputs"
        cells = [found[name, case.name] for name in found.frameworks]
        _show_model(cells, f"{case.name}: {count}, seed {case.seed}", times)
    if timings:
        from qnnlab.lab.frameworks.timing import WARNING

        click.echo(f"time: measured on {timings[0].cpu}; {WARNING}")
    click.echo("e: estimated by the tool; all else is measured here")
    if cores is not None:
        _show_cores(cores)


def _show_model(cells: Sequence[Cell], title: str, times: dict[tuple[str, str], Timing]) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table("framework", "verdict", title=escape(title), title_justify="left")
    for column in ("equal %", "class %", "max diff", "stored B", "arena B", "operators"):
        table.add_column(column, justify="right")
    if times:
        table.add_column("time ÷ LiteRT ref", justify="right")
    for cell in cells:
        colour = _COLOURS[cell.verdict]
        row = [cell.framework, f"[{colour}]{cell.verdict}[/]", *_figures(cell)]
        table.add_row(*row, *([_ratio(times, cell)] if times else []))
    out = console()
    out.print(table)
    for cell in cells:
        if cell.reason:
            out.print(f"{cell.framework}: {escape(cell.reason)}")
            continue
        assert cell.trial is not None
        if cell.trial.uncovered:
            out.print(f"{cell.framework}: not covered: {', '.join(cell.trial.uncovered)}")
        seconds, cycles = cell.value("npu_seconds"), cell.value("npu_cycles")
        if seconds is not None and cycles is not None:
            spent = f"{1e3 * float(seconds.value or 0):.3f} ms, {cycles.value:,} cycles"
            out.print(f"{cell.framework}: estimated by the vendor's tool: {spent}")


def _figures(cell: Cell) -> list[str]:
    if cell.trial is None:
        return [""] * 6
    values = {value.name: value for value in cell.values()}
    apart = ""
    if "max_difference" in values:
        apart = f"{values['max_difference'].value:.4g}"
        apart += " steps" if values["max_difference"].unit == "steps" else ""
    return [
        *(
            f"{values[name].value:.1f}" if name in values else ""
            for name in ("equal_answers", "same_class")
        ),
        apart,
        *(_bytes(values, name) for name in ("stored_bytes", "arena_bytes")),
        f"{cell.trial.covered} of {cell.trial.operators}",
    ]


def _bytes(values: dict[str, Any], name: str) -> str:
    value = values.get(name)
    if value is None or value.value is None:
        return "not told"
    return f"{value.value:,}{' e' if value.kind == 'estimated' else ''}"


def _ratio(times: dict[tuple[str, str], Timing], cell: Cell) -> str:
    timing = times.get((cell.framework, cell.model))
    return "" if timing is None or timing.ratio is None else f"{timing.ratio:.3f}"


def _show_cores(rows: pd.DataFrame) -> None:
    from rich.markup import escape
    from rich.table import Table

    title = "One inference on emulated cores; bytes of the whole image"
    table = Table("model", "core", "framework", title=title, title_justify="left")
    for column in ("M instructions", "flash B", "RAM B"):
        table.add_column(column, justify="right")
    table.add_column("source")
    for row in rows.itertuples():
        if row.reason:
            table.add_row(row.model, row.core, row.framework, "", "", "", escape(row.reason))
            continue
        figures = (f"{row.instructions / 1e6:.3f}", f"{row.flash_bytes:,.0f}")
        place = (row.model, row.core, row.framework)
        table.add_row(*place, *figures, f"{row.ram_bytes:,.0f}", escape(row.source))
    console().print(table)


def show_catalog(table: pd.DataFrame, *, entries: bool) -> None:
    """The catalog's rows with their features, all quoted; `entries`: those that can be asked."""
    from rich.markup import escape
    from rich.table import Table

    from qnnlab.lab.frameworks.catalog import SOURCE, features

    if table.empty:
        click.echo(f"no framework in {SOURCE} has all of that")
        return
    marks = features(table)
    shown = Table("framework", "approach", title_justify="left")
    shown.title = f"{len(table)} frameworks, quoted from {SOURCE}"
    for column in ("weights", "QAT", "open"):
        shown.add_column(column)
    shown.add_column("targets")
    shown.add_column("here")
    rows = table.fillna("").to_dict("records")
    for row, mark in zip(rows, marks.to_dict("records"), strict=True):
        cells = (row["name"], row["approach"], row["weight_bits"])
        shown.add_row(
            *(escape(str(cell)) for cell in cells),
            mark["QAT"],
            mark["open source"],
            escape(row["targets"]),
            mark["runs here"],
        )
    console().print(shown)
    if entries:
        _show_entries()


def _show_entries() -> None:
    """By name, what --framework takes, and which version is here or how to get it."""
    from qnnlab.errors import QnnlabError
    from qnnlab.lab.frameworks import FRAMEWORKS

    click.echo("Compared here, by the name that --framework takes:")
    width = max(map(len, FRAMEWORKS))
    for name, framework in FRAMEWORKS.items():
        try:
            state = framework.version()
        except QnnlabError as error:
            state = str(error)
        click.echo(f"  {name:<{width}}  {framework.does} ({state})")
