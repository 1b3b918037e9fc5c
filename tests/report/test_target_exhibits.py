"""Exhibits of targets, predictions and deployments."""

from __future__ import annotations

from pathlib import Path

import pytest

from qnnlab.files import resource
from qnnlab.lab.fitting import Fitting, Question, fit_model
from qnnlab.report import deployment_exhibits, prediction_exhibits
from qnnlab.report.exhibits import Figure, Table
from qnnlab.report.fit_page import write_fit_page
from qnnlab.report.target_exhibits import (
    battery_table,
    landscape_figure,
    published_table,
    ranking_figure,
    ranking_table,
    work_table,
)
from qnnlab.targets.rank import Limits

MODELS = resource("data/mlperf_tiny/models")


@pytest.fixture(scope="module")
def kws() -> Fitting:
    return fit_model(MODELS / "kws_ref_model.tflite", Question(Limits(family="arm")))


def test_ranking_says_kinds_and_intervals(kws: Fitting) -> None:
    html = ranking_table(kws)._repr_html_()
    assert "sortable" in html
    for kind in ("measured", "estimated", "quoted"):
        assert f"kind-{kind}" in html
    assert "nRF52840" in html
    assert len(ranking_table(kws, every_runtime=True).frame) == len(kws.options)


def test_figures_have_what_they_say(kws: Fitting) -> None:
    assert "30 platforms" in ranking_figure(kws).alt
    assert "quoted" in ranking_figure(kws)._repr_html_()
    assert landscape_figure(kws).svg.startswith("<svg")


def test_a_lower_rate_lives_longer(kws: Fitting) -> None:
    often, seldom = (battery_table(kws, rate).frame for rate in (600, 6))
    assert len(often) > 5
    both = often.merge(seldom, on=["platform", "runtime"])
    assert (both["average_x"] > both["average_y"]).all()


def test_published_lies_beside_predicted(kws: Fitting) -> None:
    table = published_table(kws)
    assert table is not None
    ratio = table.frame["predicted / published"]
    assert 0.9 < ratio.median() < 1.1
    assert published_table(Fitting(kws.subject, kws.question, ())) is None


def test_work_adds_up(kws: Fitting) -> None:
    frame = work_table(kws.subject).frame
    assert frame["share of MACs"].sum() == pytest.approx(100)


def test_a_page_needs_no_other_file(kws: Fitting, tmp_path: Path) -> None:
    page = tmp_path / "fit.html"
    write_fit_page(kws, page)
    text = page.read_text()
    assert "<style>" in text
    assert 'src="http' not in text


@pytest.mark.parametrize(
    "name",
    ["cv_table", "worst_table", "costs_table", "calibration_table", "power_table",
     "instructions_table", "beside_table", "cv_figure", "residuals_figure"],
)  # fmt: skip
def test_predictions_are_shown_with_their_kind(name: str) -> None:
    found = getattr(prediction_exhibits, name)()
    assert isinstance(found, Figure | Table)
    assert "kind kind-" in found._repr_html_()


def test_ten_chips_beside_what_was_published() -> None:
    frame = prediction_exhibits.beside_table().frame
    assert len(frame) == 40
    assert frame["platform"].nunique() == 10
    assert frame["predicted / published"].between(0.5, 2).all()


@pytest.mark.parametrize(
    "name", ["replay_table", "findings_table", "suspects_table", "replay_figure"]
)
def test_deployments_are_shown_with_their_kind(name: str) -> None:
    found = getattr(deployment_exhibits, name)()
    assert "kind-quoted" in found._repr_html_()
