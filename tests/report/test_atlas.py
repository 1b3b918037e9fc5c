from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st

from qnnlab import survey
from qnnlab.errors import ReportError
from qnnlab.methods import RECIPES
from qnnlab.report.atlas import benchmarks, deployments, frameworks, review
from qnnlab.report.exhibits import Figure, Provenance, Ranked, Table
from qnnlab.report.notebooks import import_nbformat
from qnnlab.report.pdf import _printable
from qnnlab.report.site import ExecutedNotebook, IndexContext, build_site, check_links
from qnnlab.report.tree import Node, Tree
from qnnlab.survey.benchmarks import deployment_spans, edgemark_pairs

ACCURACY = Provenance("accuracy", "%", "measured", "LiteRT 2.3.0")
HOSTILE = "<script>alert(1)</script> & co"
POSITIVE = st.floats(1e-8, 1e8)


def soup_of(exhibit: Figure | Table | Tree) -> BeautifulSoup:
    return BeautifulSoup(exhibit._repr_html_(), "html.parser")


def deployment(**given: object) -> dict[str, object]:
    row: dict[str, object] = dict.fromkeys(
        f"{name}_{end}"
        for name in ("latency_ms", "energy_mj", "power_mw", "memory_kb")
        for end in ("min", "max")
    )
    row |= {"latency_ms_min": 1.0, "latency_ms_max": 4.0, "quality_flag": None}
    row |= {"memory_kb_min": 10.0, "memory_kb_max": 20.0, "ref_key": "a2024", "family": "ARM"}
    text = ("category", "quantization", "devices", "framework", "performance")
    return row | dict.fromkeys(text, "x") | given


def deployment_frame(*rows: dict[str, object]) -> pd.DataFrame:
    numbers = [name for name in rows[0] if name.endswith(("_min", "_max"))]
    return pd.DataFrame(list(rows)).astype(dict.fromkeys(numbers, "Float64"))


@pytest.fixture
def landscape() -> pd.DataFrame:
    return deployment_frame(
        deployment(energy_mj_min=1.0, energy_mj_max=2.0),
        deployment(power_mw_min=10.0, power_mw_max=20.0, family="NPU", quality_flag=HOSTILE),
        deployment(memory_kb_min=None, memory_kb_max=432.0, family="RISC-V", latency_ms_min=None),
        deployment(energy_mj_min=2e-8, energy_mj_max=2e-8, quality_flag="implausible"),
        deployment(energy_mj_min=9.0, energy_mj_max=11.0, memory_kb_max=None, memory_kb_min=None),
    )


@pytest.fixture
def marked() -> pd.DataFrame:
    return review.mark_runnable(survey.taxonomy(), survey.methods(), RECIPES)


@pytest.fixture
def tree(marked: pd.DataFrame) -> Tree:
    texts = review.reference_texts(survey.references())
    return review.taxonomy_tree(marked, survey.methods(), texts)


def page_of(tmp_path: Path, *exhibits: Figure | Table | Tree) -> ExecutedNotebook:
    nbformat = import_nbformat()
    v4 = nbformat.v4
    outputs = [v4.new_output("display_data", data=one._repr_mimebundle_()) for one in exhibits]
    cell = v4.new_code_cell("", outputs=outputs)
    path = tmp_path / "atlas.ipynb"
    nbformat.write(v4.new_notebook(cells=[v4.new_markdown_cell("# Atlas"), cell]), path)
    return ExecutedNotebook("atlas", "Atlas", path)


# --- the tree


