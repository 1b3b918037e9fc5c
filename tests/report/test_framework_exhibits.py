"""Figures and tables of frameworks, and the notebook that shows them."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from qnnlab.files import resource
from qnnlab.lab.frameworks import (
    FRAMEWORKS,
    Comparison,
    compare_frameworks,
    make_case,
    time_frameworks,
)
from qnnlab.lab.frameworks.catalog import Filters, catalog
from qnnlab.lab.frameworks.cores import COLUMNS, OURS, PEER
from qnnlab.lab.frameworks.published import edgemark_beside, peers_beside
from qnnlab.report.execute import execute_notebook
from qnnlab.report.framework_atlas import (
    edgemark_figure,
    edgemark_table,
    elsewhere_table,
    features_figure,
    features_table,
    tinyengine_table,
)
from qnnlab.report.framework_exhibits import (
    acceptance_figure,
    emulated_table,
    estimates_table,
    quantizers_table,
    refusals_table,
    results_table,
    times_figure,
)

pytest.importorskip("ai_edge_litert", reason="needs the runtimes extra")

NOTEBOOK = resource("notebooks/18_frameworks_compared.ipynb")
MODELS = ("dense_relu.int8", "dense.float32")


@pytest.fixture(scope="module")
def found() -> Comparison:
    contents = {name: resource(f"data/golden/{name}.tflite").read_bytes() for name in MODELS}
    cases = [make_case(name, content, 3) for name, content in contents.items()]
    return compare_frameworks(cases)


@pytest.fixture
def rows() -> pd.DataFrame:
    told = [
        ("ad", "cortex-m4", OURS, 310_000, 292_000, 1_600, "counted here", ""),
        ("ad", "cortex-m4", PEER, 582_000, 310_000, 4_000, "the table", ""),
        ("mine", "cortex-m4", OURS, None, None, None, "cortex-m4", "no integer form"),
    ]
    return pd.DataFrame(told, columns=[*COLUMNS, "source", "reason"])


def test_measured_exhibits(found: Comparison) -> None:
    picture = acceptance_figure(found)
    assert f"{len(FRAMEWORKS)} frameworks and 2 models" in picture.alt
    assert "executor" in repr(picture)
    timings = time_frameworks(found, repeats=2)
    table = results_table(found, timings)
    assert "time ÷ LiteRT reference" in repr(table)
    assert "no time of a microcontroller" in repr(table)
    assert "refused: see the reasons" in table._repr_html_()
    assert "time ÷" not in repr(results_table(found))
    refused = repr(refusals_table(found))
    assert "qnnlab generated C" in refused
    assert "AEQ static int8" in repr(quantizers_table(found))
    assert "vela" in repr(estimates_table(found))
    assert "ratio of times" in repr(times_figure(timings))


def test_nothing_to_show_is_shown_all_the_same(found: Comparison) -> None:
    one = compare_frameworks(found.cases[:1], ["tflm"])
    assert "no refusals" in repr(refusals_table(one))
    assert "Each recipe" in repr(quantizers_table(one))
    assert "vendor's estimates" in repr(estimates_table(one))
    assert "nothing timed" in repr(times_figure([]))


def test_emulated_and_published(rows: pd.DataFrame) -> None:
    table = emulated_table(rows)
    assert "0.53" in repr(table)
    assert "no integer form" in table._repr_html_()
    beside = edgemark_beside(rows)
    told = repr(edgemark_table(beside))
    assert "trained MLPerf Tiny's networks again" in told
    assert "quoted" in told
    assert "emulated" in told
    assert "Hatched bars" in edgemark_figure(beside).caption
    ratios = tinyengine_table(peers_beside(rows))
    assert "not to be compared" in ratios.caption
    assert f"{310_000 / 582_357:.2f} (1 model)" in repr(ratios)


def test_the_catalog() -> None:
    every = catalog()
    picture = features_figure(every)
    assert f"{len(every)} frameworks" in picture.alt
    assert 'class="qnn sortable"' in features_table(every)._repr_html_()
    assert f"{(every['here'] == '').sum()} frameworks" in elsewhere_table(every).caption
    few = catalog(Filters(target="risc-v", sub8=True))
    assert f"{len(few)} frameworks" in features_figure(few).alt


@pytest.mark.slow
def test_the_notebook_runs(tmp_path: Path) -> None:
    target = tmp_path / "executed.ipynb"
    execute_notebook(NOTEBOOK, target, {"profile": "smoke"}, timeout_s=300)
    cells = json.loads(target.read_text())["cells"]
    shown = [o for cell in cells for o in cell.get("outputs", ()) if "data" in o]
    assert len(shown) >= 12
