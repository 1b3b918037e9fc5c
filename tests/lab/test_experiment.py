"""Real runs of every method, trained for a moment: what a record must hold."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from qnnlab.lab import Record, RunStore, Spec, Sweep, sweep
from qnnlab.lab.experiment import execute
from qnnlab.lab.provenance import run_key
from qnnlab.methods import FAMILIES, RECIPES, Compressed, Family

pytestmark = pytest.mark.slow


def _record(study: Sweep, method: str) -> Record:
    return next(record for record in study.records if record.spec.method == method)


@pytest.mark.parametrize("method", list(RECIPES))
def test_every_method_gives_a_complete_record(
    smoke_study: Sweep, smoke_store: RunStore, method: str
) -> None:
    record = _record(smoke_study, method)
    assert record.ok, record.reason
    assert record.provenance["origin"] == "real"
    for value in record.results:
        assert value.source
        assert value.value is not None or value.reason
    artifacts = record.provenance["artifacts"]
    file = "model.tflite" if "model.tflite" in artifacts else "model.qnn"
    model = smoke_store.path(record.key, file).read_bytes()
    assert record["file_bytes"].value == len(model)
    assert hashlib.sha256(model).hexdigest() == artifacts[file]
    assert 0 < record["gzip_bytes"].value < 1.01 * len(model)  # packed codes hardly compress
    smaller = RECIPES[method].family == "prune_filters"
    assert (record["macs"].value == 272_864) != smaller


def test_figures_are_absent_for_known_reasons_alone(smoke_study: Sweep) -> None:
    """LiteRT runs every file; TFLM refuses hybrid models, halves and some int4."""
    for record in smoke_study.records:
        absent = {value.name: str(value.reason) for value in record.results if value.value is None}
        if "model.tflite" not in record.provenance["artifacts"]:
            assert absent["arena_bytes"] == "no .tflite type has activations of so many bits"
            assert record["accuracy"].value == record["accuracy_integer"].value
        elif absent:
            method = record.spec.method
            assert method in {
                "ptq_w8_dynamic",
                "ptq_float16",
                "ptq_aeq_w4_only",
                "ptq_aeq_w4a8",
                "qat_tfmot_nbit_w4a8",
            }, (method, absent)
    refused = _record(smoke_study, "ptq_w8_dynamic")["arena_bytes"]
    assert "Hybrid models are not supported" in str(refused.reason)


def test_int8_weights_take_a_quarter_of_float32_ones(smoke_study: Sweep) -> None:
    base = _record(smoke_study, "float32")["weight_bytes"].value
    int8 = _record(smoke_study, "ptq_w8a8_pc_minmax")["weight_bytes"].value
    assert int8 * 4 == base


def test_pruned_files_are_zero_and_no_smaller(smoke_study: Sweep) -> None:
    pruned, plain = (
        _record(smoke_study, name) for name in ("prune_magnitude_s80_w8a8", "ptq_w8a8_pc_minmax")
    )
    assert pruned["weight_zero_pct"].value > 75
    assert abs(pruned["runtime_saved_bytes"].value) < 0.01 * plain["file_bytes"].value
    assert pruned["gzip_bytes"].value < 0.7 * plain["gzip_bytes"].value


def test_same_spec_gives_the_same_record(smoke_study: Sweep, tmp_path: Path) -> None:
    specs = [Spec("digits", name, profile="smoke") for name in ("float32", "ptq_w8a8_pt_minmax")]
    for again in sweep(specs, RunStore(tmp_path)).records:
        before = _record(smoke_study, again.spec.method)
        assert again.results == before.results
        assert again.provenance["artifacts"] == before.provenance["artifacts"]
        assert again.key == before.key


def test_reference_model_reaches_97_percent(tmp_path: Path) -> None:
    (record,) = sweep([Spec("digits", "float32", profile="quick")], RunStore(tmp_path)).records
    assert record["accuracy"].value >= 97.0
    assert record.seconds < 60


def test_a_failing_method_becomes_a_record(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(*_: object) -> Compressed:
        raise RuntimeError("the converter\nis not in the mood")

    family = Family("float_baseline", {}, broken)
    monkeypatch.setitem(FAMILIES._entries(), family.name, family)
    spec = Spec("digits", "float32", seed=9, profile="smoke")
    record = execute(spec, tmp_path, run_key(spec))
    assert not record.ok
    assert record.reason == "RuntimeError: the converter is not in the mood"
    assert "Traceback" in record.provenance["detail"]
    assert RunStore(tmp_path).get(record.key) == record


def test_source_changed_during_a_sweep_is_said(tmp_path: Path) -> None:
    spec = Spec("digits", "float32", profile="smoke")
    record = execute(spec, tmp_path, "0" * 24)
    assert not record.ok
    assert "source changed" in str(record.reason)
    assert RunStore(tmp_path).get("0" * 24) == record