def test_every_entry_of_the_taxonomy_is_a_leaf_with_its_references(tree: Tree) -> None:
    soup = soup_of(tree)
    leaves = soup.select("li.leaf")
    assert len(leaves) == len(survey.taxonomy()) == 67
    labels = [leaf.select_one(".label").get_text() for leaf in leaves]  # type: ignore[union-attr]
    assert sorted(labels) == sorted(survey.taxonomy()["method"])
    # A browser opens <details> by keyboard only where its first child is the <summary>.
    for details in soup.select("details"):
        first = details.find(True)
        assert first is not None
        assert first.name == "summary"
    totals = [
        int(count.get_text())
        for count in soup.select(".tree > ul > li > details > summary > .count")
    ]
    assert sum(totals) == 67
    keys = {key for cell in survey.taxonomy()["ref_keys"] for key in review.split_list(cell)}
    assert all(f"{key}: " in soup.get_text() for key in keys)


def test_runnable_entries_carry_a_badge_and_fill_the_overview(
    marked: pd.DataFrame, tree: Tree
) -> None:
    runs = int(marked["recipes"].map(bool).sum())
    assert runs > 0
    badges = [badge.get_text() for badge in soup_of(tree).select("li.leaf .badge")]
    assert badges == [review.RUNS] * runs
    assert f"{runs} of {len(marked)} entries" in review.taxonomy_overview(marked).caption
    none = review.mark_runnable(survey.taxonomy(), survey.methods(), [])
    assert not none["recipes"].map(bool).any()


def test_print_keeps_all_entries_as_a_nested_list(tree: Tree, tmp_path: Path) -> None:
    from qnnlab.report.articles import render_articles

    ((_, html),) = _printable(render_articles([page_of(tmp_path, tree)]))
    soup = BeautifulSoup(html, "html.parser")
    assert soup.select("details, summary, script") == []
    assert len(soup.select("ul ul li.leaf")) == 67
    assert "Zero-Skew" in soup.get_text()


@given(text=st.text(min_size=1, max_size=30))
def test_text_in_a_tree_never_becomes_markup(text: str) -> None:
    hostile = f"</summary><script>{text}"
    leaf = Node(hostile, badge=hostile, lines=[hostile])
    soup = soup_of(Tree([Node(hostile, [leaf])], "A tree.", [ACCURACY]))
    assert len(soup.find_all("script")) == 1
    assert len(soup.find_all("details")) == 2
    assert soup.select(".tree script") == []


def test_tree_without_entries_or_provenance_is_refused() -> None:
    with pytest.raises(ReportError, match="no entries"):
        Tree([], "A tree.", [ACCURACY])
    with pytest.raises(ReportError, match="without their kind"):
        Tree([Node("a")], "A tree.", [])
    assert "a [runs here]" in repr(Tree([Node("a", badge="runs here")], "A tree.", [ACCURACY]))


# --- sorting and pages


def test_sortable_table_says_what_it_sorts_by() -> None:
    frame = pd.DataFrame(
        {"name": ["b", "a"], "range": [Ranked("1 – 2", 1.0), None], "n": [1000, 2]}
    )
    soup = soup_of(Table(frame, "A table.", [ACCURACY], sortable=True))
    assert soup.select_one("table.sortable") is not None
    keys = [[td.get("data-sort") for td in row.select("td")] for row in soup.select("tbody tr")]
    assert keys == [[None, "1.0", "1000.0"], [None, None, "2.0"]]
    assert "addEventListener" in soup.script.get_text()  # type: ignore[union-attr]
    plain = soup_of(Table(frame, "A table.", [ACCURACY]))
    assert plain.select("script, [data-sort], .sortable") == []


def test_page_brings_the_script_once_and_asks_nothing_of_the_network(
    index: IndexContext, tree: Tree, landscape: pd.DataFrame, tmp_path: Path
) -> None:
    table = deployments.deployments_table(landscape, {})
    folder = build_site([page_of(tmp_path, tree, table)], index, tmp_path / "site").parent
    assert check_links(folder) == []
    soup = BeautifulSoup((folder / "atlas.html").read_text(encoding="utf-8"), "html.parser")
    assert [script.get("src") for script in soup.find_all("script")] == ["assets/site.js"]
    assert soup.select_one("table.qnn.sortable") is not None
    assert soup.select("figure.exhibit [style]") == []
    script = (folder / "assets" / "site.js").read_text(encoding="utf-8")
    assert not re.search(r"https?:|fetch|XMLHttpRequest|WebSocket|import\b|eval|innerHTML", script)
    # The front page has nothing to sort.
    front = BeautifulSoup((folder / "index.html").read_text(encoding="utf-8"), "html.parser")
    assert front.find("script") is None


