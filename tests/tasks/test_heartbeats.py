"""Made-up heartbeats."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qnnlab.tasks.ecg import augment, build
from qnnlab.tasks.readers.mitdb import BEFORE, LABELS, WINDOW, cleaned, cut
from qnnlab.tasks.synthetic.heartbeats import Difficulty, make
from qnnlab.tasks.task import Split, TaskData

_DIGEST = (
    "from qnnlab.tasks.synthetic.{0} import make; from qnnlab.tasks.task import TaskData; "
    "print(TaskData.of(**make('smoke')).sha256())"
)


@pytest.fixture(scope="module")
def splits() -> dict[str, Split]:
    return make("smoke")


def test_the_same_in_another_process(splits: dict[str, Split]) -> None:
    command = [sys.executable, "-c", _DIGEST.format("heartbeats")]
    other = subprocess.run(command, capture_output=True, text=True, check=True)
    assert TaskData.of(**splits).sha256() == other.stdout.strip()
    assert TaskData.of(**make("smoke")).sha256() == other.stdout.strip()


def test_shapes_classes_and_patients(splits: dict[str, Split]) -> None:
    seen: set[str] = set()
    for split in splits.values():
        assert split.x.shape[1:] == (WINDOW, 1)
        assert split.x.dtype == np.float32
        assert np.isfinite(split.x).all()
        assert 0.5 < np.abs(split.x).max() < 15  # mV
        assert set(split.y) == set(range(len(LABELS)))
        assert split.groups is not None
        assert not seen & set(split.groups)
        seen |= set(split.groups)


def test_normal_beats_stand_at_the_r_peak(splits: dict[str, Split]) -> None:
    normal = splits["train"].x[splits["train"].y == 0, :, 0]
    assert abs(int(np.abs(np.median(normal, axis=0)).argmax()) - BEFORE) <= 2


def test_early_beats_show_the_beat_before(splits: dict[str, Split]) -> None:
    split = splits["train"]
    quiet = slice(BEFORE - 140, BEFORE - 60)
    peaks = [np.median(split.x[split.y == label, quiet, 0].max(axis=1)) for label in (0, 1)]
    assert peaks[1] > 1.5 * peaks[0]


@pytest.mark.parametrize(
    "change",
    [
        {"spread": 0.5},
        {"prematurity": (0.5, 0.6)},
        {"aberrant": 1.0},
        {"block": 1.0},
        {"fibrillation": 1.0},
        {"fusion": (0.1, 0.2)},
        {"narrow_v": 1.0},
        {"spike_mv": (0.01, 0.02)},
        {"noise": 0.0},
        {"jitter_ms": 0.0},
        {"unclear": 1.0},
    ],
    ids=lambda change: next(iter(change)),
)
def test_each_knob_changes_the_beats(splits: dict[str, Split], change: dict[str, float]) -> None:
    other = make("smoke", replace(Difficulty(), **change))
    assert other["test"].x.shape == splits["test"].x.shape
    assert not np.array_equal(other["test"].x, splits["test"].x)


@given(st.lists(st.integers(-50, 8000), max_size=30))
@settings(max_examples=30, deadline=None)
def test_windows_are_whole_and_where_they_should_be(peaks: list[int]) -> None:
    trace = np.arange(3600, dtype=np.float32)
    x, whole = cut(trace, np.array(peaks, np.int64))
    assert x.shape == (int(whole.sum()), WINDOW, 1)
    assert np.array_equal(x[:, BEFORE, 0], (np.array(peaks, np.int64)[whole] + 1) // 2)
    assert (np.diff(x[..., 0], axis=1) == 1).all()


def test_cleaning_takes_the_baseline_and_keeps_the_beat() -> None:
    time = np.arange(7200) / 360
    beat = np.exp(-0.5 * ((time - 10) / 0.02) ** 2)
    clean = cleaned(beat + 3.0 + 0.8 * np.sin(2 * np.pi * 0.1 * time))
    assert len(clean) == 3600
    assert int(clean.argmax()) == 1800
    assert clean.max() == pytest.approx(1.0, abs=0.1)
    assert np.abs(clean[600:1500]).max() < 0.1


def test_augmentation_keeps_shape_and_source(splits: dict[str, Split]) -> None:
    x = splits["val"].x
    before = x.copy()
    changed = augment(x, np.random.default_rng(1))
    assert changed.shape == x.shape
    assert changed.dtype == np.float32
    assert np.array_equal(x, before)
    assert 0.3 < np.abs(changed).mean() / np.abs(x).mean() < 3
    assert not np.array_equal(changed, x)


def test_the_network_takes_the_beats(splits: dict[str, Split]) -> None:
    assert build().predict(splits["val"].x[:2], verbose=0).shape == (2, len(LABELS))
