from __future__ import annotations

import base64
import html

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st

from qnnlab.errors import ReportError
from qnnlab.report.exhibits import Figure, Provenance, Table, figure, provenance_line
from qnnlab.report.formatting import escape, format_number
from qnnlab.report.style import PALETTE, colour_map, use_style
from qnnlab.values import KINDS, Value

SVG = '<svg xmlns="http://www.w3.org/2000/svg"></svg>'
ACCURACY = Provenance("accuracy", "%", "measured", "LiteRT 2.3.0")
TABLE_TAGS = {"figure", "figcaption", "span", "div", "table", "thead", "tbody", "tr", "th", "td"}
PRINTABLE = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Cn"]), min_size=1, max_size=30
).filter(str.strip)
ITEMS = st.lists(
    st.builds(Provenance, PRINTABLE, st.sampled_from(["%", ""]), st.sampled_from(KINDS), PRINTABLE),
    min_size=1,
    max_size=6,
)


def soup_of(exhibit: Figure | Table) -> BeautifulSoup:
    return BeautifulSoup(exhibit._repr_html_(), "html.parser")


@given(name=PRINTABLE, caption=PRINTABLE, source=PRINTABLE)
def test_text_from_outside_never_becomes_markup(name: str, caption: str, source: str) -> None:
    frame = pd.DataFrame({f"<i>{name}": [f"</td><script>{name}"]})
    soup = soup_of(Table(frame, caption, [Provenance(name, name, "quoted", source)]))
    tags = {tag.name for tag in soup.find_all(True)}
    assert tags == TABLE_TAGS
    cell, header = soup.find("td"), soup.find("th")
    assert cell is not None
    assert header is not None
    assert cell.get_text() == f"</td><script>{name}"
    assert header.get_text() == f"<i>{name}"


@given(alt=PRINTABLE, caption=PRINTABLE)
def test_figure_keeps_its_alternative_text_whole(alt: str, caption: str) -> None:
    soup = soup_of(Figure(SVG, caption, [ACCURACY], alt=f'" onerror="x{alt}'))
    (image,) = soup.find_all("img")
    assert image["alt"] == f'" onerror="x{alt}'
    assert set(image.attrs) == {"alt", "style", "src"}
    assert base64.b64decode(str(image["src"]).partition(",")[2]).decode() == SVG


@given(st.text(st.characters(), max_size=20))
def test_escaped_text_can_always_be_written(text: str) -> None:
    assert "\0" not in html.unescape(escape(text).encode().decode())


@given(ITEMS)
def test_provenance_names_each_quantity_and_each_kind_once(items: list[Provenance]) -> None:
    line = provenance_line(items)
    assert all(item.quantity in line and f"({item.source})" in line for item in items)
    assert provenance_line(items + items) == line
    kinds = [kind for kind in KINDS if any(item.kind == kind for item in items)]
    assert line.startswith(f"{kinds[0]}: ")


def test_provenance_is_grouped_by_kind_and_source() -> None:
    items = [
        Provenance("flash", "kB", "quoted", "Table II"),
        ACCURACY,
        Provenance("arena", "bytes", "measured", "TFLM"),
        Provenance("loss", "", "measured", "LiteRT 2.3.0"),
    ]
    assert provenance_line(items) == (
        "measured: accuracy in % and loss (LiteRT 2.3.0), arena in bytes (TFLM); "
        "quoted: flash in kB (Table II)"
    )


def test_numbers_without_provenance_are_refused() -> None:
    with pytest.raises(ReportError, match="without their kind"):
        Figure(SVG, "A caption.", [], alt="x")
    with pytest.raises(ReportError, match="without their kind"):
        Table(pd.DataFrame({"a": [1]}), "A caption.")
    with pytest.raises(ReportError, match="guessed"):
        Provenance("a", "%", "guessed", "nobody")  # type: ignore[arg-type]
    with pytest.raises(ReportError, match="alternative text"):
        Figure(SVG, "A caption.", [ACCURACY], alt=" ")


def test_table_shows_units_absences_and_values() -> None:
    frame = pd.DataFrame(
        {
            "arena": [
                Value("arena", 12345, "B", "measured", "TFLM"),
                Value("arena", None, "B", "measured", "TFLM", "refused <op>"),
            ],
            "accuracy": [np.float32(91.25), np.nan],
            "fits": [np.True_, np.False_],
        },
        index=pd.Index(["ptq", "qat"], name="method"),
    )
    table = Table(frame, "Runs.", [ACCURACY], reasons={("qat", "accuracy"): "diverged"})
    soup = soup_of(table)
    assert [th.get_text() for th in soup.find_all("th")] == [
        "method",
        "arena (B)",
        "accuracy",
        "fits",
    ]
    rows = [[td.get_text() for td in row.find_all("td")] for row in soup.select("tbody tr")]
    assert rows == [["ptq", "12\u202f345", "91.25", "yes"], ["qat", "—a", "—b", "no"]]
    assert [td["title"] for td in soup.select(".absent")] == ["refused <op>", "diverged"]
    notes = soup.select_one(".notes")
    assert notes is not None
    assert "diverged" in notes.get_text()
    assert "arena in B (TFLM)" in repr(table)


def test_table_refuses_a_unit_for_a_column_that_it_lacks() -> None:
    with pytest.raises(ReportError, match="no column 'acuracy'"):
        Table(pd.DataFrame({"accuracy": [1]}), "Runs.", [ACCURACY], units={"acuracy": "%"})


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (1234567, None, "1\u202f234\u202f567"),
        (-0.5, None, "−0.5"),
        (38.6, None, "38.6"),
        (95.04, 2, "95.04"),
        (0.0000012, None, "1.20×10⁻⁶"),
        (0.001, 1, "1.00×10⁻³"),
        (512.0, None, "512"),
        (float("nan"), None, "—"),
    ],
)
def test_numbers_are_readable(value: float, decimals: int | None, text: str) -> None:
    assert format_number(value, decimals) == text


def test_equal_plots_give_equal_bytes_and_are_closed() -> None:
    from matplotlib import pyplot as plt

    def draw() -> str:
        with use_style():
            fig, axes = plt.subplots()
            axes.plot([1, 2], label="a")
            axes.legend()
            return figure(fig, "A line.", [ACCURACY], alt="a line").svg

    assert draw() == draw()
    assert draw().startswith("<svg")
    assert plt.get_fignums() == []


def test_a_name_keeps_its_colour() -> None:
    names = ["float32", "ptq", "qat"]
    colours = colour_map(names)
    assert colour_map([*names, "new"]) == {**colours, "new": PALETTE[2]}
    assert colours["ptq"] == PALETTE[0]
    assert colours["float32"] not in PALETTE
