"""`qnnlab`: commands and their options."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

import qnnlab
from qnnlab.cli.bench import bench
from qnnlab.cli.claims import claims
from qnnlab.cli.compare import compare
from qnnlab.cli.console import PROFILES, examples
from qnnlab.cli.data import data
from qnnlab.cli.export import export
from qnnlab.cli.fit import fit
from qnnlab.cli.frameworks import frameworks
from qnnlab.cli.plan import plan
from qnnlab.cli.predictions import predictions
from qnnlab.cli.rosetta import rosetta
from qnnlab.cli.survey import survey
from qnnlab.cli.tasks import download_missing, print_spread, task_name, tasks
from qnnlab.cli.verdict import verdict
from qnnlab.errors import QnnlabError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(qnnlab.__version__, prog_name="qnnlab")
def cli() -> None:
    """Quantized neural networks on microcontrollers: measure, compare, reproduce."""


@cli.command(
    epilog=examples(
        "qnnlab report",
        "qnnlab report --profile smoke --out smoke-site",
        "qnnlab report --profile full --seed 7 --jobs 8",
        "qnnlab report model.tflite",
        "qnnlab report model.tflite --emulate --out which-chip",
    )
)
@click.argument("model", required=False, type=click.Path(path_type=Path))
@click.option("--profile", type=PROFILES, default="quick", show_default=True, help="How long.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="First seed.")
@click.option("--jobs", type=click.IntRange(1), help="Worker processes (default: one a core).")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the rendered report (default: reports/site, or reports and MODEL's name).",
)
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Report configuration (default: reports/report.yaml).",
)
@click.option("--emulate", is_flag=True, help="With MODEL: also count generated C's instructions.")
def report(
    model: Path | None,
    profile: str,
    seed: int,
    jobs: int | None,
    out: Path | None,
    config: Path | None,
    emulate: bool,
) -> None:
    """Run the experiments, execute the notebooks and render the report.

    Finished runs are kept and reused; interrupt it and it goes on where it was. With MODEL
    (.tflite): a report on that model alone, which chip would run it, how fast, how much energy.
    """
    if model is not None:
        from qnnlab.report.model_report import build_model_report

        click.echo(build_model_report(model, out, {"emulate": emulate}))
        return
    from qnnlab.report.build import SITE, build_report

    built = build_report(profile=profile, seed=seed, jobs=jobs, out=out or SITE, config=config)
    click.echo(f"{built.index}")
    if built.failed:
        raise click.exceptions.Exit(1)


@cli.command(
    epilog=examples(
        "qnnlab inspect model.tflite",
        "qnnlab inspect model.tflite --json | jq '.platforms[] | {platform, fits}'",
    )
)
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object instead of tables.")
def inspect(model: Path, as_json: bool) -> None:
    """Show what MODEL (.tflite) holds, what it costs and which platforms it fits.

    A file that can't be read as a model gives one line and exit code 2.
    """
    from qnnlab.cli.inspect_view import show
    from qnnlab.lab import inspect_model

    found = inspect_model(model)
    if as_json:
        click.echo(json.dumps(found.to_dict(), indent=2, allow_nan=False))
    else:
        show(found)


@cli.command(
    epilog=examples(
        "qnnlab run digits ptq_w8a8_pc_minmax",
        "qnnlab run digits qat_tfmot_w8a8 --seed 3 --profile smoke --json",
        "qnnlab run ecg float32 --seeds 3",
        "qnnlab run measurements.csv ptq_w8a8_pc_minmax",
        "qnnlab run kws.speech_commands float32 --download",
    )
)
@click.argument("task")
@click.argument("method")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="First seed.")
@click.option("--seeds", type=click.IntRange(1), default=1, show_default=True, help="How many.")
@click.option("--profile", type=PROFILES, default="quick", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print a record as JSON, one a seed.")
@click.option("--download", is_flag=True, help="Get a missing data set first.")
def run(
    task: str, method: str, seed: int, seeds: int, profile: str, as_json: bool, download: bool
) -> None:
    """Run METHOD on TASK (or reuse its record) and print the figures.

    TASK is a name (`qnnlab list tasks`), or an .npz, a .csv or a folder of your own.
    """
    from qnnlab.cli.record_view import show
    from qnnlab.lab import Spec, sweep

    name = task_name(task)
    specs = [Spec(name, method, seed=seed + i, profile=profile).check() for i in range(seeds)]
    if download:
        download_missing(name)
    records = list(sweep(specs).records)
    for record in records:
        if as_json:
            click.echo(record.to_json(), nl=False)
        else:
            show(record)
    if not all(record.ok for record in records):
        raise click.exceptions.Exit(1)
    if seeds > 1 and not as_json:
        print_spread(records)


@cli.command(epilog=examples("qnnlab records", "qnnlab records --csv > records.csv"))
@click.option("--csv", "as_csv", is_flag=True, help="One row a figure, with unit, kind, source.")
def records(as_csv: bool) -> None:
    """List the runs in the store ($QNNLAB_RUNS, else ./runs)."""
    from qnnlab.cli.record_view import show_all
    from qnnlab.lab import RunStore, values_frame

    store = RunStore()
    if as_csv:
        click.echo(values_frame(store).to_csv(index=False), nl=False)
    else:
        show_all(store)


def _titles(what: str) -> dict[str, str]:
    from qnnlab.methods import RECIPES
    from qnnlab.survey import survey_platforms
    from qnnlab.targets.cores import runtimes
    from qnnlab.targets.target import platforms
    from qnnlab.tasks import TASKS

    if what == "tasks":
        return {task.name: f"{task.title} ({task.origin})" for task in TASKS.values()}
    if what == "methods":
        return {recipe.name: recipe.title for recipe in RECIPES.values()}
    if what == "chips":
        return {key: chip.name for key, chip in platforms().items()}
    if what == "runtimes":
        return {key: f"{found.title} ({found.availability})" for key, found in runtimes().items()}
    return dict(survey_platforms()["platform"])


@cli.command("list", epilog=examples("qnnlab list methods", "qnnlab list chips"))
@click.argument("what", type=click.Choice(["tasks", "methods", "platforms", "chips", "runtimes"]))
def list_names(what: str) -> None:
    """List by name the tasks, methods, platforms of the survey, chips or runtimes of the catalog.

    Chips and runtimes are those that `qnnlab fit` knows.
    """
    titles = _titles(what)
    width = max(map(len, titles))
    for name, title in titles.items():
        click.echo(f"{name:<{width}}  {title}")


@cli.group()
def notebooks() -> None:
    """Keep the notebooks' two files in step: NN_name.py (the source) and NN_name.ipynb."""


@notebooks.command("sync", epilog=examples("qnnlab notebooks sync"))
@click.argument("folder", type=click.Path(path_type=Path), default=Path("notebooks"))
def notebooks_sync(folder: Path) -> None:
    """Write each .ipynb in FOLDER anew from its .py."""
    from qnnlab.report.pairing import sync

    for path in sync(folder):
        click.echo(f"{path}")


cli.add_command(bench)
cli.add_command(claims)
cli.add_command(compare)
cli.add_command(data)
cli.add_command(export)
cli.add_command(fit)
cli.add_command(frameworks)
cli.add_command(plan)
cli.add_command(predictions)
cli.add_command(rosetta)
cli.add_command(survey)
cli.add_command(tasks)
cli.add_command(verdict)


def main() -> None:
    """Entry point: an error on purpose is one line on standard error and exit code 2."""
    try:
        cli(prog_name="qnnlab")
    except QnnlabError as error:
        click.echo(f"qnnlab: {error}", err=True)
        sys.exit(2)
