"""Notebook sources and their paired .ipynb files.

`NN_name.py` (percent format) is what people edit and review; `NN_name.ipynb` is derived from
it, without outputs and with cell ids that depend on the place of the cell only.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

from qnnlab.errors import ReportError
from qnnlab.files import write_atomic
from qnnlab.report.notebooks import first_line, import_nbformat

_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
_ID_LENGTH = 64


def paired_ipynb(source: Path) -> str:
    """The text of the .ipynb that belongs to the percent-format file `source`.

    Raises ReportError where `source` can't be read or is not in percent format.
    """
    notebook = _read_percent(source)
    stem = re.sub(r"[^a-zA-Z0-9_-]+", "-", source.stem)
    for number, cell in enumerate(notebook.cells, start=1):
        suffix = f"-{number:02d}"
        cell["id"] = stem[: _ID_LENGTH - len(suffix)] + suffix
        cell["metadata"] = {"tags": cell.metadata["tags"]} if cell.metadata.get("tags") else {}
        if cell.cell_type == "code":
            cell["outputs"] = []
            cell["execution_count"] = None
    notebook["metadata"] = {"kernelspec": _KERNEL, "language_info": {"name": "python"}}
    notebook["nbformat"], notebook["nbformat_minor"] = 4, 5
    text: str = import_nbformat().writes(notebook, version=4)
    return text.rstrip("\n") + "\n"


def sync(folder: Path) -> list[Path]:
    """Write the .ipynb of every .py in `folder` that is missing or differs; return those.

    All sources are read before anything is written.
    """
    wanted = _wanted(folder)
    changed = [path for path, text in wanted.items() if _current(path) != text]
    for path in changed:
        write_atomic(path, wanted[path])
    return changed


def out_of_step(folder: Path) -> list[Path]:
    """The .ipynb files in `folder` that are missing, differ from their .py or have none."""
    wanted = _wanted(folder)
    differing = {path for path, text in wanted.items() if _current(path) != text}
    orphans = set(folder.glob("*.ipynb")) - set(wanted)
    return sorted(differing | orphans)


def _wanted(folder: Path) -> dict[Path, str]:
    if not folder.is_dir():
        raise ReportError(f"{folder} is not a folder of notebooks")
    sources = sorted(folder.glob("*.py"))
    return {source.with_suffix(".ipynb"): paired_ipynb(source) for source in sources}


def _current(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return None


def _read_percent(source: Path) -> Any:
    try:
        text = source.read_text(encoding="utf-8")
    except OSError as error:
        raise ReportError(f"{source}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise ReportError(f"{source} is not UTF-8 text: {error.reason}") from None
    if not re.search(r"^# %%", text, flags=re.MULTILINE):
        raise ReportError(f"{source} has no cell: each starts with a line '# %%'")
    import_nbformat()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import jupytext

        try:
            return jupytext.reads(text, fmt="py:percent")
        # jupytext names no exceptions of its own for a malformed header.
        except Exception as error:
            raise ReportError(f"{source} is not a notebook: {first_line(error)}") from None