# --- deployments


def test_doubts_have_one_number_in_table_and_figures(landscape: pd.DataFrame) -> None:
    figure = deployments.latency_energy(landscape, {"a2024": "A 2024"})
    assert figure.notes == {"1": f"A 2024: {HOSTILE}.", "2": "A 2024: implausible."}
    assert deployments.latency_memory(landscape, {}).notes.keys() == {"1", "2"}
    soup = soup_of(deployments.deployments_table(landscape, {}))
    notes = soup.select(".notes")[-1]
    assert HOSTILE in notes.get_text()
    assert [sup.get_text() for sup in notes.select("sup")] == ["1", "2"]
    cells = [row.td.get_text() for row in soup.select("tbody tr")]  # type: ignore[union-attr]
    assert cells == ["a2024", "a20241", "a2024", "a20242", "a2024"]


def test_energy_from_power_is_an_estimate(landscape: pd.DataFrame) -> None:
    energy = deployments.with_energy(landscape)
    assert list(energy["energy_kind"].fillna("")) == ["quoted", "estimated", "", *["quoted"] * 2]
    # 10 mW for 1 ms are 0.01 mJ.
    assert energy.loc[1, "energy_mj_min"] == 0.01
    assert energy.loc[1, "energy_mj_max"] == 0.08
    kinds = {item.kind for item in deployments.latency_energy(landscape, {}).provenance}
    assert kinds == {"quoted", "estimated"}
    assert "1 row states no energy" in deployments.latency_energy(landscape, {}).caption


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The axes of figures before they become SVG."""
    found: list[object] = []

    def keep(fig: object, **_: object) -> Figure:
        from matplotlib import pyplot as plt

        found.append(fig.axes[0])  # type: ignore[attr-defined]
        plt.close(fig)  # type: ignore[arg-type]
        return Figure("<svg/>", "A figure.", [ACCURACY], alt="x")

    monkeypatch.setattr(deployments, "figure", keep)
    return found


def test_ranges_are_bars_and_doubtful_markers_hollow(
    landscape: pd.DataFrame, drawn: list[object]
) -> None:
    deployments.latency_energy(landscape, {})
    (axes,) = drawn
    bars = [tuple(line.get_ydata()) for line in axes.lines if len(line.get_ydata()) == 2]  # type: ignore[attr-defined]
    assert (1.0, 2.0) in bars
    markers = [line for line in axes.lines if len(line.get_ydata()) == 1]  # type: ignore[attr-defined]
    assert [line.get_markerfacecolor() == "white" for line in markers] == [False, True, True, False]
    # A value far below all others stands at the axis' edge and says what it is.
    low, _ = axes.get_ylim()  # type: ignore[attr-defined]
    assert all(line.get_ydata()[0] >= low for line in markers)
    assert any("2.00×10⁻⁸ (below the axis)" in text.get_text() for text in axes.texts)  # type: ignore[attr-defined]


@given(low=POSITIVE, high=POSITIVE)
def test_range_shows_both_ends_and_sorts_by_the_low_one(low: float, high: float) -> None:
    low, high = sorted((low, high))
    text = deployments.span_text(low, high)
    assert text is not None
    assert text.key == low
    assert text.text.count("–") == (low != high)
    limit = deployments.span_text(None, high)
    assert limit is not None
    assert limit.text.startswith("< ")
    assert deployments.span_text(None, None) is None


def test_quoted_figures_keep_their_decimals() -> None:
    assert deployments.span_text(1.45, 522.15) == Ranked("1.45 – 522.15", 1.45)
    assert deployments.span_text(6230.0, 6230.0) == Ranked("6\u202f230", 6230.0)


# --- benchmarks


def result(**given: object) -> dict[str, object]:
    row: dict[str, object] = {"benchmark": "kws", "core_family": "Cortex-M4", "precision": "int8"}
    row |= {"runtime": "X-CUBE-AI 9.0", "device_class": "MCU", "npu_or_accelerator": None}
    row |= {"latency_ms": 40.0, "energy_uj": 500.0, "voltage_v": 1.8, "duplicate_of": None}
    row |= {"round": "v1.0", "division": "closed", "ic01_set": None, "accuracy_value": 90.0}
    return row | given


@pytest.fixture
def results() -> pd.DataFrame:
    return pd.DataFrame(
        [
            result(),
            result(duplicate_of="v1.0:a/b/kws", round="v1.1"),
            result(voltage_v=None, runtime="TFLM + CMSIS-NN", precision="float32"),
            result(energy_uj=None, voltage_v=None, device_class="FPGA accelerator"),
            result(benchmark="ic", ic01_set="A_energyrunner", accuracy_value=85.0),
            result(benchmark="ic", ic01_set="B_tiny_eval", accuracy_value=87.5),
        ]
    )


def test_resubmitted_rows_count_once_and_energy_needs_a_voltage(results: pd.DataFrame) -> None:
    counts = benchmarks.mlperf_counts(results).frame.set_index("round")
    assert list(counts.loc["all"]) == [6, 1, 5, 4, 3, 0]
    latency = benchmarks.mlperf_latency(results)
    assert "5 results; 1 resubmitted rows are counted once" in latency.caption
    energy = benchmarks.mlperf_energy(results)
    assert "3 results. 1 more" in energy.caption
    assert {item.kind for item in (*latency.provenance, *energy.provenance)} == {"quoted"}
    assert "two different sets" in benchmarks.mlperf_sets(results).caption


@pytest.mark.parametrize(
    ("runtime", "family"),
    [
        ("X-CUBE-AI 7.1.0", "X-CUBE-AI"),
        ("TFLM 2.3.1 + CMSIS-NN (setup script)", "TFLM + CMSIS-NN"),
        ("TFLM 2.3.1 (reference kernels)", "TFLM, other kernels"),
        ("Syntiant SDK", "others"),
    ],
)
def test_runtimes_are_pooled_over_versions(runtime: str, family: str) -> None:
    assert benchmarks.runtime_family(runtime) == family


def test_exhibits_are_made_of_the_real_tables() -> None:
    landscape = survey.deployments()
    labels = review.reference_labels(survey.references(), landscape["ref_key"])
    results, pairs = survey.load_table("mlperf_results"), edgemark_pairs()
    exhibits: list[Figure | Table] = [
        review.scope_matrix(survey.scope(), labels),
        deployments.latency_memory(landscape, labels),
        deployments.spans_table(deployment_spans()),
        benchmarks.mlperf_cycles(survey.load_table("mlperf_cycles")),
        benchmarks.fastest_table(results),
        frameworks.edgemark_int8(pairs),
        frameworks.edgemark_frameworks(pairs),
        frameworks.edgemark_variants(survey.load_table("edgemark")),
        frameworks.tinyengine_bars(survey.load_table("tinyengine")),
    ]
    assert all(item.kind == "quoted" for one in exhibits for item in one.provenance)
    flagged = landscape["quality_flag"].dropna()
    table = deployments.deployments_table(landscape, labels)
    assert len(table.frame) == len(landscape) == 28
    assert set(table.remarks.values()) == {f"{flag}." for flag in flagged}
    shown = deployments.latency_energy(landscape, labels).notes
    shown |= deployments.latency_memory(landscape, labels).notes
    assert len(shown) == len(flagged)
    assert (
        "misprinted" in frameworks.tinyengine_bars(survey.load_table("tinyengine")).notes["hollow"]
    )
