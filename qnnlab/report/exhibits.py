"""What notebooks show: figures and tables that carry where their numbers come from."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qnnlab.errors import ReportError
from qnnlab.report.formatting import (
    ABSENT,
    column_decimals,
    escape,
    format_number,
    is_number,
    three_digits,
)
from qnnlab.values import KINDS, Kind, Value

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure as MatplotlibFigure

# JupyterLab has no style sheet for exhibits; the site drops these and brings its own.
_IMAGE_STYLE = "max-width:100%;height:auto;background:#fff"
# Up to this many characters a text in a table is kept on one line.
_SHORT = 28
_CAPTION_STYLE = "max-width:75ch;font-size:.9em"


@dataclass(frozen=True)
class Provenance:
    """One quantity of an exhibit: its unit ("" where it has none), its kind and its source."""

    quantity: str
    unit: str
    kind: Kind
    source: str

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ReportError(f"provenance of {self.quantity!r}: {self.kind!r} is not in {KINDS}")
        if not self.quantity.strip() or not self.source.strip():
            raise ReportError(f"provenance of {self.quantity!r} needs a quantity and a source")

    @classmethod
    def of(cls, value: Value, quantity: str | None = None) -> Provenance:
        """The provenance that `value` carries, under its own name or under `quantity`."""
        return cls(quantity or value.name, value.unit, value.kind, value.source)


def provenance_groups(items: Iterable[Provenance]) -> list[tuple[Kind, str]]:
    """Each kind that occurs with its quantities, those of one source together."""
    by_kind: dict[Kind, dict[str, list[str]]] = {}
    for item in items:
        text = f"{item.quantity} in {item.unit}" if item.unit else item.quantity
        quantities = by_kind.setdefault(item.kind, {}).setdefault(item.source, [])
        if text not in quantities:
            quantities.append(text)
    return [
        (kind, ", ".join(f"{_enumerate(names)} ({source})" for source, names in sources.items()))
        for kind, sources in sorted(by_kind.items(), key=lambda entry: KINDS.index(entry[0]))
    ]


def provenance_line(items: Iterable[Provenance]) -> str:
    """One line: "measured: accuracy in % (LiteRT); quoted: flash in kB (Table II)"."""
    return "; ".join(f"{kind}: {text}" for kind, text in provenance_groups(items))


@dataclass(frozen=True, repr=False)
class Figure:
    """A picture as SVG text with its caption, provenance and alternative text.

    `notes` tells by mark what marks in the picture mean. Raises ReportError where one of the
    others is missing.
    """

    svg: str
    caption: str
    provenance: Sequence[Provenance]
    alt: str
    notes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_exhibit("figure", self.caption, self.provenance)
        if "<svg" not in self.svg:
            raise ReportError(f"figure {self.caption!r}: its picture is not SVG")
        if not self.alt.strip():
            raise ReportError(f"figure {self.caption!r} needs an alternative text")

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.svg.encode("utf-8", "replace")).decode()
        image = (
            f'<img alt="{escape(self.alt)}" style="{_IMAGE_STYLE}" '
            f'src="data:image/svg+xml;base64,{data}">'
        )
        return exhibit_html(image, caption_html(self.caption, self.provenance), _notes(self.notes))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"[figure: {self.alt}]\n{self.caption}\n{provenance_line(self.provenance)}"


@dataclass(frozen=True)
class Ranked:
    """A text in a table, such as a range, that stands in order by the number `key`."""

    text: str
    key: float

    @classmethod
    def of(cls, value: float) -> Ranked:
        """A number with three digits."""
        return cls(three_digits(value), value)

    @classmethod
    def within(cls, value: float, low: float, high: float) -> Ranked:
        """A number with its interval, three digits each."""
        return cls(f"{three_digits(value)} ({three_digits(low)} – {three_digits(high)})", value)


@dataclass(frozen=True)
class _Cell:
    text: str
    numeric: bool = False
    title: str | None = None
    reason: str | None = None
    key: float | None = None
    remark: str | None = None


@dataclass(frozen=True, repr=False)
class Table:
    """A data frame with its caption and provenance; its cells may be `Value`s.

    `units` and `digits` (decimals) go by column. By (row label, column), `reasons` tells why a
    value is absent and `remarks` what to know about one that is there. The index is shown
    unless it only counts the rows. Readers can order a `sortable` table by a column. The
    provenance of `Value`s is added. Raises ReportError where caption or provenance is missing.
    """

    frame: pd.DataFrame
    caption: str
    provenance: Sequence[Provenance] = ()
    units: Mapping[str, str] = field(default_factory=dict)
    digits: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[tuple[Any, str], str] = field(default_factory=dict)
    remarks: Mapping[tuple[Any, str], str] = field(default_factory=dict)
    sortable: bool = False

    def __post_init__(self) -> None:
        found = [
            Provenance.of(cell, _label(column))
            for position, column in enumerate(self.frame.columns)
            for cell in self.frame.iloc[:, position]
            if isinstance(cell, Value)
        ]
        object.__setattr__(self, "provenance", (*self.provenance, *found))
        check_exhibit("table", self.caption, self.provenance)
        known = {_label(column) for column in self.frame.columns}
        marked = (column for _, column in (*self.reasons, *self.remarks))
        for column in (*self.units, *self.digits, *marked):
            if column not in known:
                raise ReportError(f"table {self.caption!r} has no column {column!r}")

    def _repr_html_(self) -> str:
        headers, rows = self._grid()
        notes: dict[str, str] = {}
        remarks: dict[str, str] = {}
        name = "qnn sortable" if self.sortable else "qnn"
        lines = [f'<div class="scroll"><table class="{name}"><thead><tr>']
        lines += [_header(*header) for header in headers]
        lines.append("</tr></thead><tbody>")
        for row in rows:
            cells = (_data(cell, notes, remarks, self.sortable) for cell in row)
            lines.append(f"<tr>{''.join(cells)}</tr>")
        lines.append("</tbody></table></div>")
        lines.append(_notes({mark: why for why, mark in notes.items()}, f"{ABSENT} "))
        lines.append(_notes({mark: remark for remark, mark in remarks.items()}))
        if self.sortable:
            lines.append(inline_script())
        # A long table is met at its top, so that is where it says what it is.
        return exhibit_html(caption_html(self.caption, self.provenance), "".join(lines))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        import pandas as pd

        headers, rows = self._grid()
        names = [f"{name} ({unit})" if unit else name for name, unit, _ in headers]
        text = pd.DataFrame([[cell.text for cell in row] for row in rows], columns=names)
        body = text.to_string(index=False)
        return f"{self.caption}\n{body}\n{provenance_line(self.provenance)}"

    def _grid(self) -> tuple[list[tuple[str, str, bool]], list[list[_Cell]]]:
        """The headers (name, unit, whether numeric) and the rows of formatted cells."""
        headers: list[tuple[str, str, bool]] = []
        columns: list[list[_Cell]] = []
        for name, values in self._columns():
            unit = self.units.get(name, _shared_unit(values))
            cells = self._format_column(name, unit, values)
            numeric = any(cell.numeric for cell in cells)
            headers.append((name, unit, numeric))
            columns.append([replace(cell, numeric=numeric) for cell in cells])
        return headers, [list(row) for row in zip(*columns, strict=True)]

    def _columns(self) -> list[tuple[str, list[Any]]]:
        import pandas as pd

        index = self.frame.index
        columns: list[tuple[str, list[Any]]] = []
        if not (isinstance(index, pd.RangeIndex) and index.name is None):
            columns = [
                ("" if name is None else str(name), list(index.get_level_values(level)))
                for level, name in enumerate(index.names)
            ]
        for position, column in enumerate(self.frame.columns):
            columns.append((_label(column), list(self.frame.iloc[:, position])))
        return columns

    def _format_column(self, name: str, unit: str, values: Sequence[Any]) -> list[_Cell]:
        plain = [value.value if isinstance(value, Value) else value for value in values]
        decimals = self.digits.get(name)
        if decimals is None:
            decimals = column_decimals(float(value) for value in plain if is_number(value))
        cells = []
        for label, given, value in zip(self.frame.index, values, plain, strict=True):
            if _is_absent(value):
                reason = given.reason if isinstance(given, Value) else None
                cells.append(
                    _Cell(ABSENT, reason=reason or self.reasons.get((label, name), "no value"))
                )
                continue
            title = None
            text, key = _shown(value, decimals)
            if isinstance(given, Value):
                text += f" {given.unit}" if given.unit and given.unit != unit else ""
                title = f"{given.kind}: {given.source}"
            remark = self.remarks.get((label, name))
            cells.append(_Cell(text, key is not None, title, key=key, remark=remark))
        return cells


def figure(
    fig: MatplotlibFigure,
    caption: str,
    provenance: Sequence[Provenance],
    alt: str,
    notes: Mapping[str, str] | None = None,
) -> Figure:
    """A `Figure` of a matplotlib figure, which is closed; equal plots give equal bytes."""
    import io

    import matplotlib as mpl
    from matplotlib import pyplot as plt

    stream = io.StringIO()
    try:
        with mpl.rc_context({"svg.hashsalt": "qnnlab", "svg.fonttype": "path"}):
            fig.savefig(stream, format="svg", metadata={"Date": None})
    finally:
        plt.close(fig)
    # The XML prolog names a DTD on the web and means nothing inside a page.
    svg = re.sub(r"^.*?(?=<svg)", "", stream.getvalue(), count=1, flags=re.DOTALL)
    return Figure(svg, caption, provenance, alt, notes or {})


def check_exhibit(what: str, caption: str, provenance: Sequence[Provenance]) -> None:
    """Raise ReportError where an exhibit lacks its caption or provenance."""
    if not caption.strip():
        raise ReportError(f"a {what} needs a caption")
    if not provenance:
        raise ReportError(f"{what} {caption!r} shows numbers without their kind and source")


def exhibit_html(*parts: str) -> str:
    """An exhibit of `parts`, which are HTML."""
    return f'<figure class="exhibit">{"".join(parts)}</figure>'


def caption_html(caption: str, provenance: Sequence[Provenance]) -> str:
    """A caption with the kinds and sources of what it stands for, as HTML."""
    groups = "; ".join(
        f'<span class="kind kind-{kind}">{kind}</span> {escape(text)}'
        for kind, text in provenance_groups(provenance)
    )
    return (
        f'<figcaption style="{_CAPTION_STYLE}">'
        f'{escape(caption)} <span class="kinds">{groups}</span></figcaption>'
    )


def _header(name: str, unit: str, numeric: bool) -> str:
    suffix = f' <span class="unit">({escape(unit)})</span>' if unit else ""
    return f"<th{_class('num' if numeric else '')}>{escape(name)}{suffix}</th>"


def _data(cell: _Cell, notes: dict[str, str], remarks: dict[str, str], sortable: bool) -> str:
    if cell.reason is not None:
        mark = notes.setdefault(cell.reason, _mark(len(notes)))
        title = escape(cell.reason)
        names = "absent num" if cell.numeric else "absent"
        return f'<td class="{names}" title="{title}">{ABSENT}<sup>{mark}</sup></td>'
    attributes = f' title="{escape(cell.title)}"' if cell.title else ""
    if sortable and cell.key is not None:
        attributes += f' data-sort="{float(cell.key)!r}"'
    names = "num" if cell.numeric else "short" if len(cell.text) <= _SHORT else "long"
    text = escape(cell.text)
    if cell.remark is not None:
        text += f"<sup>{remarks.setdefault(cell.remark, str(len(remarks) + 1))}</sup>"
    return f"<td{_class(names)}{attributes}>{text}</td>"


def _notes(notes: Mapping[str, str], lead: str = "") -> str:
    if not notes:
        return ""
    text = " ".join(
        f"<sup>{escape(mark)}</sup>&#8239;{escape(note)}" for mark, note in notes.items()
    )
    return f'<p class="notes">{lead}{text}</p>'


@cache
def inline_script() -> str:
    """The pages' script for where no page brings it: JupyterLab. The site drops it."""
    path = Path(__file__).parent / "templates" / "site.js"
    return f"<script>{path.read_text(encoding='utf-8')}</script>"


def _class(names: str) -> str:
    return f' class="{names}"' if names else ""


def _mark(position: int) -> str:
    """a, b … z, aa, ab …: letters, so that no note reads as an exponent."""
    mark = ""
    position += 1
    while position:
        position, letter = divmod(position - 1, 26)
        mark = chr(ord("a") + letter) + mark
    return mark


def _label(column: Any) -> str:
    return " / ".join(map(str, column)) if isinstance(column, tuple) else str(column)


def _shared_unit(values: Iterable[Any]) -> str:
    units = {value.unit for value in values if isinstance(value, Value)}
    return units.pop() if len(units) == 1 else ""


def _is_absent(value: Any) -> bool:
    import pandas as pd

    return bool(pd.api.types.is_scalar(value) and pd.isna(value))


def _shown(value: Any, decimals: int | None) -> tuple[str, float | None]:
    """A cell's text and the number that it stands in order by, if any."""
    if isinstance(value, Ranked):
        return value.text, value.key
    if is_number(value):
        return format_number(value, decimals), float(value)
    return _text(value), None


def _text(value: Any) -> str:
    import numpy as np

    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    return str(value)


def _enumerate(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
