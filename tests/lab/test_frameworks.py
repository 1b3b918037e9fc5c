"""Frameworks compared: a contract for all that are registered, refusals, twins, the catalog."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qnnlab.errors import ModelFormatError, QnnlabError, RuntimeFault, SpecError
from qnnlab.files import resource
from qnnlab.graph.runtimes import run_model
from qnnlab.lab.frameworks import (
    FRAMEWORKS,
    Case,
    Trial,
    compare_frameworks,
    make_case,
    time_frameworks,
)
from qnnlab.lab.frameworks.catalog import FEATURES, Filters, catalog, features
from qnnlab.lab.frameworks.compare import difference
from qnnlab.lab.frameworks.cores import OURS, PEER, core_rows
from qnnlab.lab.frameworks.models import file_cases, reference_cases, reference_model
from qnnlab.lab.frameworks.published import edgemark_beside, peers_beside, tinyengine_published
from qnnlab.lab.frameworks.twin import dense_layers

pytest.importorskip("ai_edge_litert", reason="needs the runtimes extra")

GOLDEN = resource("data/golden")
NAMES = tuple(FRAMEWORKS)


def golden(name: str, inputs: int = 4, seed: int = 0) -> Case:
    return make_case(name, (GOLDEN / f"{name}.tflite").read_bytes(), inputs, seed)


class Contract:
    """What holds for every framework with every model."""

    model = ""

    @pytest.fixture
    def case(self) -> Case:
        return golden(self.model)

    @pytest.mark.parametrize("name", NAMES)
    def test_it_takes_the_model_or_says_why(self, case: Case, name: str) -> None:
        framework = FRAMEWORKS[name]
        assert framework.name == name
        assert framework.title
        assert framework.does
        before = np.geterr()
        (cell,) = compare_frameworks([case], [name]).cells
        assert np.geterr() == before
        assert json.loads(json.dumps(cell.to_dict(), allow_nan=False))["framework"] == name
        if cell.trial is None:
            assert cell.reason
            assert "\n" not in cell.reason
            assert cell.verdict == "refused"
            assert list(cell.values()) == []
            return
        assert cell.version
        assert cell.reason is None
        assert 0 <= cell.trial.covered <= cell.trial.operators
        found = {value.name for value in cell.values()}
        assert {"stored_bytes", "arena_bytes", "operators_covered"} <= found
        if framework.open is None:
            assert cell.trial.outputs is None
            assert cell.verdict == "compiles"
        else:
            assert case.inputs is not None
            assert cell.trial.outputs is not None
            assert len(cell.trial.outputs) == len(case.inputs)
            assert cell.trial.artifact


class TestDense(Contract):
    model = "dense_relu.int8"


class TestFloat(Contract):
    model = "dense.float32"


class TestHybrid(Contract):
    model = "dense_wide.dynamic"


class TestDenseNetwork(Contract):
    model = "dense_dense.int8"

    def test_float_tools_come_near(self, case: Case) -> None:
        """What starts from the float twin differs, but not by much of the output's range."""
        found = compare_frameworks([case], ["aeq_weights_int8", "emlearn"])
        for cell in found.cells:
            if _installed(cell.framework):
                assert cell.accepted, cell.reason
                apart = cell.value("max_difference")
                assert apart is not None
                assert float(apart.value or 0) < 64


def test_a_network_of_one_kind_is_taken_by_all_that_run_here() -> None:
    case = golden("dense_relu.int8")
    found = compare_frameworks([case])
    verdicts = {cell.framework: cell.verdict for cell in found.cells}
    assert verdicts["tflm"] == "equal"
    if "qnnlab_c" in verdicts and found["qnnlab_c", case.name].accepted:
        assert verdicts["qnnlab_c"] == "equal"
    frame = found.frame().set_index("framework")
    assert list(frame.index) == list(NAMES)
    assert frame.loc["tflm", "stored_bytes"] == len(case.content)


def test_refusals_name_what_is_in_the_way() -> None:
    found = compare_frameworks([golden("tiny_cnn.int8"), golden("dense_wide.dynamic")])
    assert "CONV_2D" in str(found["emlearn", "tiny_cnn.int8"].reason) or not _installed("emlearn")
    hybrid = "dense_wide.dynamic"
    assert not found["tflm", hybrid].accepted
    assert found["litert_reference", hybrid].accepted
    assert "float" in str(found["qnnlab_c", hybrid].reason)


