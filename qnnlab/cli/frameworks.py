"""`qnnlab frameworks`: the same models in every framework that runs here, and the catalog."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qnnlab.cli.console import examples

if TYPE_CHECKING:
    from qnnlab.lab.frameworks.catalog import Filters


@click.command(
    epilog=examples(
        "qnnlab frameworks",
        "qnnlab frameworks model.tflite --framework tflm --framework qnnlab_c",
        "qnnlab frameworks model.tflite --no-time --json",
        "qnnlab frameworks --cores --no-time",
        "qnnlab frameworks --list --target risc-v --sub8 --open",
        "qnnlab frameworks --list --approach compiler --reads onnx",
    )
)
@click.argument("models", nargs=-1, type=click.Path(path_type=Path), metavar="[MODEL.tflite]...")
@click.option(
    "--framework", "names", multiple=True, help="One of those that --list names, again for more."
)
@click.option("--inputs", type=click.IntRange(1), default=16, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the inputs.")
@click.option("--time/--no-time", "timed", default=True, help="Time on this computer.")
@click.option("--cores", is_flag=True, help="Instructions on emulated Cortex-M4 and M55, too.")
@click.option("--json", "as_json", is_flag=True, help="Figures with unit, kind and source.")
@click.option("--list", "listed", is_flag=True, help="List the catalog; the filters below narrow.")
@click.option("--target", help="Of the catalog: cortex-m, risc-v, esp32, npu, fpga, host, a text.")
@click.option("--approach", help="Of the catalog: interpreter, compiler, codegen, …")
@click.option("--reads", help="Of the catalog: an input format, such as onnx or tflite.")
@click.option("--sub8", is_flag=True, help="Of the catalog: weights of fewer than 8 bits.")
@click.option("--qat", is_flag=True, help="Of the catalog: quantization-aware training.")
@click.option("--open", "open_source", is_flag=True, help="Of the catalog: open source.")
def frameworks(models: tuple[Path, ...], **options: Any) -> None:
    """Run MODELs (default: MLPerf Tiny's four) in every framework that is installed here.

    Each says whether it takes a model or why not, and whether its answers equal the integer
    executor's on the same random inputs. With --list or one of its filters, the catalog of
    frameworks is shown instead.
    """
    from qnnlab.lab.frameworks.catalog import Filters

    listed, as_json = options.pop("listed"), options["as_json"]
    names = ("target", "approach", "reads", "sub8", "qat", "open_source")
    filters = Filters(**{name: options.pop(name) for name in names})
    if not (listed or filters.asked()):
        _compare(models, **options)
    elif models or options["names"]:
        raise click.UsageError("--list and its filters take no models and no --framework")
    else:
        _list(filters, as_json)


def _compare(
    models: tuple[Path, ...],
    names: tuple[str, ...],
    inputs: int,
    seed: int,
    timed: bool,
    *,
    cores: bool,
    as_json: bool,
) -> None:
    from qnnlab.cli.frameworks_view import as_dict, show
    from qnnlab.lab.frameworks import compare_frameworks, time_frameworks
    from qnnlab.lab.frameworks.cores import core_rows
    from qnnlab.lab.frameworks.models import file_cases, reference_cases
    from qnnlab.lab.frameworks.registered import FRAMEWORKS
    from qnnlab.steps import shown

    for name in names:
        FRAMEWORKS[name]
    cases = (
        file_cases(models, inputs, seed) if models else reference_cases(inputs=inputs, seed=seed)
    )
    with shown():
        found = compare_frameworks(cases, names or None)
        timings = time_frameworks(found) if timed else ()
        rows = core_rows(cases) if cores else None
    if as_json:
        click.echo(json.dumps(as_dict(found, timings, rows), indent=2, allow_nan=False))
    else:
        show(found, timings, rows)
    if not any(cell.accepted for cell in found.cells):
        raise click.exceptions.Exit(1)


def _list(filters: Filters, as_json: bool) -> None:
    from qnnlab.cli.frameworks_view import show_catalog
    from qnnlab.lab.frameworks.catalog import catalog

    table = catalog(filters)
    if as_json:
        click.echo(json.dumps(json.loads(table.to_json(orient="records")), indent=1))
    else:
        show_catalog(table, entries=not filters.asked())
