"""`qnnlab survey`: the review's tables on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pandas as pd

from qnnlab.cli.console import examples
from qnnlab.errors import DataError
from qnnlab.files import write_atomic

FORMATS = ("table", "csv", "json", "markdown", "latex")


@click.group()
def survey() -> None:
    """Look things up in the review: methods, frameworks, platforms, deployments, benchmarks."""


@survey.command("tables", epilog=examples("qnnlab survey tables"))
def list_tables() -> None:
    """List the tables with their number of rows."""
    from qnnlab.survey import load_table, table_entry, table_names

    width = max(map(len, table_names()))
    for name in table_names():
        click.echo(f"{name:<{width}}  {len(load_table(name)):>4}  {table_entry(name)['title']}")


def _condition(text: str) -> tuple[str, str]:
    column, sign, value = text.partition("=")
    if not sign or not column:
        raise DataError(f"--where {text!r} does not read COLUMN=TEXT")
    return column, value


def _formatted(frame: pd.DataFrame, style: str) -> str:
    if style == "csv":
        return str(frame.to_csv(index=False))
    if style == "json":
        return json.dumps(json.loads(frame.to_json(orient="records")), indent=1) + "\n"
    from tabulate import tabulate

    name = {"table": "simple", "markdown": "pipe", "latex": "latex_booktabs"}[style]
    cells = frame.astype(object).where(frame.notna(), "")
    return str(tabulate(cells, headers="keys", tablefmt=name, showindex=False)) + "\n"


@survey.command(
    "rows",
    epilog=examples(
        "qnnlab survey rows methods --where family=mixed --columns key,name,year",
        "qnnlab survey rows survey_deployments --where family=ARM --format latex --out arm.tex",
        "qnnlab survey rows platforms --where isa_family=risc --format csv",
    ),
)
@click.argument("table")
@click.option("--where", multiple=True, metavar="COLUMN=TEXT", help="Keep rows that contain TEXT.")
@click.option("--columns", help="Columns to show, separated by commas (default: all).")
@click.option("--format", "style", type=click.Choice(FORMATS), default="table", show_default=True)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write to a file.")
def rows(
    table: str, where: tuple[str, ...], columns: str | None, style: str, out: Path | None
) -> None:
    """Print or export rows of TABLE (`qnnlab survey tables` lists the names)."""
    from qnnlab.errors import unknown_name
    from qnnlab.survey import select

    frame = select(table, dict(map(_condition, where)))
    if columns is not None:
        for column in columns.split(","):
            if column not in frame.columns:
                raise DataError(unknown_name(f"column of table {table}", column, frame.columns))
        frame = frame[columns.split(",")]
    text = _formatted(frame, style)
    if out is None:
        click.echo(text, nl=False)
    else:
        write_atomic(out, text)


@survey.command(
    "show",
    epilog=examples("qnnlab survey show methods haq", "qnnlab survey show platforms stm32n657"),
)
@click.argument("table")
@click.argument("key")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def show(table: str, key: str, as_json: bool) -> None:
    """Show one entry of TABLE with what it cites and where its facts are from."""
    from qnnlab.survey import entry

    found = entry(table, key)
    if as_json:
        cells = json.loads(pd.Series(dict(found.cells), dtype=object).to_json())
        cited = [str(reference) for reference in found.references]
        click.echo(json.dumps({"table": table, "cells": cells, "references": cited}, indent=1))
        return
    width = max(map(len, found.cells))
    for name, cell in found.cells.items():
        click.echo(f"{name:<{width}}  {cell}")
    for reference in found.references:
        click.echo(f"{'cites':<{width}}  {reference}")


@survey.command(
    "cite", epilog=examples("qnnlab survey cite haq", "qnnlab survey cite haq --bibtex")
)
@click.argument("key")
@click.option("--bibtex", is_flag=True, help="Print a BibTeX entry.")
def cite_key(key: str, bibtex: bool) -> None:
    """Print the reference of KEY: a citation key, or the key of a method."""
    from qnnlab.survey import cite

    reference = cite(key)
    click.echo(reference.bibtex() if bibtex else str(reference), nl=not bibtex)
