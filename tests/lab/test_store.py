from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from qnnlab.errors import StoreError
from qnnlab.lab import Record, RunStore, Spec
from qnnlab.lab.store import weights_from_file, weights_to_bytes

SPEC = Spec("digits", "float32")
OK = Record("a" * 24, SPEC, "ok", None, ())
FAILED = replace(OK, status="failed", reason="no luck")


@given(st.dictionaries(st.from_regex(r"[a-f0-9]{6}", fullmatch=True), st.booleans(), max_size=8))
def test_what_is_put_is_found(keys: dict[str, bool]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = RunStore(folder)
        for key, ok in keys.items():
            store.put(replace(OK if ok else FAILED, key=key), {"model.tflite": key.encode()})
        assert [record.key for record in store] == sorted(keys)
        for key in keys:
            assert store.path(key, "model.tflite").read_bytes() == key.encode()
        assert store.get("missing") is None


@given(st.binary(max_size=200))
def test_a_damaged_record_is_set_aside_not_lost(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = RunStore(folder)
        store.put(OK)
        store.path(OK.key).write_bytes(content)
        with pytest.warns(UserWarning, match="set aside"):
            assert store.get(OK.key) is None
        assert (store.root / f".damaged-{OK.key}" / "record.json").read_bytes() == content
        store.put(OK)
        assert store.get(OK.key) == OK


def test_a_record_under_another_key_is_not_believed(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store.put(OK)
    (tmp_path / OK.key).rename(tmp_path / "other")
    with pytest.warns(UserWarning, match="carries the key"):
        assert store.get("other") is None


def test_a_finished_run_stays_and_a_failed_one_is_replaced(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store.put(FAILED)
    store.put(OK, {"model.tflite": b"first"})
    store.put(OK, {"model.tflite": b"second"})
    store.put(FAILED)
    assert store.get(OK.key) == OK
    assert store.path(OK.key, "model.tflite").read_bytes() == b"first"
    assert [p.name for p in tmp_path.iterdir()] == [OK.key]


def test_a_full_disk_is_one_line_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(StoreError, match="No space left"):
        RunStore(tmp_path).put(OK, {"model.tflite": b"x"})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    blocked = tmp_path / "runs"
    blocked.write_text("not a folder")
    with pytest.raises(StoreError, match="runs"):
        RunStore(blocked).put(OK)


WRITER = """
import sys
from qnnlab.lab import Record, RunStore, Spec
store = RunStore(sys.argv[1])
print("ready", flush=True)
for i in range(100_000):
    record = Record(f"{i:024d}", Spec("digits", "float32"), "ok", None, ())
    store.put(record, {"model.tflite": bytes(200_000)})
"""


def test_a_killed_writer_leaves_only_whole_runs(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, cwd=ROOT
    )
    assert child.stdout is not None
    child.stdout.readline()
    time.sleep(0.3)
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    store = RunStore(tmp_path)
    records = list(store)
    assert records
    for record in records:
        assert store.path(record.key, "model.tflite").stat().st_size == 200_000
    store.clean()
    assert not list(tmp_path.glob(".scratch-*"))


def test_clean_leaves_a_living_process_alone(tmp_path: Path) -> None:
    alive = tmp_path / f".scratch-{os.getpid()}-x"
    alive.mkdir()
    assert RunStore(tmp_path).clean() == 0
    assert alive.exists()


def test_weights_round_trip_and_bad_ones_are_refused(tmp_path: Path) -> None:
    weights = [np.arange(i, dtype=np.float32) for i in range(12)]
    path = tmp_path / "weights.npz"
    path.write_bytes(weights_to_bytes(weights))
    assert all(np.array_equal(a, b) for a, b in zip(weights_from_file(path), weights, strict=True))
    assert weights_to_bytes(weights) == weights_to_bytes(weights)
    path.write_bytes(b"cnumpy.core")
    with pytest.raises(StoreError, match="weights can't be read"):
        weights_from_file(path)
    with pytest.raises(StoreError, match="weights can't be read"):
        weights_from_file(tmp_path / "missing.npz")
