"""`qnnlab export`: a model as C, in a folder that an ecosystem builds as it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qnnlab.cli.console import examples

if TYPE_CHECKING:
    from qnnlab.codegen import CModel
    from qnnlab.codegen.layouts import Size
    from qnnlab.graph.integer.model import IntegerGraph


@click.command(
    epilog=examples(
        "qnnlab export model.tflite --core cortex-m4 --out kws",
        "qnnlab export model.tflite --core cortex-m33 --layout zephyr --out app --name kws",
        "qnnlab export model.tflite --core host --layout cmake --out here",
        "qnnlab export model.qnn --layout arduino --out sketch --json | jq .sizes",
    )
)
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--core",
    default="cortex-m4",
    show_default=True,
    help="Such as cortex-m0, cortex-m33, rv32imac; host is portable C for any processor.",
)
@click.option(
    "--layout",
    default="plain",
    show_default=True,
    help="plain, cmake, zephyr, arduino or platformio.",
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The folder to write.")
@click.option("--name", default="model", show_default=True, help="Of the .c and the .h file.")
@click.option("--force", is_flag=True, help="Write into a folder that is not empty.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object instead of lines.")
def export(
    model: Path, core: str, layout: str, out: Path, name: str, force: bool, as_json: bool
) -> None:
    """Write MODEL (.tflite or .qnn) as C with an example, build files and a README.

    The answers of the C equal TFLite Micro's byte for byte; the example checks one of them.
    """
    from qnnlab.codegen import CORES, generate
    from qnnlab.codegen.layouts import (
        LAYOUTS,
        check_folder,
        check_name,
        export_files,
        write_folder,
    )

    check_name(name)
    title = f"{LAYOUTS[layout].title} for {CORES[core].title}"
    check_folder(out, force)
    graph = _read(model)
    made = generate(graph, core, name)
    sizes = _sizes(made)
    files = export_files(graph, made, layout, sizes)
    write_folder(files, out, force)
    if as_json:
        found = _as_json(made, layout, out, files, sizes, graph)
        click.echo(json.dumps(found, indent=2, allow_nan=False))
        return
    click.echo(f"{out}: {title}")
    for path in files:
        click.echo(f"  {path}")
    for size in sizes:
        amount = "not known" if size.size is None else f"{size.size:,} B"
        click.echo(f"{size.name}: {amount} ({size.kind}: {size.source})")
    click.echo(f"how to build it: {out / 'README.md'}")


def _read(model: Path) -> IntegerGraph:
    from qnnlab.graph.integer.file import SUFFIX, load_graph
    from qnnlab.graph.integer.reader import read_integer_graph

    return load_graph(model) if model.suffix == SUFFIX else read_integer_graph(model)


def _sizes(made: CModel) -> list[Size]:
    """Flash and memory; flash by a linked image, where the compiler for one is here."""
    from qnnlab.codegen.layouts import Size

    ends = made.input_bytes + made.output_bytes
    return [
        _flash(made),
        Size("weights, a part of the flash", made.weight_bytes, "computed", "the generated arrays"),
        Size("arena, static RAM", made.arena_bytes, "computed", "the memory plan"),
        Size("input and output, RAM of the caller", ends, "computed", "the model's shapes"),
    ]


def _flash(made: CModel) -> Size:
    from qnnlab.codegen import CORES
    from qnnlab.codegen.layouts import Size
    from qnnlab.errors import MissingExtra
    from qnnlab.targets.bench import build_firmware

    name = "flash, code and constants"
    if not CORES[made.core].triple:
        return Size(name, None, "computed", "it is the compiler's choice of the target")
    try:
        image = build_firmware(made)
    except MissingExtra as missing:
        return Size(name, None, "computed", str(missing))
    source = f"an image linked by {image.compiler} at -O3"
    return Size(name, image.code_bytes + image.constant_bytes, "computed", source)


def _as_json(
    made: CModel,
    layout: str,
    out: Path,
    files: dict[str, str],
    sizes: list[Size],
    graph: IntegerGraph,
) -> dict[str, Any]:
    ends = {"input": graph.activations[graph.input], "output": graph.activations[graph.output]}
    return {
        "folder": str(out),
        "name": made.name,
        "core": made.core,
        "layout": layout,
        "files": list(files),
        "sizes": [size.to_dict() for size in sizes],
        **{
            end: {"shape": list(a.shape), "scale": a.scale, "zero_point": a.zero_point}
            for end, a in ends.items()
        },
    }
