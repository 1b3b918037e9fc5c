"""Figures and tables of runtimes, memory and verdicts."""

from __future__ import annotations

import pandas as pd
import pytest

from qnnlab.files import resource
from qnnlab.graph.memory import plan_memory
from qnnlab.graph.runtimes import available_runtimes
from qnnlab.graph.tflite import read_tflite
from qnnlab.lab.inputs import random_samples
from qnnlab.lab.rosetta import layer_differences, rosetta
from qnnlab.lab.verdict import verdict
from qnnlab.report.memory_exhibits import (
    checks_table,
    plan_figure,
    plans_table,
    timeline_figure,
    verdicts_table,
)
from qnnlab.report.rosetta_exhibits import (
    contenders_table,
    layers_figure,
    matrix_figure,
    rules_figure,
)

DENSE = resource("data/golden/dense_softmax.int8.tflite")
KWS = resource("data/mlperf_tiny/models/kws_ref_model.tflite")

needs_runtimes = pytest.mark.skipif(
    not {"tflm", "litert_reference"} <= set(available_runtimes()),
    reason="the runtimes are not installed here",
)


def test_rules_on_one_number() -> None:
    shown = rules_figure()
    assert "<svg" in shown.svg
    assert {item.kind for item in shown.provenance} == {"emulated"}


@needs_runtimes
def test_matrices_tables_and_layers() -> None:
    model, graph = DENSE.read_bytes(), read_tflite(DENSE)
    samples = random_samples(graph, 30)
    table = rosetta(model, samples)
    shown = matrix_figure(table, "argmax_flips", "dense")
    assert "30 random inputs" in repr(shown)
    text = repr(contenders_table(table, "dense"))
    assert "LiteRT XNNPACK" in text
    assert "accuracy" not in text
    frame = layer_differences(model, samples, "tflm", "ours_tflm")
    assert "operator by operator" in layers_figure({"a": frame}, "dense", "samples").alt
    assert isinstance(frame, pd.DataFrame)


def test_memory_figures() -> None:
    graph = read_tflite(KWS)
    plan = plan_memory(graph)
    assert "13 operators" in timeline_figure(graph, "kws").alt
    assert f"{plan.peak_bytes:,} B" in plan_figure(plan, graph, "kws").caption
    text = repr(plans_table([("kws", 16000, plan), ("float", None, plan)], "1"))
    assert "16000" in text.replace(",", "").replace("\u2009", "").replace("\u202f", "")


@needs_runtimes
def test_verdict_tables() -> None:
    found = verdict(DENSE, "nrf52840")
    text = repr(verdicts_table([found]))
    assert "dense_softmax.int8.tflite" in text
    assert "green" in text
    assert "CMSIS-NN" in repr(checks_table(found))
