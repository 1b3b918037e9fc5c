"""`qnnlab rosetta`: the same model in several runtimes, compared code by code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from qnnlab.cli.console import examples

if TYPE_CHECKING:
    import pandas as pd

    from qnnlab.lab.rosetta import Rosetta

_LAYER_SAMPLES = 16


@click.command(
    epilog=examples(
        "qnnlab rosetta model.tflite",
        "qnnlab rosetta model.tflite --data test.npz --csv > pairs.csv",
        "qnnlab rosetta model.tflite --layers tflm litert_xnnpack",
    )
)
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="An .npz with `inputs` and, for accuracies, `labels` (default: random inputs).",
)
@click.option("--samples", type=click.IntRange(1), default=200, show_default=True)
@click.option("--layers", nargs=2, metavar="FIRST SECOND", help="Where these two part.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV instead of tables.")
def rosetta(
    model: Path, data: Path | None, samples: int, layers: tuple[str, str] | None, as_csv: bool
) -> None:
    """Run MODEL (.tflite) in every runtime and with every rounding rule; compare the answers."""
    from qnnlab.graph.tflite import read_tflite
    from qnnlab.lab.inputs import load_samples, random_samples
    from qnnlab.lab.rosetta import layer_differences
    from qnnlab.lab.rosetta import rosetta as compare

    graph = read_tflite(model)
    count = min(samples, _LAYER_SAMPLES) if layers else samples
    taken = load_samples(data, graph, count) if data else random_samples(graph, count)
    content = model.read_bytes()
    if layers:
        frame = layer_differences(content, taken, *layers)
        _print_layers(frame, layers, as_csv)
        return
    found = compare(content, taken)
    if as_csv:
        click.echo(found.pairs().to_csv(index=False, float_format="%.4f"), nl=False)
    else:
        _print(found)


def _print(found: Rosetta) -> None:
    from rich.markup import escape
    from rich.table import Table

    from qnnlab.cli.console import console

    out = console()
    pairs = found.pairs()
    title = f"Answers of {found.samples.source}, each pair once"
    table = Table("first", "second", title=escape(title), title_justify="left")
    for column in ("samples same %", "codes same %", "max LSB", "argmax flips"):
        table.add_column(column, justify="right")
    for row in pairs.itertuples():
        table.add_row(
            row.first,
            row.second,
            f"{row.identical_pct:.1f}",
            f"{row.codes_identical_pct:.2f}",
            f"{row.max_lsb:g}",
            f"{row.argmax_flips}",
        )
    out.print(table)
    for name, score in found.accuracy().items():
        out.print(f"accuracy {name}: {score:.2f} %")
    for answer in found.answers:
        if answer.reason:
            out.print(f"{answer.name}: no answer: {escape(answer.reason)}")


def _print_layers(frame: pd.DataFrame, layers: tuple[str, str], as_csv: bool) -> None:
    from rich.markup import escape
    from rich.table import Table

    from qnnlab.cli.console import console

    if as_csv:
        click.echo(frame.to_csv(index=False, float_format="%.4f"), nl=False)
        return
    title = f"{layers[0]} against {layers[1]}, layer by layer"
    table = Table("#", "operator", title=title, title_justify="left")
    for column in ("codes differing %", "max LSB"):
        table.add_column(column, justify="right")
    table.add_column("")
    table.add_column("tensor")
    for row in frame.itertuples():
        mark = "[bold red]arises here[/]" if row.arises else ""
        table.add_row(
            str(row.operator),
            row.name,
            f"{row.differing_pct:.3f}",
            f"{row.max_lsb:g}",
            mark,
            escape(str(row.tensor)[:48]),
        )
    console().print(table)
