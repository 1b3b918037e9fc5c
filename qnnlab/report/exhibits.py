"""What notebooks show: figures and tables that carry where their numbers come from."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qnnlab.errors import ReportError
from qnnlab.report.formatting import ABSENT, column_decimals, escape, format_number, is_number
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

    Raises ReportError where one of them is missing.
    """

    svg: str
    caption: str
    provenance: Sequence[Provenance]
    alt: str

    def __post_init__(self) -> None:
        _check("figure", self.caption, self.provenance)
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
        return _exhibit(image, _caption(self.caption, self.provenance))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"[figure: {self.alt}]\n{self.caption}\n{provenance_line(self.provenance)}"


@dataclass(frozen=True)
class _Cell:
    text: str
    numeric: bool = False
    title: str | None = None
    reason: str | None = None


@dataclass(frozen=True, repr=False)
class Table:
    """A data frame with its caption and provenance; its cells may be `Value`s.

    `units` and `digits` (decimals) go by column. `reasons` tells by (row label, column) why a
    value is absent. The index is shown unless it only counts the rows. The provenance of
    `Value`s is added. Raises ReportError where caption or provenance is missing.
    """

    frame: pd.DataFrame
    caption: str
    provenance: Sequence[Provenance] = ()
    units: Mapping[str, str] = field(default_factory=dict)
    digits: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[tuple[Any, str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        found = [
            Provenance.of(cell, _label(column))
            for position, column in enumerate(self.frame.columns)
            for cell in self.frame.iloc[:, position]
            if isinstance(cell, Value)
        ]
        object.__setattr__(self, "provenance", (*self.provenance, *found))
        _check("table", self.caption, self.provenance)
        known = {_label(column) for column in self.frame.columns}
        for column in (*self.units, *self.digits, *(column for _, column in self.reasons)):
            if column not in known:
                raise ReportError(f"table {self.caption!r} has no column {column!r}")

    def _repr_html_(self) -> str:
        headers, rows = self._grid()
        notes: dict[str, str] = {}
        lines = ['<div class="scroll"><table class="qnn"><thead><tr>']
        lines += [_header(*header) for header in headers]
        lines.append("</tr></thead><tbody>")
        for row in rows:
            lines.append("<tr>" + "".join(_data(cell, notes) for cell in row) + "</tr>")
        lines.append("</tbody></table></div>")
        if notes:
            text = " ".join(f"<sup>{mark}</sup>&#8239;{escape(why)}" for why, mark in notes.items())
            lines.append(f'<p class="notes">{ABSENT} {text}</p>')
        # A long table is met at its top, so that is where it says what it is.
        return _exhibit(_caption(self.caption, self.provenance), "".join(lines))

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
            columns.append([_align(cell, numeric) for cell in cells])
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
            text = format_number(value, decimals) if is_number(value) else _text(value)
            title = None
            if isinstance(given, Value):
                text += f" {given.unit}" if given.unit and given.unit != unit else ""
                title = f"{given.kind}: {given.source}"
            cells.append(_Cell(text, is_number(value), title))
        return cells


def figure(
    fig: MatplotlibFigure, caption: str, provenance: Sequence[Provenance], alt: str
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
    return Figure(svg=svg, caption=caption, provenance=provenance, alt=alt)


def _check(what: str, caption: str, provenance: Sequence[Provenance]) -> None:
    if not caption.strip():
        raise ReportError(f"a {what} needs a caption")
    if not provenance:
        raise ReportError(f"{what} {caption!r} shows numbers without their kind and source")


def _exhibit(*parts: str) -> str:
    return f'<figure class="exhibit">{"".join(parts)}</figure>'


def _caption(caption: str, provenance: Sequence[Provenance]) -> str:
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


def _data(cell: _Cell, notes: dict[str, str]) -> str:
    if cell.reason is not None:
        mark = notes.setdefault(cell.reason, _mark(len(notes)))
        title = escape(cell.reason)
        names = "absent num" if cell.numeric else "absent"
        return f'<td class="{names}" title="{title}">{ABSENT}<sup>{mark}</sup></td>'
    title = f' title="{escape(cell.title)}"' if cell.title else ""
    names = "num" if cell.numeric else "short" if len(cell.text) <= _SHORT else "long"
    return f"<td{_class(names)}{title}>{escape(cell.text)}</td>"


def _class(names: str) -> str:
    return f' class="{names}"' if names else ""


def _align(cell: _Cell, numeric: bool) -> _Cell:
    return _Cell(cell.text, numeric, cell.title, cell.reason)


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


def _text(value: Any) -> str:
    import numpy as np

    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    return str(value)


def _enumerate(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
