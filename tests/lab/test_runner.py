"""Sweeps with stand-in workers: what is reused, what fails, what goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import fake_workers
import pytest

from qnnlab.errors import DatasetError, SpecError
from qnnlab.lab import Record, RunStore, Spec, sweep
from qnnlab.lab.provenance import run_key
from qnnlab.lab.runner import TIMEOUT_S, with_parents
from qnnlab.tasks import TASKS


class Log:
    """A progress that remembers."""

    def __init__(self) -> None:
        self.begun: tuple[int, int] | None = None
        self.seen: list[Record] = []
        self.told: list[tuple[Spec, str, float]] = []

    def begin(self, total: int, reused: int) -> None:
        self.begun = (total, reused)

    def working(self, spec: Spec, what: str, done: float) -> None:
        self.told.append((spec, what, done))

    def finished(self, record: Record) -> None:
        self.seen.append(record)

    def end(self) -> None:
        pass


SPECS = [Spec("digits", "ptq_w8a8_pc_minmax", seed=s, profile="smoke") for s in range(3)]


def test_parents_come_first_and_once() -> None:
    ordered = with_parents([SPECS[0], Spec("digits", "ptq_w8_dynamic", profile="smoke")])
    assert [spec.method for spec in ordered] == ["float32", "ptq_w8a8_pc_minmax", "ptq_w8_dynamic"]


def test_second_sweep_reuses_everything(tmp_path: Path) -> None:
    store, log = RunStore(tmp_path), Log()
    first = sweep(SPECS, store, jobs=2, progress=log, worker=fake_workers.behave)
    assert (first.reused, first.ran, first.failed) == (0, 6, ())
    assert log.begun == (6, 0)
    assert len(log.seen) == 6
    again = sweep(SPECS, store, jobs=2, progress=Log(), worker=fake_workers.die_on_seed_1)
    assert (again.reused, again.ran) == (6, 0)
    assert again.records == first.records
    assert [record.spec for record in again.records] == SPECS


def test_a_killed_worker_loses_only_its_own_run(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    swept = sweep(SPECS, store, jobs=2, progress=Log(), worker=fake_workers.die_on_seed_1)
    assert [record.ok for record in swept.records] == [True, False, True]
    reason = swept.records[1].reason
    assert reason is not None
    assert "its parent digits/float32/host/s1/smoke failed" in reason
    assert "worker process died" in reason
    kept = sweep(SPECS, store, progress=Log(), retry_failed=False, worker=fake_workers.behave)
    assert kept.records == swept.records
    assert kept.ran == 0
    mended = sweep(SPECS, store, jobs=2, progress=Log(), worker=fake_workers.behave)
    assert mended.failed == ()
    assert (mended.reused, mended.ran) == (4, 2)


def test_a_hanging_run_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TIMEOUT_S, "smoke", 5)
    swept = sweep(
        SPECS[:2], RunStore(tmp_path), jobs=2, progress=Log(), worker=fake_workers.hang_on_seed_1
    )
    assert [record.ok for record in swept.records] == [True, False]
    assert "no answer within 5 s" in str(swept.records[1].reason)


def test_a_wrong_name_stops_before_anything_runs(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    with pytest.raises(SpecError, match="unknown method"):
        sweep([*SPECS, Spec("digits", "nonsense")], store, worker=fake_workers.behave)
    assert not store.root.exists()


def test_a_run_that_is_under_way_is_heard(tmp_path: Path) -> None:
    store, log = RunStore(tmp_path), Log()
    spec = Spec("digits", "float32", profile="smoke")
    (record,) = sweep([spec], store, progress=log, worker=fake_workers.tell_slowly).records
    assert record.ok
    assert (spec, "training", 0.5) in log.told
    assert list((tmp_path / ".progress").iterdir()) == []


def test_a_missing_data_set_stops_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        TASKS._entries(), "digits.far", replace(TASKS["digits"], name="digits.far", dataset="far")
    )
    with pytest.raises(DatasetError, match="qnnlab data get far"):
        sweep([Spec("digits.far", "float32")], RunStore(tmp_path / "runs"))
    assert not (tmp_path / "runs").exists()


def test_other_data_is_another_run(monkeypatch: pytest.MonkeyPatch) -> None:
    before = run_key(SPECS[0])
    monkeypatch.setitem(
        TASKS._entries(), "digits", replace(TASKS["digits"], fingerprint=lambda: "other data")
    )
    assert run_key(SPECS[0]) != before
