from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from qnnlab.errors import ReportError
from qnnlab.report.notebooks import import_nbformat
from qnnlab.report.pdf import build_pdf
from qnnlab.report.site import ExecutedNotebook, IndexContext


def test_pdf_is_reproducible_and_holds_every_page(
    pages: list[ExecutedNotebook], index: IndexContext, tmp_path: Path
) -> None:
    target = tmp_path / "out" / "report.pdf"
    build_pdf(pages, index, target)
    content = target.read_bytes()
    assert content.startswith(b"%PDF-")
    # Bookmarks and the title are the text that a PDF holds uncompressed.
    for text in (b"First page", b"Second page", b"Costs", b"A reproduction", b"D:20260102"):
        assert text in content
    assert b"/Pages/Count 3" in content
    build_pdf(pages, index, target)
    assert target.read_bytes() == content


@pytest.mark.parametrize("title", ['"]) #panic("x")', "*a* _b_ $x$ <c> \\ #d", "漢字 – ünïcode"])
def test_text_from_outside_is_not_run_as_markup(
    pages: list[ExecutedNotebook], index: IndexContext, tmp_path: Path, title: str
) -> None:
    page = dataclasses.replace(pages[1], title=title)
    index = dataclasses.replace(index, title=title, lead=title, provenance={title: title})
    build_pdf([page], index, tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF-")


def test_formula_that_cannot_be_set_is_named_and_nothing_is_written(
    pages: list[ExecutedNotebook], index: IndexContext, tmp_path: Path
) -> None:
    nbformat = import_nbformat()
    notebook = nbformat.read(pages[0].path, as_version=4)
    # MathML can show this; pandoc does not read it.
    notebook.cells.append(nbformat.v4.new_markdown_cell("$\\fbox{x}$"))
    nbformat.write(notebook, pages[0].path)
    with pytest.raises(ReportError) as caught:
        build_pdf(pages, index, tmp_path / "report.pdf")
    assert "01_first" in str(caught.value)
    assert "\\fbox{x}" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "report.pdf").exists()


def test_picture_that_cannot_be_set_is_refused(
    pages: list[ExecutedNotebook], index: IndexContext, tmp_path: Path
) -> None:
    text = pages[0].path.read_text(encoding="utf-8")
    good = "PHN2Zy"
    assert good in text
    pages[0].path.write_text(text.replace(good, "PHN2PP"), encoding="utf-8")
    with pytest.raises(ReportError, match="typst can't set the PDF"):
        build_pdf(pages, index, tmp_path / "report.pdf")
    assert not (tmp_path / "report.pdf").exists()
