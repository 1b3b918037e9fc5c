"""Checks that a folder of pages holds together and asks nothing of the network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

_OUTSIDE = re.compile(r"\s*(?:https?:)?//", re.IGNORECASE)
_SCHEME = re.compile(r"\s*([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_CSS_TARGET = re.compile(r"""@import\s+["']([^"']*)["']|url\(\s*["']?([^"')]*)""", re.IGNORECASE)
_LOADING = ("src", "poster", "data", "background", "href", "xlink:href", "action")


def check_links(folder: Path) -> list[str]:
    """What is wrong with the pages in `folder`, one line each; empty where nothing is.

    Every local address and anchor must exist. Only `<a href>` may lead outside: whatever a
    page loads by itself (pictures, styles, scripts, fonts, frames) must be local.
    """
    pages = {path.resolve(): _parse(path) for path in sorted(folder.rglob("*.html"))}
    checker = _Checker(folder.resolve(), pages)
    problems = [
        f"{path.relative_to(folder.resolve())}: {problem}"
        for path, soup in pages.items()
        for problem in checker.page(path, soup)
    ]
    for path in sorted(folder.rglob("*.css")):
        text = path.read_text(encoding="utf-8", errors="replace")
        problems += [
            f"{path.relative_to(folder)}: {problem}"
            for problem in checker.styles(path.resolve(), text)
        ]
    for path in sorted(folder.rglob("*.svg")):
        for tag in _parse(path).find_all(True):
            problems += [
                f"{path.relative_to(folder)}: <{tag.name}> loads {address!r} from outside"
                for address in _addresses(tag)
                if tag.name != "a" and _OUTSIDE.match(address)
            ]
    return problems


class _Checker:
    def __init__(self, root: Path, pages: dict[Path, BeautifulSoup]) -> None:
        self.root = root
        self.anchors = cache(lambda path: _anchors(pages[path]) if path in pages else None)

    def page(self, path: Path, soup: BeautifulSoup) -> Iterator[str]:
        for tag in soup.find_all(True):
            for address in _addresses(tag):
                yield from self.address(path, tag.name, address)
            yield from self.styles(path, str(tag.get("style", "")))
            if tag.name == "style":
                yield from self.styles(path, tag.get_text())
            if tag.name == "script" and re.search(r"(?:https?|wss?):", tag.get_text()):
                yield "a script names an outside address"
            if tag.name == "meta" and str(tag.get("http-equiv", "")).lower() == "refresh":
                yield "<meta http-equiv=refresh> leads away"

    def address(self, path: Path, tag: str, address: str) -> Iterator[str]:
        if _OUTSIDE.match(address):
            if tag not in {"a", "area"}:
                yield f"<{tag}> loads {address!r} from outside"
            return
        scheme = _SCHEME.match(address)
        if scheme is not None:
            allowed = {"mailto"} if tag in {"a", "area"} else {"data"}
            if scheme[1].lower() not in allowed:
                yield f"<{tag}> leads to {address!r}"
            return
        yield from self.local(path, address.strip())

    def local(self, path: Path, address: str) -> Iterator[str]:
        file, _, anchor = address.partition("#")
        target = (path.parent / unquote(file.partition("?")[0])).resolve() if file else path
        if not target.is_relative_to(self.root):
            yield f"{address!r} leaves the folder"
        elif not target.exists():
            yield f"{address!r} does not exist"
        elif anchor:
            known = self.anchors(target)
            if known is not None and unquote(anchor) not in known:
                yield f"{address!r}: no such anchor"

    def styles(self, path: Path, text: str) -> Iterator[str]:
        for match in _CSS_TARGET.finditer(text):
            address = (match[1] or match[2] or "").strip()
            if address and not address.startswith("#"):
                yield from self.address(path, "style", address)


def _parse(path: Path) -> BeautifulSoup:
    from bs4 import BeautifulSoup

    return BeautifulSoup(path.read_text(encoding="utf-8", errors="replace"), "html.parser")


def _anchors(soup: BeautifulSoup) -> set[str]:
    named = {str(tag["name"]) for tag in soup.select("a[name]")}
    return named | {str(tag["id"]) for tag in soup.select("[id]")}


def _addresses(tag: Tag) -> Iterator[str]:
    for name in _LOADING:
        if tag.has_attr(name):
            yield str(tag[name])
    for candidate in str(tag.get("srcset", "")).split(","):
        if candidate.strip():
            yield candidate.split()[0]
