"""`qnnlab plan`: the memory of activations, drawn operator by operator, and a plan of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from qnnlab.cli.console import examples

if TYPE_CHECKING:
    from qnnlab.graph.memory import MemoryPlan
    from qnnlab.graph.model import Graph

_BAR = 40


@click.command(
    epilog=examples(
        "qnnlab plan model.tflite",
        "qnnlab plan model.tflite --out planned.tflite    # TFLM then uses the plan",
    )
)
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the model with the plan as its offline memory plan.",
)
@click.option("--in-place/--no-in-place", default=True, help="Let outputs overwrite inputs.")
def plan(model: Path, out: Path | None, in_place: bool) -> None:
    """Show which operators of MODEL (.tflite) need how much memory, and plan it.

    The plan holds activations; kernels' scratch buffers and TFLM's own structures come on top.
    """
    from qnnlab.files import write_atomic
    from qnnlab.graph.memory import plan_memory
    from qnnlab.graph.memory.offline import with_memory_plan
    from qnnlab.graph.tflite import read_tflite
    from qnnlab.lab.measure import try_runtime

    graph = read_tflite(model)
    content = model.read_bytes()
    made = plan_memory(graph, in_place)
    before = try_runtime(content, None, "tflm")
    _draw(graph)
    _tell(made, "TFLM plans", before)
    if out is not None:
        planned = with_memory_plan(content, made)
        write_atomic(out, planned)
        _tell(made, f"{out}: TFLM now takes", try_runtime(planned, None, "tflm"))


def _draw(graph: Graph) -> None:
    from rich.table import Table

    from qnnlab.cli.console import console
    from qnnlab.graph.memory import memory_timeline

    steps = memory_timeline(graph)
    most = max((step.total for step in steps), default=1) or 1
    title = "Activations that live at once: ▒ read, █ made, ░ waiting (measured from the file)"
    table = Table("#", "operator", title=title, title_justify="left")
    table.add_column("bytes", justify="right")
    table.add_column("")
    for step in steps:
        parts = ((step.reads, "▒"), (step.makes, "█"), (step.waits, "░"))
        bar = "".join(mark * round(_BAR * size / most) for size, mark in parts)
        peak = "  ← peak" if step.total == most else ""
        table.add_row(str(step.operator), step.name, f"{step.total:,}", bar + peak)
    console().print(table)


def _tell(made: MemoryPlan, what: str, run: object) -> None:
    from qnnlab.graph.runtimes import RuntimeRun

    click.echo(f"our plan: {made.peak_bytes:,} B (no plan is below {made.bound_bytes:,} B)")
    if isinstance(run, RuntimeRun):
        click.echo(f"{what}: {run.activation_bytes:,} B, {run.arena_bytes:,} B in all on this host")
    else:
        click.echo(f"{what}: not known: {run}")
