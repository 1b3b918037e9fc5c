"""`qnnlab bench`: a model as firmware on emulated cores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qnnlab.cli.console import examples

if TYPE_CHECKING:
    from qnnlab.graph.integer.model import IntegerGraph
    from qnnlab.lab.bench import CoreRun


@click.command(
    epilog=examples(
        "qnnlab bench model.tflite",
        "qnnlab bench model.tflite --core cortex-m4 --operators",
        "qnnlab bench model.qnn --core rv32imac --samples 100 --format json",
        "qnnlab bench vww.tflite --drop-dead-channels",
    )
)
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--core", "cores", multiple=True, help="A core, again for more (default: all).")
@click.option("--samples", type=click.IntRange(1), default=1, show_default=True)
@click.option("--compiler", type=click.Choice(["zig", "gcc"]), default="zig", show_default=True)
@click.option("--drop-dead-channels", is_flag=True, help="Leave out what no answer depends on.")
@click.option("--operators", is_flag=True, help="Where the instructions go, by operator.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="json: figures with unit, kind and source.",
)
def bench(
    model: Path,
    cores: tuple[str, ...],
    samples: int,
    compiler: str,
    drop_dead_channels: bool,
    operators: bool,
    form: str,
) -> None:
    """Turn MODEL (.tflite or .qnn) into C, compile it and run it on emulated cores.

    Inputs are random codes; each answer is compared with the integer executor's. A core that
    can't run here says why; exit code 1 if an answer differs.
    """
    from qnnlab.graph.integer.passes import remove_dead_channels
    from qnnlab.graph.integer.reader import open_integer_graph
    from qnnlab.lab.bench import (
        bench_frame,
        bench_model,
        emulated_cores,
        operators_frame,
        random_codes,
    )
    from qnnlab.steps import shown

    graph = open_integer_graph(model)
    if drop_dead_channels:
        removed = remove_dead_channels(graph)
        click.echo(f"{removed.channels:,} of {removed.of:,} channels left out", err=True)
        graph = removed.graph
    with shown():
        runs = bench_model(graph, cores or emulated_cores(), random_codes(graph, samples), compiler)
    if form == "json":
        click.echo(json.dumps([_as_dict(run) for run in runs], indent=2, allow_nan=False))
    elif form == "csv":
        frame = operators_frame(runs, graph) if operators else bench_frame(runs)
        click.echo(frame.to_csv(index=False), nl=False)
    elif operators:
        for run in runs:
            _show_operators(run, graph)
    else:
        _show(runs)
    if any(run.differing for run in runs):
        raise click.exceptions.Exit(1)


def _as_dict(run: CoreRun) -> dict[str, Any]:
    return {
        "core": run.core,
        "reason": run.reason,
        "values": [value.to_dict() for value in run.values()],
    }


def _show(runs: list[CoreRun]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from qnnlab.cli.console import console

    title = "Emulated: instructions, stack. Measured: bytes. Estimated: cycles, from and to"
    table = Table("core", title=title, title_justify="left")
    for column in ("M instr", "per MAC", "M cycles", "code B", "weights B", "arena B", "stack B"):
        table.add_column(column, justify="right")
    table.add_column("answers")
    for run in runs:
        if run.firmware is None:
            table.add_row(run.core, *[""] * 7, "not run")
            continue
        found = {value.name: value.value for value in run.values()}
        same = "equal" if not run.differing else f"[bold red]{run.differing} differ[/]"
        cycles = "not known"
        if "cycles_low" in found:
            cycles = f"{_millions(found['cycles_low'])}–{_millions(found['cycles_high'])}"
        table.add_row(
            run.core,
            _millions(found["instructions"]),
            f"{found['instructions_per_mac']:.2f}",
            cycles,
            *(f"{found[name]:,}" for name in ("code_bytes", "weight_bytes", "arena_bytes")),
            f"{found['stack_bytes']:,}",
            f"{same} ({len(run.runs)})",
        )
    console().print(table)
    for run in runs:
        if run.reason:
            console().print(f"{run.core}: {escape(run.reason)}")


def _millions(count: Any) -> str:
    return f"{count / 1e6:.3f}" if count < 1e7 else f"{count / 1e6:.1f}"


def _show_operators(run: CoreRun, graph: IntegerGraph) -> None:
    from rich.markup import escape
    from rich.table import Table

    from qnnlab.cli.console import console
    from qnnlab.lab.bench import operators_frame

    if run.firmware is None or not run.first.by_operator:
        console().print(f"{run.core}: no counts by operator: {escape(run.reason or 'none')}")
        return
    table = Table("#", "operator", title=f"{run.core}, emulated", title_justify="left")
    for column in ("instructions", "share %", "MACs", "per MAC"):
        table.add_column(column, justify="right")
    for row in operators_frame([run], graph).itertuples():
        table.add_row(
            str(row.operator),
            row.kind,
            f"{row.instructions:,}",
            f"{row.share_pct:.1f}",
            f"{row.macs:,}" if row.macs else "",
            f"{row.instructions_per_mac:.2f}" if row.macs else "",
        )
    console().print(table)
