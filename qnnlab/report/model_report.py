"""A personal report: one page on one's own model, which chip would run it and how."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import qnnlab
from qnnlab.errors import ReportError
from qnnlab.files import remove_orphans, replacing_folder, resource
from qnnlab.graph.costs import graph_costs
from qnnlab.graph.tflite import read_tflite
from qnnlab.lab.provenance import library_versions, machine
from qnnlab.report.build import NOTEBOOK_TIMEOUT_S, commit, today
from qnnlab.report.execute import execute_notebook
from qnnlab.report.pdf import build_pdf
from qnnlab.report.site import ExecutedNotebook, IndexContext, KeyFigure, build_site
from qnnlab.targets.cost.workload import workload
from qnnlab.values import Value

NOTEBOOK = "19_which_chip"
_PDF = "report.pdf"
_LEAD = (
    "What this model asks for, which platforms it fits, how fast it would run there and how much "
    "energy an inference would take. Every figure says whether it is measured, emulated, estimated "
    "or quoted; estimates carry the interval that held the truth nine times in ten."
)


def build_model_report(
    model: Path, out: Path | None = None, parameters: Mapping[str, Any] | None = None
) -> Path:
    """Execute the notebook for `model` and render its page and PDF into `out`; give the page.

    `out` is `reports/` and the model's name by default and is replaced as a whole. `parameters`
    go to the notebook. Raises ModelFormatError and NoEstimate before anything is run, ReportError
    where the notebook fails or nothing can be written.
    """
    graph = read_tflite(model)
    workload(graph)
    folder = (out or Path("reports") / model.stem).absolute()
    asked = {"model": str(model.absolute()), **(parameters or {})}
    remove_orphans(folder.parent)
    try:
        with replacing_folder(folder) as scratch:
            _render(model, asked, scratch)
    except OSError as error:
        raise ReportError(f"{folder}: can't be written: {error.strerror or error}") from None
    return folder / f"{NOTEBOOK}.html"


def _render(model: Path, parameters: Mapping[str, Any], folder: Path) -> None:
    (folder / "notebooks").mkdir()
    executed = folder / "notebooks" / f"{NOTEBOOK}.ipynb"
    execute_notebook(
        resource("notebooks") / f"{NOTEBOOK}.ipynb",
        executed,
        parameters,
        timeout_s=NOTEBOOK_TIMEOUT_S,
    )
    page = ExecutedNotebook(NOTEBOOK, f"Which chip for {model.name}?", executed)
    index = _index(model)
    build_pdf([page], index, folder / _PDF)
    build_site([page], index, folder)


def _index(model: Path) -> IndexContext:
    costs = graph_costs(read_tflite(model))
    counted = "counted in the file"
    figures = [
        KeyFigure("MACs of an inference", Value("macs", costs.macs_total, "", "measured", counted)),
        KeyFigure("file", Value("file", model.stat().st_size, "B", "measured", counted)),
        KeyFigure(
            "activations alive at once",
            Value("peak", costs.peak_live_bytes, "B", "measured", counted),
        ),
    ]
    versions = ", ".join(f"{name} {version}" for name, version in library_versions().items())
    return IndexContext(
        title=f"{model.name} on microcontrollers",
        lead=_LEAD,
        version=qnnlab.__version__,
        commit=commit(),
        profile="one model",
        date=today(),
        key_figures=figures,
        provenance={"Libraries": versions, "Machine": ", ".join(machine().values())},
        downloads=[
            ("this report (PDF)", _PDF),
            ("executed notebook", f"notebooks/{NOTEBOOK}.ipynb"),
        ],
    )
