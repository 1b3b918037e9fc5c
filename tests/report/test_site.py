from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st

from qnnlab.errors import ReportError
from qnnlab.report.notebooks import import_nbformat, notebook_title
from qnnlab.report.prose import mathml, render_markdown
from qnnlab.report.site import ExecutedNotebook, IndexContext, build_site, check_links


def build(pages: list[ExecutedNotebook], index: IndexContext, tmp_path: Path) -> Path:
    return build_site(pages, index, tmp_path / "site").parent


def soup_of(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def with_prose(pages: list[ExecutedNotebook], text: str) -> list[ExecutedNotebook]:
    nbformat = import_nbformat()
    notebook = nbformat.read(pages[0].path, as_version=4)
    notebook.cells.append(nbformat.v4.new_markdown_cell(text))
    nbformat.write(notebook, pages[0].path)
    return pages


def test_site_is_whole_and_asks_nothing_of_the_network(
    pages: list[ExecutedNotebook], index: IndexContext, tmp_path: Path
) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "records.csv").write_text("a\n", encoding="utf-8")
    index = dataclasses.replace(index, downloads=[("Records", "records.csv")])
    folder = build(pages, index, tmp_path)
    assert {path.name for path in folder.iterdir()} == {
        *("index.html", "01_first.html", "02_second.html", "records.csv", "assets", "figures"),
    }
    assert check_links(folder) == []
    for path in folder.glob("*.html"):
        loads = soup_of(path).select("script, iframe, link, img")
        sources = [str(tag.get("href") or tag.get("src")) for tag in loads]
        assert sources
        assert all(re.match(r"(assets|figures)/", source) for source in sources)


def test_figures_and_tables_are_numbered_through_all_pages(
    pages: list[ExecutedNotebook], index: IndexContext, tmp_path: Path
) -> None:
    folder = build(pages, index, tmp_path)
    numbers = [
        [tag.get_text() for tag in soup_of(folder / name).select("figcaption .number")]
        for name in ("01_first.html", "02_second.html")
    ]
    assert numbers == [["Figure 1.", "Table 1."], ["Figure 2."]]
    assert (folder / "figures" / "figure-2.svg").read_bytes().startswith(b"<svg")


def test_page_shows_prose_formulas_parameters_and_streams(
    pages: list[ExecutedNotebook], index: IndexContext, tmp_path: Path
) -> None:
    page = soup_of(build(pages, index, tmp_path) / "01_first.html")
    assert [h1.get_text() for h1 in page.find_all("h1")] == ["First page"]
    assert len(page.find_all("math")) == 3
    assert page.select_one('math[display="block"] mfrac') is not None
    parameters = page.select_one(".parameters")
    assert parameters is not None
    assert "'full'" in parameters.get_text()
    assert [pre.get_text().strip() for pre in page.select("pre.output")] == ["a streamed line <b>"]
    assert "secretword" in page.select("details.code")[1].get_text()
    assert "chatter" not in page.get_text()
    assert "hidden words" not in page.get_text()
    assert page.select_one('a[href="02_second.html#costs"]') is not None
    assert page.select_one('.side a[href="#method"]') is not None


def test_names_from_outside_are_text_on_every_page(
    pages: list[ExecutedNotebook], index: IndexContext, tmp_path: Path
) -> None:
    folder = build(pages, index, tmp_path)
    for name in ("index.html", "01_first.html"):
        page = soup_of(folder / name)
        assert page.find("script") is None
        assert "<script>alert(1)</script> & co" in page.get_text()


def test_front_page_tells_kind_and_source_of_each_key_figure(
    pages: list[ExecutedNotebook], index: IndexContext, tmp_path: Path
) -> None:
    page = soup_of(build(pages, index, tmp_path) / "index.html")
    cards = [" ".join(card.get_text(" ").split()) for card in page.select(".card")]
    assert cards == [
        "Smallest arena 4 312 B measured TFLM",
        "Energy — the survey gives none quoted Table IV",
    ]
    assert [len(item.select("img")) for item in page.select(".articles li")] == [1, 1]
    assert "ran past its limit" in page.get_text()
    facts = {row.th.get_text(): row.td.get_text() for row in page.select(".facts tr")}  # type: ignore[union-attr]
    assert facts["Seeds"] == "0, 1"
    assert facts["Commit"] == "abc1234"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[x](gone.html)", "'gone.html' does not exist"),
        ("[x](#gone)", "'#gone': no such anchor"),
        ("[x](../secret.txt)", "leaves the folder"),
        ("[x](02_second.ipynb#gone)", "no such anchor"),
        ("![x](https://example.org/x.png)", "loads 'https://example.org/x.png' from outside"),
        ("<script src='//example.org/x.js'></script>", "from outside"),
        ("<style>@import 'http://example.org/x.css';</style>", "from outside"),
        ("<p style='background: url(https://example.org/x)'>x</p>", "from outside"),
        ("<a href='javascript:alert(1)'>x</a>", "leads to 'javascript:alert"),
        ("$\\frac{1}$ and $\\nosuchcommand{x}$", "formula"),
    ],
)
def test_bad_pages_are_refused_and_nothing_is_written(
    pages: list[ExecutedNotebook], index: IndexContext, tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(ReportError) as caught:
        build(with_prose(pages, text), index, tmp_path)
    assert message in str(caught.value)
    assert not (tmp_path / "site").exists()


def test_bad_requests_are_refused(
    pages: list[ExecutedNotebook], index: IndexContext, tmp_path: Path
) -> None:
    with pytest.raises(ReportError, match=r"'gone\.csv' is not in"):
        build(pages, dataclasses.replace(index, downloads=[("x", "gone.csv")]), tmp_path)
    with pytest.raises(ReportError, match="below the site's folder"):
        build(pages, dataclasses.replace(index, downloads=[("x", "../x")]), tmp_path)
    with pytest.raises(ReportError, match="given to 2 notebooks"):
        build([pages[0], pages[0]], index, tmp_path)
    with pytest.raises(ReportError, match="'index'"):
        build([dataclasses.replace(pages[0], slug="index")], index, tmp_path)
    pages[0].path.write_text("{", encoding="utf-8")
    with pytest.raises(ReportError, match=r"01_first\.ipynb is not a notebook"):
        build(pages, index, tmp_path)


def test_styles_and_pictures_may_not_load_from_outside_either(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("p { background: url('//example.org/x') }", encoding="utf-8")
    (tmp_path / "b.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg"><image href="https://example.org/x"/></svg>',
        encoding="utf-8",
    )
    (tmp_path / "c.html").write_text('<a href="https://example.org">ok</a>', encoding="utf-8")
    assert [problem.split(":")[0] for problem in check_links(tmp_path)] == ["a.css", "b.svg"]


def test_title_of_a_notebook_is_its_first_heading(pages: list[ExecutedNotebook]) -> None:
    assert notebook_title(pages[1].path) == "Second"


@given(st.text(max_size=60))
def test_untrusted_markdown_brings_no_markup_of_its_own(text: str) -> None:
    source = f"{text.replace('$', '')}\n\n<script>x</script>\n"
    try:
        rendered = render_markdown(source, trusted=False)
    except ReportError:
        return
    assert BeautifulSoup(rendered, "html.parser").find("script") is None


def test_formulas_keep_their_tex() -> None:
    element = BeautifulSoup(mathml("a < b", display=False), "html.parser").math
    assert element is not None
    assert element["alttext"] == "a < b"
    assert "costs $5 or $6" in render_markdown("costs $5 or $6")
