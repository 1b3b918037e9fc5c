"""`qnnlab tasks`: what they are, how hard they are, and one's own data as one of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qnnlab.cli.console import PROFILES, examples
from qnnlab.errors import DatasetError

if TYPE_CHECKING:
    import pandas as pd

    from qnnlab.lab import Record
    from qnnlab.tasks import Task, TaskData

_OWN_SUFFIXES = (".npz", ".csv")


@click.group()
def tasks() -> None:
    """Look at tasks, see how hard they are, add your own data."""


@tasks.command("show", epilog=examples("qnnlab tasks show kws", "qnnlab tasks show ecg.mitdb"))
@click.argument("name")
@click.option("--profile", type=PROFILES, default="quick", show_default=True)
def show(name: str, profile: str) -> None:
    """Show the data of task NAME: splits, classes, groups, source, licence.

    Synthetic data is generated at the first time and kept ($QNNLAB_DATA).
    """
    from qnnlab.tasks import load_task

    _print_task(*load_task(name, profile))


def _print_task(task: Task, data: TaskData) -> None:
    import numpy as np
    from rich.markup import escape
    from rich.table import Table

    from qnnlab.cli.console import console

    out = console()
    out.print(f"[bold]{task.name}[/bold]  {escape(task.title)}  ({task.origin} data)")
    out.print(f"metric {task.metric}; sample {task.input_shape}: {escape(task.x_unit)}")
    out.print(f"source {escape(task.source)}; licence {escape(task.licence)}")
    table = Table("class", *(f"{name} samples" for name in data.splits()))
    counts = [np.bincount(s.y, minlength=len(task.labels)) for s in data.splits().values()]
    for index, label in enumerate(task.labels):
        table.add_row(escape(label), *(f"{count[index]:,}" for count in counts))
    groups = [
        "not known" if split.groups is None else f"{len(np.unique(split.groups)):,}"
        for split in data.splits().values()
    ]
    table.add_row("[dim]groups[/dim]", *groups)
    out.print(table)
    out.print(f"calibration: {len(data.x_calibration)} training samples; sha256 {data.sha256()}")


@tasks.command(
    "difficulty",
    epilog=examples("qnnlab tasks difficulty", "qnnlab tasks difficulty ecg kws --profile smoke"),
)
@click.argument("names", nargs=-1)
@click.option("--profile", type=PROFILES, default="quick", show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
def difficulty(names: tuple[str, ...], profile: str, seed: int) -> None:
    """Say how hard the tasks NAMES are (default: all that need no download).

    Runs float32, int8 and rounded weights of 4, 3 and 2 bits, or reuses their records.
    """
    from qnnlab.lab import sweep
    from qnnlab.lab.difficulty import difficulty_frame, difficulty_specs
    from qnnlab.tasks import offline_tasks

    records = sweep(difficulty_specs(names or offline_tasks(), seed, profile)).records
    frame = difficulty_frame(records)
    _print_difficulty(frame)
    if any(not record.ok for record in records):
        raise click.exceptions.Exit(1)


def _print_difficulty(frame: pd.DataFrame) -> None:
    import pandas as pd
    from rich.table import Table

    from qnnlab.cli.console import console
    from qnnlab.lab.difficulty import LADDER

    table = Table("task", "data", "metric (%)", title="measured", title_justify="left")
    for column in (*LADDER.values(), "int8 loses", "2-bit loses"):
        table.add_column(column, justify="right")
    table.add_column("hard enough")
    for _, row in frame.iterrows():
        scores = [row[name] for name in (*LADDER.values(), "int8_loss", "two_bit_loss")]
        cells = ["failed" if pd.isna(score) else f"{score:.1f}" for score in scores]
        verdict = {True: "yes", False: "[bold red]no[/]"}.get(row["hard_enough"], "can't be said")
        table.add_row(row["task"], row["origin"], row["metric"], *cells, verdict)
    console().print(table)


@tasks.command(
    "add",
    epilog=examples(
        "qnnlab tasks add measurements.csv",
        "qnnlab tasks add recordings.npz --name motor",
        "qnnlab tasks add photos/",
    ),
)
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--name", help="Name of the task (default: that of the file).")
@click.option("--architecture", help="Reference network (default: by the shape of a sample).")
def add(path: Path, name: str | None, architecture: str | None) -> None:
    """Make PATH a task: an .npz with x, y[, groups]; a .csv with a column `label` [and `group`];
    a folder with one sub-folder a class of images or .wav files.
    """
    from qnnlab.tasks import load_task, task_from_path

    task = task_from_path(path, name, architecture=architecture)
    _print_task(*load_task(task.name))


@tasks.command("remove", epilog=examples("qnnlab tasks remove own.motor"))
@click.argument("names", nargs=-1, required=True)
def remove(names: tuple[str, ...]) -> None:
    """Forget tasks of your own. Their runs stay in the store."""
    from qnnlab.tasks.own import PREFIX, forget_own

    for name in names:
        if not name.startswith(PREFIX):
            raise DatasetError(f"{name} is not a task of your own; those begin with {PREFIX!r}")
    forget_own([name.removeprefix(PREFIX) for name in names])


def task_name(given: str) -> str:
    """The task that a command was given: its name, or a file or folder that becomes a task."""
    path = Path(given)
    if path.suffix not in _OWN_SUFFIXES and not ("/" in given and path.is_dir()):
        return given
    from qnnlab.tasks import task_from_path

    return task_from_path(path).name


def download_missing(name: str) -> None:
    """Download the data set of task `name`, unless it is here or the task needs none."""
    from qnnlab.steps import shown
    from qnnlab.tasks import TASKS
    from qnnlab.tasks.downloads import get_dataset
    from qnnlab.tasks.storage import data_folder

    dataset = TASKS[name].dataset
    if dataset is not None and not (data_folder() / dataset).is_dir():
        with shown():
            get_dataset(dataset)


def print_spread(records: list[Record]) -> None:
    """One line: the metric over the seeds."""
    from qnnlab.lab import seed_spread
    from qnnlab.tasks import TASKS

    task = TASKS[records[0].spec.task]
    spread: Any = seed_spread(records)
    click.echo(
        f"{task.metric} over {spread['runs']:.0f} seeds: mean {spread['mean']:.2f} %, deviation "
        f"{spread['deviation']:.2f}, {spread['min']:.2f} to {spread['max']:.2f} "
        f"(measured, {task.origin} data)"
    )
