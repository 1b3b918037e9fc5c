"""The process that runs one notebook: a request on standard input, a reply on standard output.

papermill changes the current folder and a kernel can die; neither may touch the report.
"""

from __future__ import annotations

import json
import logging
import sys
import warnings
from pathlib import Path
from typing import Any

from qnnlab.report.notebooks import import_nbformat

_MARKERS = {"papermill-error-cell-tag", "injected-parameters"}


def main() -> None:
    """Run the notebook that standard input asks for; write it to the path given as argument."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    request = json.load(sys.stdin)
    executed = Path(sys.argv[1])
    nbformat = import_nbformat()
    notebook = nbformat.from_dict(request["notebook"])
    # The parent describes this kernel, and no other will do.
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    known = _known_parameters(notebook, executed.parent)
    if any(name not in known for name in request["parameters"]):
        reply: dict[str, Any] = {"known": known}
    else:
        reply = _execute(notebook, executed, request)
    print(json.dumps(reply))


def _known_parameters(notebook: Any, scratch: Path) -> list[str]:
    import papermill

    source = scratch / "source.ipynb"
    import_nbformat().write(notebook, source)
    return list(papermill.inspect_notebook(str(source)))


def _execute(notebook: Any, executed: Path, request: dict[str, Any]) -> dict[str, Any]:
    import papermill
    from papermill.exceptions import PapermillExecutionError

    try:
        papermill.execute_notebook(
            notebook,
            str(executed),
            parameters=request["parameters"],
            kernel_name="python3",
            progress_bar=False,
            cwd=str(Path.cwd()),
            autosave_cell_every=0,
        )
    except PapermillExecutionError as error:
        return {"error": error.ename, "message": error.evalue, "cell": _last_run(executed)}
    # A dead kernel, a missing package: whatever it is, the parent reports it in one line.
    except Exception as error:
        name = type(error).__name__
        return {"error": name, "message": str(error), "cell": _last_run(executed)}
    _forget_paths(executed)
    return {}


def _last_run(executed: Path) -> int | None:
    """The number, from 1 and in the source's counting, of the last cell that was started."""
    if not executed.exists():
        return None
    notebook = import_nbformat().read(executed, as_version=4)
    own = [cell for cell in notebook.cells if _MARKERS.isdisjoint(cell.metadata.get("tags", []))]
    started = [
        number
        for number, cell in enumerate(own, start=1)
        if cell.cell_type == "code"
        and cell.metadata.get("papermill", {}).get("status") not in {None, "pending"}
    ]
    return max(started, default=None)


def _forget_paths(executed: Path) -> None:
    """Drop from the notebook where on this machine it lay while it ran."""
    nbformat = import_nbformat()
    notebook = nbformat.read(executed, as_version=4)
    for name in ("input_path", "output_path"):
        notebook.metadata.get("papermill", {}).pop(name, None)
    nbformat.write(notebook, executed)


if __name__ == "__main__":
    main()
