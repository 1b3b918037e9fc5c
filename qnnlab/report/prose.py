"""Markdown to HTML, with formulas as MathML, so that pages need no script to show them."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from qnnlab.errors import ReportError
from qnnlab.report.formatting import escape
from qnnlab.report.notebooks import first_line


def render_markdown(text: str, *, trusted: bool = True) -> str:
    """`text` as HTML; HTML inside it is kept where `trusted` and shown as text elsewhere.

    Raises ReportError naming the first formula that can't be rendered.
    """
    rendered: str = _renderer(trusted)(text)
    return rendered


def mathml(tex: str, *, display: bool) -> str:
    """The formula `tex` as a MathML element; its `alttext` holds the TeX.

    Raises ReportError where `tex` is malformed or uses a command that is not known.
    """
    from latex2mathml.converter import convert

    # A page's formulas are not numbered.
    tex = re.sub(r"(\\(?:begin|end){(?:align|gather|equation))}", r"\1*}", tex)
    try:
        element: str = convert(tex, display="block" if display else "inline")
    # latex2mathml raises its own errors and, on other input, IndexError and its like.
    except Exception as error:
        raise ReportError(f"formula {tex.strip()!r}: {first_line(error)}") from None
    if "<mi>\\" in element:
        raise ReportError(f"formula {tex.strip()!r} uses a command that is not known")
    return element.replace("<math ", f'<math alttext="{escape(tex.strip())}" ', 1)


@cache
def _renderer(trusted: bool) -> Callable[[str], Any]:
    from markdown_it import MarkdownIt
    from mdit_py_plugins.amsmath import amsmath_plugin
    from mdit_py_plugins.dollarmath import dollarmath_plugin

    def formula(tex: str, options: dict[str, Any]) -> str:
        return mathml(tex, display=bool(options.get("display_mode")))

    markdown = MarkdownIt("commonmark", {"html": trusted}).enable(["table", "strikethrough"])
    markdown.use(
        dollarmath_plugin,
        renderer=formula,
        allow_digits=False,
        allow_space=False,
        allow_labels=False,
        double_inline=True,
    )
    markdown.use(amsmath_plugin, renderer=lambda tex: mathml(tex, display=True))
    return markdown.render
