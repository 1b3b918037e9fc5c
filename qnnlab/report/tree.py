"""A tree that readers open and close: an exhibit of nested <details>, which need no script."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from qnnlab.errors import ReportError
from qnnlab.report.exhibits import (
    Provenance,
    caption_html,
    check_exhibit,
    exhibit_html,
    inline_script,
    provenance_line,
)
from qnnlab.report.formatting import escape

# For JupyterLab, which has no style sheet for exhibits; the site drops it.
_BADGE_STYLE = "border:1px solid;border-radius:1em;padding:0 .5em;font-size:.8em"


@dataclass(frozen=True)
class Node:
    """A branch (with `children`) or a leaf; `badge` is a word that sets it apart.

    `lines` are what an opened leaf says.
    """

    label: str
    children: Sequence[Node] = ()
    badge: str = ""
    lines: Sequence[str] = ()

    def leaves(self) -> Iterator[Node]:
        """The leaves below, or the node itself where it is one."""
        if not self.children:
            yield self
        for child in self.children:
            yield from child.leaves()


@dataclass(frozen=True, repr=False)
class Tree:
    """Nested entries with their caption and provenance; branches above `closed_below` are open.

    Branches count their leaves and, by badge, those that carry one. Raises ReportError where
    entries, caption or provenance are missing.
    """

    roots: Sequence[Node]
    caption: str
    provenance: Sequence[Provenance]
    closed_below: int = 1

    def __post_init__(self) -> None:
        check_exhibit("tree", self.caption, self.provenance)
        if not self.roots:
            raise ReportError(f"tree {self.caption!r} has no entries")

    def _repr_html_(self) -> str:
        body = f'<div class="tree">{_branches(self.roots, self.closed_below)}</div>'
        return exhibit_html(caption_html(self.caption, self.provenance), body, inline_script())

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        lines = "\n".join(line for root in self.roots for line in _plain(root, 0))
        return f"{self.caption}\n{lines}\n{provenance_line(self.provenance)}"


def _branches(nodes: Sequence[Node], open_levels: int) -> str:
    return f"<ul>{''.join(_item(node, open_levels) for node in nodes)}</ul>"


def _item(node: Node, open_levels: int) -> str:
    label = f'<span class="label">{escape(node.label)}</span>'
    if not node.children:
        lines = "".join(f"<p>{escape(line)}</p>" for line in node.lines)
        badge = _badge(node.badge)
        if not lines:
            return f'<li class="leaf">{label}{badge}</li>'
        return f'<li class="leaf"><details><summary>{label}{badge}</summary>{lines}</details></li>'
    leaves = list(node.leaves())
    badges = dict.fromkeys(leaf.badge for leaf in leaves if leaf.badge)
    counted = "".join(
        _badge(f"{badge}: {sum(leaf.badge == badge for leaf in leaves)}") for badge in badges
    )
    count = f' <span class="count">{len(leaves)}</span>'
    opened = " open" if open_levels > 0 else ""
    return (
        f"<li><details{opened}><summary>{label}{count}{counted}</summary>"
        f"{_branches(node.children, open_levels - 1)}</details></li>"
    )


def _badge(text: str) -> str:
    if not text:
        return ""
    return f' <span class="badge" style="{_BADGE_STYLE}">{escape(text)}</span>'


def _plain(node: Node, depth: int) -> Iterator[str]:
    badge = f" [{node.badge}]" if node.badge else ""
    yield f"{'  ' * depth}{node.label}{badge}"
    for child in node.children:
        yield from _plain(child, depth + 1)
