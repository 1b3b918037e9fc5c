"""The quantizer's exhibits on small arrays; the explorer's numbers against the numerics."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st
from notebook_cells import code_cell, markdown_cell, shown, write_notebook

from qnnlab.errors import ReportError
from qnnlab.lab.claims import read_ledger
from qnnlab.numerics.affine import CodeRange, dequantize, fake_quantize
from qnnlab.numerics.distortion import mse, sqnr_db
from qnnlab.numerics.observers import OBSERVERS, observe
from qnnlab.report import calibration_exhibits as calibration
from qnnlab.report import quantizer_exhibits as exhibits
from qnnlab.report.articles import ExecutedNotebook, render_articles
from qnnlab.report.bit_explorer import (
    BITS,
    Explorer,
    Setting,
    Subject,
    affine_of,
    explorer,
    frame_of,
    settings_of,
)
from qnnlab.report.exhibits import Provenance
from qnnlab.report.method_claims import claims_of, claims_table

RNG = np.random.default_rng(0)
KERNEL = (RNG.standard_normal((5, 3, 4)) * [0.1, 1, 3, 0.5]).astype(np.float32)
RELU = np.maximum(RNG.standard_normal((32, 20)), 0).astype(np.float32) ** 2
SOURCE = "drawn for a test <&>"
WEIGHTS = Subject("kernel <k>", KERNEL, axis=2)
OUTPUT = Subject("output", RELU)
PROVENANCE = [Provenance("values", "", "measured", SOURCE)]


@pytest.fixture(scope="module")
def shown_explorer() -> Explorer:
    return explorer([WEIGHTS, OUTPUT], PROVENANCE, bits=3)


def held(text: str) -> dict[str, Any]:
    (root,) = BeautifulSoup(text, "html.parser").select(".bit-explorer")
    found: dict[str, Any] = json.loads(str(root["data-frames"]))
    return found


def test_the_explorer_holds_a_frame_of_every_state(shown_explorer: Explorer) -> None:
    data = held(shown_explorer._repr_html_())
    assert data["bits"] == 3
    assert [s["name"] for s in data["subjects"]] == ["kernel <k>", "output"]
    for subject, shown_subject in zip((WEIGHTS, OUTPUT), data["subjects"], strict=True):
        assert set(shown_subject["frames"]) == {s.key for s in settings_of(subject)}
        assert sum(shown_subject["counts"]) == subject.values.size


def test_its_numbers_are_those_of_the_numerics(shown_explorer: Explorer) -> None:
    frames = held(shown_explorer._repr_html_())["subjects"][0]["frames"]
    for bits in BITS:
        codes = CodeRange(bits, narrow=bits > 1)
        affine = observe(KERNEL, codes, "mse", symmetric=True, axis=2)
        moved = fake_quantize(KERNEL, affine)
        frame = frames[f"{bits}/symmetric/channel/mse"]
        assert frame["sqnr"] == pytest.approx(sqnr_db(KERNEL, moved), rel=1e-4)
        assert frame["rms"] == pytest.approx(mse(KERNEL, moved) ** 0.5, rel=1e-4)
        assert f"SQNR {sqnr_db(KERNEL, moved):.1f} dB" in frame["text"]


@given(
    st.sampled_from(BITS),
    st.booleans(),
    st.sampled_from(["minmax", "mse"]),
    st.lists(st.floats(-100, 100, width=32), min_size=2, max_size=40),
)
def test_a_grid_holds_zero_and_all_that_codes_stand_for(
    bits: int, symmetric: bool, observer: str, values: list[float]
) -> None:
    subject = Subject("x", np.array(values, np.float32))
    setting = Setting(bits, symmetric, False, observer)
    (grid,) = frame_of(subject, setting).grids
    affine = affine_of(subject, setting)
    levels = dequantize(np.arange(affine.codes.low, affine.codes.high + 1), affine)
    drawn = np.linspace(grid.first, grid.last, grid.count)
    np.testing.assert_allclose(drawn, levels, rtol=1e-5, atol=1e-4 * float(affine.scale))
    assert 0 in levels
    errors = frame_of(subject, setting).errors
    assert len(errors) == 48
    assert any(error is not None for error in errors)


def test_the_explorer_works_in_a_page_and_without_a_script(
    shown_explorer: Explorer, tmp_path: Path
) -> None:
    path = write_notebook(
        tmp_path / "08_explorer.ipynb",
        markdown_cell("# Explorer"),
        code_cell("", shown(shown_explorer)),
    )
    (article,) = render_articles([ExecutedNotebook("08_explorer", "Explorer", path)])
    assert held(article.html) == held(shown_explorer._repr_html_())
    assert article.html.count("<script>") == 1
    assert "http:" not in article.html
    assert article.thumbnail in article.images


@pytest.mark.parametrize(
    ("subjects", "bits"), [([], 4), ([OUTPUT], 0), ([OUTPUT], 9)], ids=["none", "0", "9"]
)
def test_an_explorer_of_nothing_is_refused(subjects: list[Subject], bits: int) -> None:
    with pytest.raises(ReportError, match="1 to 8 bits"):
        explorer(subjects, PROVENANCE, bits)


@pytest.mark.parametrize("values", [[], [1.0, np.nan]])
def test_a_subject_must_hold_finite_values(values: list[float]) -> None:
    with pytest.raises(ReportError, match="'x' must hold values"):
        Subject("x", np.array(values))


def test_every_exhibit_says_where_it_is_from() -> None:
    shown_here = [
        exhibits.sqnr_figure([WEIGHTS, OUTPUT], SOURCE),
        exhibits.zero_table(RELU - 0.3, SOURCE),
        exhibits.rounding_table(KERNEL, 4, SOURCE),
        exhibits.codebooks_table(KERNEL, SOURCE),
        exhibits.packing_table(KERNEL, SOURCE),
        calibration.observer_ranges_figure({"a": RELU}, 4, SOURCE),
        calibration.observer_table(RELU, (4, 8), SOURCE),
        calibration.codes_figure(RELU, 4, SOURCE),
        calibration.zero_bin_figure(RELU, 4, SOURCE),
        calibration.granularity_figure({"k": (KERNEL, 2)}, 4, 4, SOURCE),
    ]
    assert all(SOURCE in repr(exhibit) for exhibit in shown_here)
    with pytest.raises(ReportError, match="activations"):
        calibration.observer_ranges_figure({}, 4, SOURCE)


def test_zero_stays_zero_only_where_it_is_a_code() -> None:
    frame = exhibits.zero_table(RELU - 0.3, SOURCE).frame
    assert (frame["0 becomes"] == 0).all()
    assert (frame["0 on a grid from lowest to highest"] != 0).any()


def test_rounding_down_alone_shifts_the_mean() -> None:
    values = RNG.uniform(-1, 1, 20_000)
    shift = exhibits.rounding_table(values, 4, SOURCE).frame["shift of the mean"]
    assert shift["floor"] == pytest.approx(-0.5, abs=0.05)
    assert shift.drop("floor").abs().max() < 0.02


def test_packing_takes_the_bits_and_no_more() -> None:
    packed = exhibits.packing_table(KERNEL, SOURCE).frame["packed"]
    assert {bits: packed[bits] for bits in BITS} == {b: -(-60 * b // 8) for b in BITS}


def test_k_means_beats_even_levels_and_absent_ones_say_why() -> None:
    table = exhibits.codebooks_table(KERNEL, SOURCE)
    assert (table.frame.loc["k-means"] > table.frame.loc["affine, evenly spaced"]).all()
    assert "3, 5 or 7 bits" in table._repr_html_()


def test_the_error_under_least_squares_is_the_least_of_linear_ends() -> None:
    frame = calibration.observer_table(RELU, (3,), SOURCE).frame.set_index("observer")
    assert len(frame) == len(OBSERVERS)
    assert frame.loc["least squares", "MSE"] <= frame.loc["min–max", "MSE"]


def test_signed_codes_are_as_many_as_unsigned_and_narrow_one_less() -> None:
    counts = exhibits.ranges_table(4).frame["count"]
    assert counts.to_dict() == {"signed": 16, "unsigned": 16, "signed, narrow": 15}


def test_claims_are_chosen_by_id_and_section_in_the_ledgers_order() -> None:
    ledger = [claim.id for claim in read_ledger()]
    chosen = [claim.id for claim in claims_of(["III-E", "int8-ptq-near-float"])]
    assert chosen[0] == "int8-ptq-near-float"
    assert chosen == sorted(chosen, key=ledger.index)
    table = claims_table(["III-E", "int8-ptq-near-float"], [], caption="Here.")
    assert len(table.frame) == len(chosen)
    assert table.caption.startswith(f"Here. {len(chosen)} claims: ")
    assert "not testable here" in set(table.frame["verdict"])
    assert "quoted figures" in set(table.frame["rests on"])


@pytest.mark.parametrize(("names", "why"), [(["III-Z"], "III-Z"), ([], "give the claims")])
def test_unknown_claims_are_refused(names: list[str], why: str) -> None:
    with pytest.raises(ReportError, match=why):
        claims_of(names)
