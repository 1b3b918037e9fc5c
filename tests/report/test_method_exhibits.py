"""Tables and figures of methods, on records made here; nothing is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qnnlab.errors import SpecError
from qnnlab.graph.integer.file import graph_to_bytes
from qnnlab.graph.integer.model import Activation, IntegerGraph, Op, Weights
from qnnlab.lab import Record, RunStore, Spec
from qnnlab.lab.experiment import GRAPH, HISTORY
from qnnlab.lab.provenance import run_key
from qnnlab.methods import RECIPES
from qnnlab.report import method_exhibits as tables
from qnnlab.report import method_figures as figures
from qnnlab.report.method_exhibits import Column
from qnnlab.values import Value

FOUR = ("ptq_w4a8_pc", "ptq_w2a8_pc", "ptq_w4a4_pc", "ptq_w2a2_pc")
LINES = tables.ladders({"STE": "qat_ste_{}", "LSQ": "qat_lsq_{}"}, ["w4a4", "w2a2", "w2a8"])
STORED: dict[str, Any] = dict.fromkeys((figures.RUNTIME, *figures.STORED_FORMS), 2048)


def finished(method: str, score: float, seed: int = 0, task: str = "digits", **more: Any) -> Record:
    found = {"accuracy": score, "accuracy_low": score - 3, "accuracy_high": score + 2, **more}
    results = tuple(Value(n, v, "%", "measured", "LiteRT here") for n, v in found.items())
    spec = Spec(task, method, seed=seed)
    return Record(run_key(spec), spec, "ok", None, results, {"origin": "synthetic"})


def failed(method: str, reason: str = "the worker died") -> Record:
    spec = Spec("digits", method)
    return Record(run_key(spec), spec, "failed", reason, ())


@pytest.fixture
def one_seed() -> list[Record]:
    return [
        finished("float32", 90.0),
        finished("qat_ste_w4a4", 80.0),
        failed("qat_ste_w2a2"),
        finished("qat_lsq_w4a4", 85.0),
        finished("qat_lsq_w2a2", 70.0),
    ]


def test_ladders_leave_out_what_the_grammar_refuses() -> None:
    found = tables.ladders({"TWN": "qat_twn_{}", "LSQ": "qat_lsq_{}"}, ["w3a8", "w2a8"])
    assert found["TWN"] == {"W2A8": "qat_twn_w2a8"}
    assert tables.methods_of(found) == ["qat_twn_w2a8", "qat_lsq_w3a8", "qat_lsq_w2a8"]
    with pytest.raises(SpecError, match="no method is left"):
        tables.ladders({"none": "qat_nobody_{}"}, ["w2a8"])


def test_one_seed_has_its_interval_and_more_have_a_deviation() -> None:
    one = tables.scores([finished("float32", 90.0)])
    assert tuple(one.loc["float32", ["mean", "low", "high"]]) == (90, 87, 92)
    two = [
        finished("float32", 90.0),
        finished("float32", 92.0, seed=1),
        finished("qat_ste_w4a4", 50.0),
    ]
    found = tables.scores(two)
    assert found.loc["float32", "high"] == pytest.approx(91 + np.sqrt(2))
    assert np.isnan(found.loc["qat_ste_w4a4", "low"])
    assert "2 seeds" in tables.spread_text(two)


@given(st.lists(st.floats(0, 100), min_size=2, max_size=6))
def test_the_spread_lies_around_the_mean(values: list[float]) -> None:
    row = tables.scores([finished("float32", v, seed) for seed, v in enumerate(values)]).iloc[0]
    assert row["low"] <= row["mean"] <= row["high"]
    assert row["runs"] == len(values)
    assert row["mean"] == pytest.approx(np.mean(values))


def test_the_table_says_why_a_cell_is_empty(one_seed: list[Record]) -> None:
    table = tables.bits_table(one_seed, LINES)
    assert table.frame.at["LSQ", "W4A4"].text == "85.0"
    assert table.reasons["STE", "W2A2"] == "the worker died"
    assert table.reasons["STE", "W2A8"] == "not run"
    assert "float32 model scores 90.0 %" in table.caption
    assert "synthetic data" in table.caption


def test_several_seeds_show_their_deviation(one_seed: list[Record]) -> None:
    more = [*one_seed, finished("qat_lsq_w4a4", 87.0, seed=1)]
    table = tables.bits_table(more, LINES)
    assert table.frame.at["LSQ", "W4A4"].text == "86.0 ± 1.4"
    assert table.frame.at["STE", "W4A4"].text == "80.0"
    assert "Without a score: qat_ste_w2a2" in figures.bits_figure(more, LINES).caption


def test_lines_join_what_compares() -> None:
    found = tables.scores([finished(name, 50.0) for name in FOUR])
    widths = ["W4A8", "W2A8", "W4A4", "W2A2"]
    methods = dict(zip(widths, found.index, strict=True))
    parts = figures._points(found, methods, widths, 0.0)
    assert [[place for place, *_ in part] for part in parts] == [[0, 1], [2, 3]]


def test_nothing_finished_is_still_a_table_and_a_figure() -> None:
    none = [failed(method) for method in tables.methods_of(LINES)]
    table = tables.bits_table(none, LINES)
    assert set(table.reasons.values()) == {"the worker died"}
    assert "Without a score" in figures.bits_figure(none, LINES).caption


def test_records_of_two_tasks_are_refused() -> None:
    with pytest.raises(SpecError, match="one task"):
        tables.scores([finished("float32", 90.0), finished("float32", 90.0, task="ecg")])


def test_a_method_that_failed_keeps_its_row(one_seed: list[Record]) -> None:
    records = [*one_seed, finished("ptq_w2a8_pc", 60.0, integer_gap=-1.5, note="first layer")]
    columns = [Column("integer_gap", "gap", "points", 2), Column("note", "left whole")]
    table = tables.method_table(records, columns, "Gaps.")
    mine = RECIPES["ptq_w2a8_pc"].title
    assert table.frame.at[mine, "gap"] == -1.5
    assert table.frame.at[mine, "left whole"] == "first layer"
    title = RECIPES["qat_ste_w2a2"].title
    assert table.reasons[title, "gap"] == "the worker died"
    assert table.reasons["float32 baseline", "gap"] == "not a figure of this method"


def test_the_best_of_each_kind_and_the_difference(one_seed: list[Record]) -> None:
    ptq = {"rounded": {"W4A4": "ptq_w4a4_pc_mse"}}
    records = [*one_seed, finished("ptq_w4a4_pc_mse", 75.0)]
    table = tables.best_table(records, {"PTQ": ptq, "QAT": LINES}, ["w4a4", "w2a2"])
    assert table.frame.at["W4A4", "best QAT"] == "LSQ"
    assert table.frame.at["W4A4", "ahead"] == 10
    assert table.reasons["W2A2", "best PTQ"] == "not run"


def test_published_differences_stand_beside_ours(one_seed: list[Record]) -> None:
    table = tables.quoted_table(one_seed, LINES, {"LSQ": ["lsq"]})
    assert table.frame.at["LSQ, W4A4", "here"] == -5
    assert table.frame.at["LSQ, W4A4", "rows"] == 4
    assert "ResNet-18 (ImageNet)" in table.frame.at["LSQ, W4A4", "models"]
    assert list(table.frame.index) == ["LSQ, W4A4"]
    assert {item.kind for item in table.provenance} == {"measured", "quoted"}


def test_a_failed_method_stands_beside_what_is_published_of_it() -> None:
    records = [finished("float32", 90.0), failed("qat_lsq_w4a4")]
    table = tables.quoted_table(records, LINES, {"LSQ": ["lsq"]})
    assert table.reasons["LSQ, W4A4", "here"] == "the worker died"


def test_every_runtime_behind_a_score_is_named() -> None:
    mine = Value("accuracy", 80.0, "%", "measured", "integer executor")
    spec = Spec("digits", "qat_lsq_w4a4")
    found = tables.score_sources(
        [finished("float32", 90.0), Record("k", spec, "ok", None, (mine,))]
    )
    assert {item.source for item in found} == {"LiteRT here", "integer executor"}


def test_the_stored_forms_are_drawn_and_who_lacks_them_is_named(one_seed: list[Record]) -> None:
    records = [finished("float32", 90.0, **STORED), failed("qat_ste_w2a2")]
    assert "Without these figures: qat_ste_w2a2" in figures.stored_figure(records).caption
    with pytest.raises(SpecError, match="storage form"):
        figures.stored_figure(one_seed)


def test_curves_come_from_the_store(tmp_path: Path) -> None:
    store, record = RunStore(tmp_path), finished("qat_ste_w4a4", 80.0)
    store.put(record, {HISTORY: b'{"val_loss": [1.0, 0.5]}'})
    drawn = figures.curves_figure([record], store, {"STE": "qat_ste_w4a4", "LSQ": "qat_lsq_w4a4"})
    assert "digits" in drawn.caption


def ternary_graph() -> IntegerGraph:
    codes = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)
    weights = Weights(codes, 2, np.ones(2, np.float32), np.array([-5, 0, 3, 3], np.int8))
    activations = (Activation("in", (3,), 8, 1.0, 0), Activation("out", (2,), 8, 1.0, 0))
    op = Op("last", "dense", (0,), 1, weights, np.zeros(2, np.int64))
    return IntegerGraph("g", activations, (op,), 0, 1).check()


def test_the_picture_holds_the_integers_that_the_codes_stand_for(tmp_path: Path) -> None:
    store, record = RunStore(tmp_path), finished("qat_ttq_w2a8", 80.0)
    store.put(record, {GRAPH: graph_to_bytes(ternary_graph())})
    picture = figures.integer_picture(record, store, "last")
    np.testing.assert_array_equal(picture.values, [[-5, 0, 3], [3, 0, -5]])
    drawn = figures.codes_figure([picture, figures.Picture("float32", np.zeros((2, 3)))], "last")
    assert "<svg" in drawn.svg
    with pytest.raises(SpecError, match="'first' of g has no weights"):
        figures.integer_picture(record, store, "first")