def _installed(name: str) -> bool:
    try:
        FRAMEWORKS[name].version()
    except QnnlabError:
        return False
    return True


def test_what_is_not_installed_is_a_refusal_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from importlib import metadata

    def missing(package: str) -> str:
        raise metadata.PackageNotFoundError(package)

    monkeypatch.setattr(metadata, "version", missing)
    found = compare_frameworks([golden("dense_relu.int8")], ["emlearn", "vela_u55", "tflm"])
    for cell in found.cells:
        assert "pip install qnnlab[" in str(cell.reason)


def test_a_tool_that_breaks_ends_its_own_cell() -> None:
    def broken(_: Case) -> Trial:
        raise IndexError("list index\nout of range")

    whole = FRAMEWORKS["tflm"]
    FRAMEWORKS.add("tflm", dataclasses.replace(whole, attempt=broken))
    try:
        found = compare_frameworks([golden("dense_relu.int8")], ["tflm", "litert_reference"])
    finally:
        FRAMEWORKS.add("tflm", whole)
    assert found["tflm", "dense_relu.int8"].reason == (
        "it failed: IndexError: list index out of range"
    )
    assert found["litert_reference", "dense_relu.int8"].accepted


def test_what_nobody_can_check_only_runs() -> None:
    case = golden("squared_difference.int16x8")
    cells = {cell.framework: cell for cell in compare_frameworks([case]).cells}
    assert not cells["litert_reference"].accepted
    assert cells["tflm"].verdict == "runs"
    assert cells["tflm"].value("max_difference") is None


@pytest.mark.parametrize("model", ["dense_rows.int8", "residual.int8"])
def test_emlearn_gets_chains_of_vectors_only(model: str) -> None:
    with pytest.raises(RuntimeFault):
        dense_layers(golden(model).graph)


def test_an_unknown_framework_names_the_nearest() -> None:
    with pytest.raises(SpecError, match="did you mean tflm"):
        compare_frameworks([], ["tfml"])


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.tflite"
    path.write_bytes((GOLDEN / "dense.int8.tflite").read_bytes()[:200])
    with pytest.raises(ModelFormatError, match=r"broken\.tflite"):
        file_cases([path])
    with pytest.raises(ModelFormatError, match="can't be read"):
        file_cases([tmp_path / "none.tflite"])


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 2**31 - 1), inputs=st.integers(1, 5))
def test_tflm_equals_the_executor_for_any_seed(seed: int, inputs: int) -> None:
    case = golden("tiny_cnn.int8", inputs, seed)
    again = golden("tiny_cnn.int8", inputs, seed)
    assert case.inputs is not None
    assert again.inputs is not None
    assert np.array_equal(case.inputs, again.inputs)
    if _installed("tflm"):
        (cell,) = compare_frameworks([case], ["tflm"]).cells
        assert cell.verdict == "equal"


@given(st.integers(1, 4), st.integers(1, 5), st.integers(0, 1000))
def test_difference_is_nothing_for_equal_answers(rows: int, columns: int, seed: int) -> None:
    answers = np.random.default_rng(seed).normal(size=(rows, columns))
    assert difference(answers, answers).equal_pct == 100.0
    assert difference(answers, answers).largest == 0.0
    moved = answers.copy()
    moved[0, 0] += 2.0
    found = difference(moved, answers)
    assert found.largest == pytest.approx(2.0)
    assert found.equal_pct == pytest.approx(100.0 * (rows - 1) / rows)
    with pytest.raises(QnnlabError, match="shape"):
        difference(answers, answers[:, :0])


