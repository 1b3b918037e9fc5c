"""Executed notebooks as numbered HTML articles, which both the site and the PDF are made of."""

from __future__ import annotations

import ast
import base64
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, unquote_to_bytes

from qnnlab.errors import ReportError
from qnnlab.report.formatting import escape
from qnnlab.report.notebooks import read_notebook
from qnnlab.report.prose import render_markdown

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

TEMPLATES = Path(__file__).parent / "templates"
IMAGES = "figures"
_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]*\Z")
_RESERVED = {"index", IMAGES, "assets"}
_SUFFIXES = {
    "image/svg+xml": "svg",
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/webp": "webp",
}
_SOUNDS = {"audio/wav": "wav"}
# What an output offers in several forms is shown in the first of these.
_SHOWN = ("text/html", *_SUFFIXES, "text/markdown", "text/latex", "text/plain")


@dataclass(frozen=True)
class ExecutedNotebook:
    """A notebook with outputs; `slug` names its page's file."""

    slug: str
    title: str
    path: Path


@dataclass(frozen=True)
class Heading:
    """A heading of an article: its level (2, 3 …), anchor and text."""

    level: int
    anchor: str
    text: str


@dataclass(frozen=True)
class Article:
    """A notebook as HTML; pictures and sounds lie beside it, by their path below the site's folder.

    `scripted` tells whether readers can sort or filter something, which takes the site's script.
    """

    slug: str
    title: str
    html: str
    headings: Sequence[Heading]
    summary: str
    thumbnail: str | None
    scripted: bool
    images: Mapping[str, bytes] = field(repr=False)


def render_articles(pages: Sequence[ExecutedNotebook]) -> list[Article]:
    """Render `pages`; figures and tables are numbered through all of them.

    Raises ReportError on an unusable slug, an unreadable notebook or a broken formula.
    """
    slugs = Counter(page.slug for page in pages)
    for slug, times in slugs.items():
        if not _SLUG.match(slug) or slug in _RESERVED:
            raise ReportError(f"page name {slug!r}: use lower-case letters, digits, - and _")
        if times > 1:
            raise ReportError(f"page name {slug!r} is given to {times} notebooks")
    links = {name: page.slug for page in pages for name in (page.slug, page.path.stem)}
    numbers: Counter[str] = Counter()
    return [_render(page, links, numbers) for page in pages]


def _render(page: ExecutedNotebook, links: Mapping[str, str], numbers: Counter[str]) -> Article:
    from bs4 import BeautifulSoup

    notebook = read_notebook(page.path)
    parameters = _take_parameters(notebook)
    try:
        body = _export(notebook)
    except ReportError as error:
        raise ReportError(f"{page.path.name}: {error}") from None
    soup = BeautifulSoup(_parameter_table(parameters) + body, "html.parser")
    _drop_title(soup)
    _tidy_outputs(soup)
    _link_pages(soup, links)
    thumbnail = _number_exhibits(soup, numbers)
    images = _extract_images(soup, page.slug)
    return Article(
        slug=page.slug,
        title=page.title,
        headings=_anchor_headings(soup),
        summary=_summary(soup),
        html=soup.decode(),
        thumbnail=None if thumbnail is None else str(thumbnail["src"]),
        scripted=soup.select_one("table.sortable, .tree") is not None,
        images=images,
    )


def _take_parameters(notebook: Any) -> list[tuple[str, str]]:
    """Remove the cell that papermill injected; return its assignments as text."""
    found: list[tuple[str, str]] = []
    for cell in list(notebook.cells):
        if "injected-parameters" in cell.metadata.get("tags", []):
            notebook.cells.remove(cell)
            found += _assignments(cell.source)
    return found


def _assignments(source: str) -> Iterator[tuple[str, str]]:
    try:
        statements = ast.parse(source).body
    except SyntaxError:
        return
    for statement in statements:
        if isinstance(statement, ast.Assign):
            names = ", ".join(ast.unparse(target) for target in statement.targets)
            yield names, ast.unparse(statement.value)


def _parameter_table(parameters: Sequence[tuple[str, str]]) -> str:
    if not parameters:
        return ""
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td><code>{escape(value)}</code></td></tr>"
        for name, value in parameters
    )
    head = "<thead><tr><th>parameter</th><th>value</th></tr></thead>"
    return (
        '<div class="parameters"><div class="scroll"><table class="qnn">'
        f"{head}<tbody>{rows}</tbody></table></div></div>"
    )


def _export(notebook: Any) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from nbconvert.exporters import TemplateExporter
        from nbconvert.filters import Highlight2HTML
        from traitlets.config import Config

        make_exporter: Any = TemplateExporter
        make_highlighter: Any = Highlight2HTML
        exporter = make_exporter(
            config=Config(
                {
                    "NbConvertBase": {"display_data_priority": list(_SHOWN)},
                    "TagRemovePreprocessor": {"enabled": True, "remove_cell_tags": {"hide"}},
                }
            ),
            template_name="qnnlab",
            template_file="article.html.j2",
            file_extension=".html",
            extra_template_basedirs=[str(TEMPLATES / "nbconvert")],
        )
        exporter.register_filter("markdown", render_markdown)
        exporter.register_filter("output_markdown", _output_markdown)
        exporter.register_filter("escape", escape)
        exporter.register_filter("highlight_code", make_highlighter(pygments_lexer="ipython3"))
        body: str = exporter.from_notebook_node(notebook)[0]
    return body


