"""The report as a static site that works from a folder, without a server or a network."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from qnnlab.errors import ReportError
from qnnlab.files import write_atomic
from qnnlab.report.articles import TEMPLATES, Article, ExecutedNotebook, render_articles
from qnnlab.report.formatting import ABSENT, format_number, is_number
from qnnlab.report.links import check_links
from qnnlab.values import Value

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = [
    "ClaimLine",
    "ClaimsSummary",
    "ExecutedNotebook",
    "FailedRun",
    "IndexContext",
    "KeyFigure",
    "build_site",
    "check_links",
    "template_environment",
]


@dataclass(frozen=True)
class KeyFigure:
    """A headline number: what it is, in words, and the value with its kind and source."""

    label: str
    value: Value
    decimals: int | None = None

    @property
    def text(self) -> str:
        """The value as shown, without its unit."""
        value = self.value.value
        if value is None:
            return ABSENT
        if isinstance(value, bool):
            return "yes" if value else "no"
        return format_number(value, self.decimals) if is_number(value) else str(value)


@dataclass(frozen=True)
class FailedRun:
    """A run that gave no record, and why."""

    run: str
    reason: str


@dataclass(frozen=True)
class ClaimLine:
    """One claim of the review and what is to be said of it here."""

    section: str
    statement: str
    outcome: str
    why: str

    @property
    def mark(self) -> str:
        """The outcome as a class of the style sheet."""
        return f"verdict-{self.outcome.replace(' ', '-')}"


@dataclass(frozen=True)
class ClaimsSummary:
    """The scorecard of the claims: how many of each outcome, each claim, and their page's slug."""

    counts: Mapping[str, int]
    lines: Sequence[ClaimLine]
    page: str


@dataclass(frozen=True)
class IndexContext:
    """What the front page says; all of it is plain text.

    `lead` holds paragraphs parted by blank lines. `provenance` tells how the report was made,
    by label. `downloads` are (label, path below the site's folder).
    """

    title: str
    lead: str
    version: str
    commit: str
    profile: str
    date: date
    key_figures: Sequence[KeyFigure] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)
    failures: Sequence[FailedRun] = ()
    downloads: Sequence[tuple[str, str]] = ()
    claims: ClaimsSummary | None = None

    @property
    def facts(self) -> dict[str, str]:
        """How the report was made, by label: what every report says, then `provenance`."""
        common = {
            "Version": self.version,
            "Commit": self.commit,
            "Profile": self.profile,
            "Date": self.date.isoformat(),
        }
        return {**common, **self.provenance}

    @property
    def paragraphs(self) -> list[str]:
        """The paragraphs of the lead."""
        return [text for part in self.lead.split("\n\n") if (text := " ".join(part.split()))]


def build_site(pages: Sequence[ExecutedNotebook], index: IndexContext, folder: Path) -> Path:
    """Write the pages and the front page into `folder`; return the front page's path.

    The files of `index.downloads` must lie in `folder` already. Raises ReportError, and
    `folder` is left as it was, where a notebook can't be rendered, a download is missing, a
    link leads nowhere or a page would load something from outside.
    """
    files = _files(render_articles(pages), index)
    downloads = {path: _download(folder, path) for _, path in index.downloads}
    with tempfile.TemporaryDirectory(prefix="qnnlab-site-") as scratch:
        for name, content in files.items():
            write_atomic(Path(scratch) / name, content)
        for name, source in downloads.items():
            (Path(scratch) / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, Path(scratch) / name)
        problems = check_links(Path(scratch))
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise ReportError(f"the site has a bad link: {problems[0]}{more}")
    for name, content in files.items():
        write_atomic(folder / name, content)
    return folder / "index.html"


def _download(folder: Path, path: str) -> Path:
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts:
        raise ReportError(f"download {path!r} does not lie below the site's folder")
    if not (folder / pure).is_file():
        raise ReportError(f"download {path!r} is not in {folder}")
    return folder / pure


def template_environment() -> Environment:
    """Where pages' templates are found and how they are filled: everything is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _files(articles: Sequence[Article], index: IndexContext) -> dict[str, str | bytes]:
    environment = template_environment()
    shared: dict[str, Any] = {"index": index, "articles": articles}
    files: dict[str, str | bytes] = {"assets/style.css": styles()}
    files["assets/site.js"] = (TEMPLATES / "site.js").read_text(encoding="utf-8")
    template = environment.get_template("page.html.j2")
    for position, article in enumerate(articles):
        files.update(article.images)
        files[f"{article.slug}.html"] = template.render(
            **shared,
            article=article,
            previous=articles[position - 1] if position else None,
            following=articles[position + 1] if position + 1 < len(articles) else None,
        )
    files["index.html"] = environment.get_template("index.html.j2").render(**shared, article=None)
    return files


def styles() -> str:
    """The style sheet of every page."""
    from pygments.formatters import HtmlFormatter

    own = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    light, dark = (
        "\n".join(
            line
            for line in HtmlFormatter(style=style).get_style_defs(".highlight").splitlines()
            # Line numbers are not shown and the ground is the page's own.
            if line.startswith(".highlight .")
        )
        for style in ("tango", "github-dark")
    )
    return f"{own}\n{light}\n@media screen and (prefers-color-scheme: dark) {{\n{dark}\n}}\n"
