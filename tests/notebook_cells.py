"""Notebooks made in tests, cell by cell."""

from __future__ import annotations

from pathlib import Path

from qnnlab.report.exhibits import Figure, Table
from qnnlab.report.notebooks import import_nbformat
from qnnlab.report.samples import Players


def code_cell(source: str, *outputs: object, tags: tuple[str, ...] = ()) -> object:
    v4 = import_nbformat().v4
    metadata = {"tags": list(tags)} if tags else {}
    return v4.new_code_cell(source, outputs=list(outputs), metadata=metadata)


def shown(exhibit: Figure | Table | Players) -> object:
    return import_nbformat().v4.new_output("display_data", data=exhibit._repr_mimebundle_())


def write_notebook(path: Path, *cells: object) -> Path:
    nbformat = import_nbformat()
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = nbformat.v4.new_notebook(cells=list(cells), metadata=metadata)
    nbformat.write(notebook, path)
    return path


def markdown_cell(source: str) -> object:
    return import_nbformat().v4.new_markdown_cell(source)