@pytest.mark.parametrize("model", ["dense_softmax.int8", "tiny_cnn.int8", "residual.int8"])
def test_the_float_twin_answers_nearly_the_same(model: str) -> None:
    case = golden(model, 8)
    assert case.inputs is not None
    # Near the zero point nothing saturates, so that only rounding is left.
    zero = int(case.graph.tensors[case.graph.inputs[0]].quantization.zero_point[0])  # type: ignore[union-attr]
    calm = np.clip(case.inputs.astype(int) // 8 + zero, -128, 127).astype(np.int8)
    case = dataclasses.replace(case, inputs=calm)
    outputs = run_model(case.twin.content, case.real_inputs, "litert_reference").outputs
    assert outputs is not None
    assert case.step is not None
    apart = np.abs(outputs.reshape(len(outputs), -1) - case.reference.outputs).max()
    assert apart <= 8 * case.step
    assert b"int8" not in case.twin.source.encode()


def test_no_float_twin_of_what_means_something_else() -> None:
    with pytest.raises(RuntimeFault, match="GELU"):
        _ = golden("gelu.int8").twin
    with pytest.raises(RuntimeFault, match="hybrid"):
        _ = golden("dense_wide.dynamic").twin
    with pytest.raises(RuntimeFault, match="only dense layers"):
        dense_layers(golden("conv2d_1x1.int8").graph)


def test_times_are_apart_and_relative() -> None:
    found = compare_frameworks([golden("dense_relu.int8")], ["litert_reference", "tflm"])
    timings = {timing.framework: timing for timing in time_frameworks(found, repeats=3)}
    assert timings["litert_reference"].ratio == 1.0
    for timing in timings.values():
        assert timing.seconds is None or timing.seconds > 0
        assert all(value.kind == "measured" for value in timing.values())
        assert "microcontroller" in next(iter(timing.values())).source
    cell = found["tflm", "dense_relu.int8"]
    assert cell.trial is not None
    broken = dataclasses.replace(cell, trial=dataclasses.replace(cell.trial, artifact=b"no model"))
    base = found["litert_reference", "dense_relu.int8"]
    both = dataclasses.replace(found, cells=(base, broken))
    first, second = time_frameworks(both, repeats=2)
    assert first.ratio == 1.0
    assert second.seconds is None
    assert second.reason
    alone = compare_frameworks([golden("dense_relu.int8")], ["litert_optimized"])
    (timing,) = time_frameworks(alone, repeats=2)
    assert timing.ratio is None
    assert "litert_reference" in str(list(timing.values())[1].reason)


def test_emulated_cores_beside_published_figures() -> None:
    pytest.importorskip("ziglang", reason="needs the firmware extra")
    pytest.importorskip("unicorn", reason="needs the firmware extra")
    cases = reference_cases(["ad"], 1)
    assert reference_model(cases[0].content) == "ad"
    rows = core_rows(cases, ["cortex-m4"])
    assert set(rows["framework"]) == {OURS, PEER}
    assert (rows["flash_bytes"] > 264192).all()
    beside = edgemark_beside(rows)
    assert set(beside["kind"]) == {"quoted", "emulated"}
    own = beside[beside["model"] == "ad"].set_index("framework")
    assert own.loc["EdgeMark: TFLM", "flash_ratio"] == 1.0
    assert peers_beside(rows).loc[OURS, "ad"] < 1
    assert (tinyengine_published().stack().dropna() > 0).all()


def test_a_float_model_has_no_row_on_cores() -> None:
    rows = core_rows([golden("dense.float32")], ["cortex-m4"])
    assert len(rows) == 1
    assert rows.loc[0, "reason"]


def test_the_catalog_is_filtered() -> None:
    every = catalog()
    assert len(every) >= 60
    marks = features(every)
    assert tuple(marks.columns) == FEATURES
    assert set(marks.to_numpy().ravel()) <= {"yes", "partial", "no", ""}
    here = set(every.loc[every["here"] != "", "key"])
    assert {"tflm", "litert", "vela", "emlearn"} <= here
    assert {f.catalog for f in FRAMEWORKS.values()} - {""} == here
    risc = catalog(Filters(target="risc-v"))
    assert "deeploy" in set(risc["key"])
    assert "nanoedge_ai" not in set(risc["key"])
    narrow = catalog(Filters(target="risc-v", sub8=True, open_source=True, qat=True))
    assert 0 < len(narrow) < len(risc)
    assert set(catalog(Filters(approach="compil"))["approach"]) == {"compiler"}
    assert "onnx2c" in set(catalog(Filters(reads="ONNX"))["key"])
    assert catalog(Filters(target="zx81")).empty
    with pytest.raises(SpecError, match="did you mean compiler"):
        catalog(Filters(approach="kompiler"))
