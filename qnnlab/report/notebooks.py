"""Reading notebook files."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qnnlab.errors import ReportError

if TYPE_CHECKING:
    from nbformat import NotebookNode


def import_nbformat() -> Any:
    """The nbformat module.

    Its schema checker would load a grammar of internationalized web addresses, which takes
    seconds and which no notebook needs; the checker does without where it can't be imported.
    """
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    import nbformat

    return nbformat


def read_notebook(path: Path) -> NotebookNode:
    """The notebook in `path`, checked against its schema; raises ReportError."""
    nbformat = import_nbformat()
    try:
        notebook: NotebookNode = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except OSError as error:
        raise ReportError(f"{path}: {error.strerror or error}") from None
    # nbformat lets through whatever a malformed file makes its converters trip over.
    except Exception as error:
        raise ReportError(f"{path} is not a notebook: {first_line(error)}") from None
    return notebook


def parameter_names(path: Path) -> set[str]:
    """What the cell tagged "parameters" of the notebook `path` assigns; raises ReportError."""
    names: set[str] = set()
    for cell in read_notebook(path).cells:
        if "parameters" in cell.metadata.get("tags", []):
            statements = ast.parse(cell.source).body
            assigned = [s.targets for s in statements if isinstance(s, ast.Assign)]
            names |= {t.id for targets in assigned for t in targets if isinstance(t, ast.Name)}
    return names


def first_line(error: object) -> str:
    """The first line of what `error` says, or its type's name where it says nothing."""
    lines = str(error).strip().splitlines()
    return lines[0].strip() if lines else type(error).__name__


def notebook_title(path: Path) -> str:
    """The first heading in the notebook `path`; raises ReportError where it has none."""
    for cell in read_notebook(path).cells:
        heading = re.search(r"^# +(.+)$", cell.source, re.MULTILINE)
        if cell.cell_type == "markdown" and heading:
            return heading[1].strip()
    raise ReportError(f"{path} has no title: a text cell with a line '# …'")