def _output_markdown(text: str) -> str:
    """Markdown that a run printed, which may quote names that are not ours."""
    return render_markdown(text, trusted=False)


def _drop_title(soup: BeautifulSoup) -> None:
    """The page shows its title itself."""
    first = soup.select_one("section.prose > h1")
    if first is not None:
        first.decompose()


def _tidy_outputs(soup: BeautifulSoup) -> None:
    # JupyterLab needs exhibits to bring their style and script; a page has its own.
    for tag in soup.select("figure.exhibit [style], style[scoped], figure.exhibit script"):
        if tag.name in {"style", "script"}:
            tag.decompose()
        else:
            del tag["style"]
    for table in soup.find_all("table"):
        del table["border"]
        if table.find_parent(class_="scroll") is None:
            table.wrap(soup.new_tag("div", attrs={"class": "scroll"}))
        table["class"] = "qnn sortable" if "sortable" in (table.get("class") or []) else "qnn"


def _link_pages(soup: BeautifulSoup, links: Mapping[str, str]) -> None:
    """Links between notebooks, which work in JupyterLab, become links between pages."""
    for link in soup.select("a[href]"):
        path, mark, anchor = str(link["href"]).partition("#")
        target = Path(unquote(path))
        if target.suffix in {".ipynb", ".py"} and target.stem in links and "://" not in path:
            link["href"] = f"{links[target.stem]}.html{mark}{anchor}"


def _number_exhibits(soup: BeautifulSoup, numbers: Counter[str]) -> Tag | None:
    """Number captions through all pages; return the first figure's image."""
    first = None
    for exhibit in soup.select("figure.exhibit"):
        word = "Table" if exhibit.find("table") else "Figure"
        numbers[word] += 1
        exhibit["id"] = f"{word.lower()}-{numbers[word]}"
        caption = exhibit.find("figcaption")
        if caption is not None:
            label = soup.new_tag("span", attrs={"class": "number"})
            label.string = f"{word} {numbers[word]}."
            caption.insert(0, label, " ")
        if first is None and word == "Figure":
            first = exhibit.find("img")
    return first


def _extract_images(soup: BeautifulSoup, slug: str) -> dict[str, bytes]:
    images: dict[str, bytes] = {}
    suffixes = {**_SUFFIXES, **_SOUNDS}
    for image in soup.select('img[src^="data:"], audio[src^="data:"]'):
        header, _, data = str(image["src"]).partition(",")
        media, *options = header.removeprefix("data:").split(";")
        if media not in suffixes:
            raise ReportError(f"page {slug!r} holds a picture or sound of type {media!r}")
        exhibit = image.find_parent("figure", class_="exhibit")
        stem = str(exhibit["id"]) if exhibit else f"{slug}-{len(images) + 1}"
        path = f"{IMAGES}/{stem}.{suffixes[media]}"
        if path in images:
            path = f"{IMAGES}/{stem}-{len(images) + 1}.{suffixes[media]}"
        raw = data.encode()
        images[path] = base64.b64decode(raw) if "base64" in options else unquote_to_bytes(raw)
        image["src"] = path
        if image.name == "img" and image.get("loading") is None:
            image["loading"] = "lazy"
    return images


def _anchor_headings(soup: BeautifulSoup) -> list[Heading]:
    taken = {str(tag["id"]) for tag in soup.select("[id]")}
    headings = []
    for tag in soup.find_all(["h1", "h2", "h3", "h4"]):
        level = max(int(tag.name[1]), 2)
        tag.name = f"h{level}"
        text = _plain(tag)
        anchor = stem = re.sub(r"\W+", "-", text.lower()).strip("-") or "section"
        copies = 1
        while anchor in taken:
            copies += 1
            anchor = f"{stem}-{copies}"
        taken.add(anchor)
        tag["id"] = anchor
        headings.append(Heading(level, anchor, text))
    return headings


def _plain(tag: Tag) -> str:
    """The text of `tag` with TeX for formulas, whose MathML makes no sense as text."""
    parts = []
    for node in tag.descendants:
        name = getattr(node, "name", None)
        if name == "math":
            parts.append(str(node["alttext"]))  # type: ignore[index]
        elif name is None and node.find_parent("math") is None:
            parts.append(str(node))
    return " ".join("".join(parts).split())


def _summary(soup: BeautifulSoup) -> str:
    """The first paragraph of prose as HTML without links."""
    from bs4 import BeautifulSoup

    for paragraph in soup.select("section.prose > p"):
        copy = BeautifulSoup(paragraph.decode_contents(), "html.parser")
        for tag in copy.select("a, img"):
            tag.unwrap()
        return copy.decode()
    return ""
