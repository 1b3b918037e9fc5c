from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from qnnlab.lab import RunStore, Sweep

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _own_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QNNLAB_DATA", str(tmp_path / "data"))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    label = np.arange(120) % 2
    frame = pd.DataFrame(rng.standard_normal((120, 4)) + 3 * label[:, None], columns=list("abcd"))
    path = tmp_path / "My data.csv"
    frame.assign(label=np.array(["off", "on"])[label]).to_csv(path, index=False)
    return path


def test_show_prints_splits_and_source(call: Call) -> None:
    code, out, _ = call("tasks", "show", "digits")
    assert code == 0
    for words in ("real data", "CC BY 4.0", "train samples", "not known", "calibration: 128"):
        assert words in out


def test_unknown_task_is_one_line(call: Call) -> None:
    code, out, err = call("tasks", "show", "digit")
    assert (code, out) == (2, "")
    assert "did you mean digits" in err
    assert len(err.splitlines()) == 1


def test_own_data_is_added_shown_and_removed(call: Call, table: Path) -> None:
    code, out, _ = call("tasks", "add", table, "--name", "motor")
    assert code == 0
    assert "own.motor" in out
    assert "motor" in call("list", "tasks")[1]
    code, _, err = call("tasks", "remove", "own.motor")
    assert (code, err) == (0, "")
    code, _, err = call("tasks", "remove", "own.motor")
    assert code == 2
    assert "no task own.motor" in err


def test_a_task_of_ours_is_not_removed(call: Call) -> None:
    code, _, err = call("tasks", "remove", "digits")
    assert code == 2
    assert "not a task of your own" in err


def test_broken_data_is_one_line(call: Call, tmp_path: Path) -> None:
    (tmp_path / "wrong.csv").write_text("a,label\n1,x\n?,y\n")
    code, out, err = call("run", tmp_path / "wrong.csv", "float32", "--profile", "smoke")
    assert (code, out) == (2, "")
    assert "wrong.csv: line 3, column a" in err
    assert len(err.splitlines()) == 1


@pytest.mark.slow
def test_run_takes_a_file_of_ones_own(call: Call, table: Path) -> None:
    code, out, _ = call("run", table, "float32", "--profile", "smoke", "--seeds", 2)
    assert code == 0
    assert "own.my_data/float32/host/s1/smoke" in out
    assert "accuracy over 2 seeds: mean" in out


@pytest.mark.slow
def test_difficulty_prints_the_ladder(
    call: Call, smoke_study: Sweep, smoke_store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QNNLAB_RUNS", str(smoke_store.root))
    code, out, _ = call("tasks", "difficulty", "digits", "--profile", "smoke")
    assert code == 0
    for words in ("float", "2-bit loses", "digits", "real", "yes"):
        assert words in out
