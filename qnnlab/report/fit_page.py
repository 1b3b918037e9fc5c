"""The answer of `qnnlab fit` as one HTML file that needs no other."""

from __future__ import annotations

from pathlib import Path

import qnnlab
from qnnlab.errors import ReportError
from qnnlab.files import write_atomic
from qnnlab.lab.fitting import Fitting
from qnnlab.report.exhibits import Figure, Table
from qnnlab.report.site import styles, template_environment
from qnnlab.report.target_exhibits import (
    landscape_figure,
    published_table,
    ranking_figure,
    ranking_table,
)


def write_fit_page(found: Fitting, path: Path) -> None:
    """Write the page; raises ReportError where it can't be written."""
    exhibits: list[Figure | Table] = [
        ranking_figure(found),
        landscape_figure(found),
        ranking_table(found, True),
    ]
    published = published_table(found)
    shown = [*exhibits, *([] if published is None else [published])]
    subject = found.subject
    page = template_environment().get_template("single.html.j2").render(
        title=f"Which chip for {subject.path.name}?",
        lead=(
            f"{subject.work.macs:,} MACs, {subject.file_bytes:,} B file, {subject.arena_bytes:,} B "
            f"arena ({subject.arena_source})."
        ),
        styles=styles(),
        exhibits=[exhibit._repr_html_() for exhibit in shown],
        version=qnnlab.__version__,
    )  # fmt: skip
    try:
        write_atomic(path, page)
    except OSError as error:
        raise ReportError(f"{path}: can't be written: {error.strerror or error}") from None
