"""`qnnlab verdict`: will it run, and will it answer the same?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qnnlab.cli.console import examples

if TYPE_CHECKING:
    from qnnlab.lab.verdict import Verdict

_STYLES = {"green": "bold green", "yellow": "bold yellow", "red": "bold red"}
_WORDS = {
    "will it run": {"green": "yes", "yellow": "yes, with care", "red": "no"},
    "will it answer the same": {
        "green": "yes",
        "yellow": "not to the bit",
        "red": "no",
    },
}


@click.command(
    epilog=examples(
        "qnnlab verdict model.tflite --target nrf52840",
        "qnnlab verdict model.tflite --target stm32f746 --data inputs.npz",
        "qnnlab verdict model.tflite --json | jq .light",
    )
)
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--target", help="A platform: its key in `qnnlab survey show survey_platforms`.")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="An .npz with an array `inputs` (default: random inputs).",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object instead of a table.")
def verdict(model: Path, target: str | None, data: Path | None, as_json: bool) -> None:
    """Say whether MODEL (.tflite) will run on a target, and whether it will answer the same.

    Looks at operators and schemes, flash, RAM and the answers of several runtimes. Exit code 1
    when a light is red, 2 when the file can't be read.
    """
    from qnnlab.lab.verdict import verdict as judge

    found = judge(model, target, data)
    if as_json:
        click.echo(json.dumps(found.to_dict(), indent=2, allow_nan=False))
    else:
        _show(found)
    if found.light() == "red":
        raise click.exceptions.Exit(1)


def _show(found: Verdict) -> None:
    from rich.markup import escape
    from rich.table import Table

    from qnnlab.cli.console import console

    out = console()
    for question, words in _WORDS.items():
        table = Table(show_header=True, title_justify="left", expand=False)
        light = found.light(question)
        where = f" on {found.target}" if found.target and question == "will it run" else ""
        table.title = (
            f"{escape(found.file)}: {question}{where}? [{_STYLES[light]}]{words[light]}[/]"
        )
        for column in ("", "check", "finding", "what to do", "kind", "source"):
            table.add_column(column)
        for check in found.checks:
            if check.question == question:
                mark = f"[{_STYLES[check.light]}]{check.light}[/]"
                cells = (check.name, check.finding, check.remedy, check.kind, check.source)
                table.add_row(mark, *(escape(cell) for cell in cells))
        out.print(table)
