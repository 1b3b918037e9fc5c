"""The report as one PDF: the site's articles without code, set by Typst."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from qnnlab.errors import ReportError
from qnnlab.files import write_atomic
from qnnlab.report.articles import TEMPLATES, Article, ExecutedNotebook, render_articles
from qnnlab.report.notebooks import first_line
from qnnlab.report.site import IndexContext, template_environment

if TYPE_CHECKING:
    from bs4 import BeautifulSoup

_LONG_WORD = re.compile(r"\S{16,}")


def build_pdf(pages: Sequence[ExecutedNotebook], index: IndexContext, target: Path) -> None:
    """Write the report of `pages` to the PDF file `target`.

    Equal input gives equal bytes: the file's own date is that of `index`. Raises ReportError,
    and `target` is left as it was, where a notebook can't be rendered or typeset.
    """
    from bs4 import BeautifulSoup

    articles = render_articles(pages)
    environment = template_environment()
    front = BeautifulSoup(
        environment.get_template("front.html.j2").render(index=index), "html.parser"
    )
    _tables(front)
    with tempfile.TemporaryDirectory(prefix="qnnlab-pdf-") as name:
        scratch = Path(name)
        for article in articles:
            for path, content in article.images.items():
                write_atomic(scratch / path, content)
        (scratch / "front.typ").write_text(
            _typst_of(front.decode(), "the title page"), encoding="utf-8"
        )
        body = "\n\n".join(_typst_of(html, slug) for slug, html in _printable(articles))
        (scratch / "body.typ").write_text(body, encoding="utf-8")
        shutil.copyfile(TEMPLATES / "report.typ", scratch / "report.typ")
        write_atomic(target, _typeset(scratch, index))


def _typst_of(html: str, what: str) -> str:
    import pypandoc

    try:
        # A formula that pandoc can't read is a warning to it and would be shown as TeX.
        text: str = pypandoc.convert_text(
            html, "typst", format="html", extra_args=["--wrap=none", "--fail-if-warnings"]
        )
    except (RuntimeError, OSError) as error:
        reason = re.sub(r"\s+", " ", str(error).partition("[WARNING]")[2] or str(error))
        raise ReportError(f"pandoc can't convert {what}: {reason.strip()[:300]}") from None
    return text


def _typeset(scratch: Path, index: IndexContext) -> bytes:
    import typst

    day = index.date
    inputs = {
        "title": index.title,
        "version": index.version,
        "commit": index.commit,
        "profile": index.profile,
        "date": day.isoformat(),
    }
    try:
        pdf = typst.compile(
            scratch / "report.typ",
            root=scratch,
            format="pdf",
            ignore_system_fonts=True,
            sys_inputs=inputs,
            timestamp=datetime(day.year, day.month, day.day, tzinfo=timezone.utc),
        )
    except typst.TypstError as error:
        raise ReportError(f"typst can't set the PDF: {first_line(error.message)}") from None
    if not isinstance(pdf, bytes):
        raise ReportError("typst gave no PDF")
    return pdf


def _printable(articles: Sequence[Article]) -> list[tuple[str, str]]:
    """Each article as HTML that pandoc carries over whole."""
    from bs4 import BeautifulSoup

    soups = {}
    for article in articles:
        soup = BeautifulSoup(article.html, "html.parser")
        # Paper plays no sound; the spectrograms beside the players stay.
        for tag in soup.select("details.code, hr, figure.exhibit:has(audio)"):
            tag.decompose()
        title = soup.new_tag("h1", attrs={"id": "page"})
        title.string = article.title
        soup.insert(0, title)
        _own_anchors(soup, article.slug)
        _trees(soup)
        _tables(soup)
        _figures(soup)
        _formulas(soup)
        # Pandoc makes a box of each, and a table in a box is not broken across pages well.
        for box in soup.select("div, section"):
            box.unwrap()
        soups[article.slug] = soup
    known = {str(tag["id"]) for soup in soups.values() for tag in soup.select("[id]")}
    for slug, soup in soups.items():
        _links(soup, slug, known)
    return [(slug, soup.decode()) for slug, soup in soups.items()]


def _own_anchors(soup: BeautifulSoup, slug: str) -> None:
    """All pages become one document, so each anchor is told apart by its page."""
    for tag in soup.select("[id]"):
        tag["id"] = f"{slug}--{tag['id']}"


def _links(soup: BeautifulSoup, slug: str, known: set[str]) -> None:
    for link in soup.select("a"):
        href = str(link.get("href", ""))
        if re.match(r"https?://|mailto:", href):
            continue
        file, _, anchor = href.partition("#")
        page = file.removesuffix(".html") or slug
        target = f"{page}--{anchor or 'page'}"
        if target in known:
            link["href"] = f"#{target}"
        else:
            link.unwrap()


def _tables(soup: BeautifulSoup) -> None:
    for cell in soup.select("th, td"):
        right = "num" in (cell.get("class") or [])
        cell["style"] = f"text-align: {'right' if right else 'left'}"
    for header in soup.select("thead th"):
        strong = soup.new_tag("strong")
        strong.extend(list(header.contents))
        header.append(strong)
    for exhibit in soup.select("figure.exhibit:has(table)"):
        table, caption = exhibit.find("table"), exhibit.find("figcaption")
        if table is None or caption is None:
            continue
        table["id"] = exhibit["id"]
        caption.name = "caption"
        table.insert(0, caption.extract())
        exhibit.unwrap()
    for text in soup.select("td, th"):
        for node in text.find_all(string=_LONG_WORD):
            node.replace_with(_LONG_WORD.sub(_breakable, str(node)))


def _breakable(word: re.Match[str]) -> str:
    """A long name with places to break, without which it would push its table off the page."""
    return re.sub(r"(?<=\w[/_.,:+=-])(?=\w)", "\N{ZERO WIDTH SPACE}", word[0])


def _trees(soup: BeautifulSoup) -> None:
    """What a reader of the site opens and closes is a nested list in print."""
    for exhibit in soup.select("figure.exhibit:has(.tree)"):
        for details in exhibit.select("details"):
            details.unwrap()
        for summary in exhibit.select("summary"):
            summary.name = "span"
        for label in exhibit.select("li:not(.leaf) > span > .label"):
            label.name = "strong"
        for badge in exhibit.select(".badge"):
            badge.name = "em"
            badge.insert_before("– ")
        for line in exhibit.select("li.leaf > p"):
            line.insert_before(" · ")
            line.unwrap()
        caption = exhibit.find("figcaption")
        if caption is not None:
            caption.name = "p"
        exhibit.name = "div"
        # A list has no anchor in print; without one, links to it are shown as text.
        del exhibit["id"]


def _figures(soup: BeautifulSoup) -> None:
    for image in soup.select("img"):
        for name in ("loading", "style", "width", "height"):
            del image[name]
    for tag in soup.select(".number, .kind"):
        tag.name = "strong"
    for tag in soup.select(".kinds"):
        tag.insert_before(soup.new_tag("br"))
        tag.name = "small"
    for notes in soup.select("p.notes"):
        notes.name = "blockquote"
        exhibit = notes.find_parent("figure")
        if exhibit is not None:
            exhibit.insert_after(notes.extract())


def _formulas(soup: BeautifulSoup) -> None:
    """Formulas go on as the TeX they were written in."""
    for math in soup.select("math[alttext]"):
        display = "; mode=display" if math.get("display") == "block" else ""
        script = soup.new_tag("script", attrs={"type": f"math/tex{display}"})
        script.string = str(math["alttext"])
        math.replace_with(script)
