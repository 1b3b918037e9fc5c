"""`qnnlab data`: real data sets on this machine, none of them downloaded without asking."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from qnnlab.cli.console import examples
from qnnlab.errors import DatasetError, QnnlabError, unknown_name

if TYPE_CHECKING:
    from qnnlab.tasks.downloads import Dataset

_MIB = 1 << 20


@click.group()
def data() -> None:
    """Get, check and remove the real data sets that tasks named TASK.DATASET need.

    Nothing is downloaded without asking; every task without a dot needs no data set.
    """


def _size(count: int) -> str:
    return f"{count / _MIB:,.1f} MiB"


def _tasks_by_dataset() -> dict[str, list[str]]:
    """The tasks that use each data set; a broken data set of one's own does not matter here."""
    from qnnlab.tasks import TASKS

    found: dict[str, list[str]] = {}
    try:
        tasks = list(TASKS.values())
    except QnnlabError:
        return found
    for task in tasks:
        if task.dataset is not None:
            found.setdefault(task.dataset, []).append(task.name)
    return found


def _chosen(names: Sequence[str]) -> list[str]:
    """The data sets that `names` mean: their own names, tasks, or `har` for all of `har.…`."""
    from qnnlab.tasks.downloads import dataset_names

    known, used = dataset_names(), _tasks_by_dataset()
    chosen: list[str] = []
    for name in names:
        meant = [name] if name in known else []
        meant = meant or [
            dataset
            for dataset, tasks in used.items()
            if any(task == name or task.startswith(f"{name}.") for task in tasks)
        ]
        if not meant:
            tasks = [task for listed in used.values() for task in listed]
            short = [task.partition(".")[0] for task in tasks]
            raise DatasetError(unknown_name("data set", name, {*known, *tasks, *short}))
        chosen += [dataset for dataset in meant if dataset not in chosen]
    return chosen


def _state(found: Dataset) -> str:
    if found.state == "not here" and found.to_download < found.size:
        return f"not here ({1 - found.to_download / found.size:.0%} downloaded)"
    return found.state


@data.command("list", epilog=examples("qnnlab data list", "qnnlab data list --json"))
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def list_datasets(as_json: bool) -> None:
    """List the data sets: the tasks that use them, size, licence and what is here."""
    from qnnlab.tasks.downloads import dataset_names, describe

    used = _tasks_by_dataset()
    found = [describe(name) for name in dataset_names()]
    if as_json:
        entries = [
            {
                "dataset": one.name,
                "tasks": used.get(one.name, []),
                "bytes": one.size,
                "licence": one.licence,
                "state": one.state,
                "verified": one.verified,
                "folder": str(one.folder),
            }
            for one in found
        ]
        click.echo(json.dumps(entries, indent=1))
        return
    _print_table(found, used)


def _print_table(found: Sequence[Dataset], used: dict[str, list[str]]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from qnnlab.cli.console import console
    from qnnlab.tasks.storage import data_folder

    table = Table()
    table.add_column("data set", no_wrap=True)
    table.add_column("tasks")
    table.add_column("download", justify="right", no_wrap=True)
    table.add_column("licence")
    table.add_column("state")
    table.add_column("verified by")
    for one in found:
        tasks = ", ".join(used.get(one.name, []))
        cells = (one.name, tasks, _size(one.size), one.licence, _state(one), one.verified)
        table.add_row(*map(escape, cells))
    console().print(table)
    click.echo(f"{data_folder()}")


def _ask(found: Dataset, yes: bool) -> bool:
    """Say what would be downloaded, and from whom; then ask, unless that is settled."""
    click.echo(f"{found.name}: {', '.join(file.url for file in found.files)}")
    click.echo(f"  licence   {found.licence} ({found.licence_url})")
    for note in filter(None, (file.note for file in found.files)):
        click.echo(f"  note      {note}")
    click.echo(f"  cite      {found.citation}")
    click.echo(f"  download  {_size(found.to_download)} of {_size(found.size)}")
    click.echo(f"  place     {found.folder} (about {_size(found.room)} have to be free)")
    if any(file.identity is None for file in found.files):
        click.echo("  checksum  none is published: this download is what later ones are held to")
    return yes or _confirmed("Download it?", f"get {found.name}")


def _confirmed(question: str, command: str) -> bool:
    if not sys.stdin.isatty():
        raise DatasetError(
            f"nobody to ask here: `qnnlab data {command} --yes` agrees on the command line"
        )
    return click.confirm(question)


@data.command(
    "get",
    epilog=examples(
        "qnnlab data get uci_har",
        "qnnlab data get kws",
        "qnnlab data get har ecg --yes",
    ),
)
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--yes", is_flag=True, help="Agree to the download and the licence.")
def get(names: tuple[str, ...], yes: bool) -> None:
    """Download, verify and extract data sets; NAME is a data set or a task.

    A broken download goes on where it was. An archive that you put into the folder `downloads` by
    hand is verified and extracted without a connection.
    """
    from qnnlab.steps import shown
    from qnnlab.tasks.downloads import describe, get_dataset, still_to_download

    for name in _chosen(names):
        found = describe(name)
        if found.state == "by hand":
            click.echo(
                f"{found.folder} was put there by hand and stays as it is; "
                f"`qnnlab data remove {name}` first to download it"
            )
            continue
        # Asked before a bar is drawn, which would hide the question.
        if still_to_download(name) and not _ask(found, yes):
            raise click.exceptions.Exit(1)
        with shown():
            folder = get_dataset(name)
        click.echo(f"{folder}")


@data.command("check", epilog=examples("qnnlab data check", "qnnlab data check toycar"))
@click.argument("names", nargs=-1, metavar="[NAME...]")
def check(names: tuple[str, ...]) -> None:
    """Compare data sets with their checksums (default: all that are here)."""
    from qnnlab.steps import shown
    from qnnlab.tasks.downloads import check_dataset, dataset_names, describe

    here = [name for name in dataset_names() if describe(name).state != "not here"]
    chosen = _chosen(names) if names else here
    for name in chosen:
        with shown():
            lines = check_dataset(name)
        for line in lines:
            click.echo(line)
    if not chosen:
        click.echo("no data set is here")


@data.command("path", epilog=examples("qnnlab data path", "qnnlab data path cifar10"))
@click.argument("name", required=False)
def path(name: str | None) -> None:
    """Print the folder of a data set, or the one that holds them all."""
    from qnnlab.tasks.storage import data_folder, dataset_folder

    folders = [data_folder()] if name is None else map(dataset_folder, _chosen([name]))
    for folder in folders:
        click.echo(f"{folder}")


@data.command(
    "remove",
    epilog=examples(
        "qnnlab data remove cifar10",
        "qnnlab data remove kws --archive",
        "qnnlab data remove har --yes",
    ),
)
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--archive", is_flag=True, help="Only the downloaded archive; the data stays.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(names: tuple[str, ...], archive: bool, yes: bool) -> None:
    """Delete data sets and their archives from this machine."""
    from qnnlab.tasks.downloads import describe, remove_dataset

    for name in _chosen(names):
        what = f"the archive of {name}" if archive else f"{describe(name).folder} and its archive"
        if not yes and not _confirmed(f"Delete {what}?", f"remove {name}"):
            raise click.exceptions.Exit(1)
        deleted = remove_dataset(name, archives_only=archive)
        click.echo("\n".join(map(str, deleted)) if deleted else f"nothing of {name} is here")
