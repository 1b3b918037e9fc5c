"""Made-up people in motion."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qnnlab.tasks.har import augment, build
from qnnlab.tasks.readers.subsets import subset
from qnnlab.tasks.readers.uci_har import CHANNELS, LABELS
from qnnlab.tasks.synthetic.inertial import Difficulty, make
from qnnlab.tasks.task import Split, TaskData

_DIGEST = (
    "from qnnlab.tasks.synthetic.inertial import make; from qnnlab.tasks.task import TaskData; "
    "print(TaskData.of(**make('smoke')).sha256())"
)


@pytest.fixture(scope="module")
def splits() -> dict[str, Split]:
    return make("smoke")


def test_the_same_in_another_process(splits: dict[str, Split]) -> None:
    command = [sys.executable, "-c", _DIGEST]
    other = subprocess.run(command, capture_output=True, text=True, check=True)
    assert TaskData.of(**splits).sha256() == other.stdout.strip()
    assert TaskData.of(**make("smoke")).sha256() == other.stdout.strip()


def test_shapes_classes_and_people(splits: dict[str, Split]) -> None:
    seen: set[str] = set()
    for split in splits.values():
        assert split.x.shape[1:] == (128, len(CHANNELS))
        assert split.x.dtype == np.float32
        assert set(split.y) == set(range(len(LABELS)))
        assert split.groups is not None
        assert not seen & set(split.groups)
        seen |= set(split.groups)


def test_values_are_those_of_a_phone(splits: dict[str, Split]) -> None:
    x = splits["train"].x
    assert np.isfinite(x).all()
    assert np.abs(x[..., 6:]).max() <= 2.0  # saturates at 2 g
    assert np.abs(x[..., 3:6]).max() < 10  # rad/s
    rest = x[splits["train"].y == LABELS.index("SITTING")]
    gravity = np.linalg.norm(rest[..., 6:].mean(axis=1), axis=-1)
    assert np.median(gravity) == pytest.approx(1.0, abs=0.05)
    # What is left of the acceleration without gravity has next to no mean.
    assert np.abs(x[..., :3].mean(axis=1)).mean() < 0.03


def test_walking_moves_and_lying_does_not(splits: dict[str, Split]) -> None:
    split = splits["train"]
    moving = split.x[..., :3].std(axis=1).mean(axis=-1)
    assert np.median(moving[split.y < 3]) > 5 * np.median(moving[split.y == 5])


@pytest.mark.parametrize(
    "change",
    [
        {"style": 0.0},
        {"mood": 0.0},
        {"stairs": 0.0},
        {"placement_deg": 0.0},
        {"session_deg": 0.0},
        {"posture_deg": 0.0},
        {"mixed": 1.0},
        {"noise": 0.0},
    ],
    ids=lambda change: next(iter(change)),
)
def test_each_knob_changes_the_windows(splits: dict[str, Split], change: dict[str, float]) -> None:
    other = make("smoke", replace(Difficulty(), **change))
    assert np.array_equal(other["test"].y, splits["test"].y)
    assert not np.array_equal(other["test"].x, splits["test"].x)


def test_augmentation_turns_all_sensors_alike(splits: dict[str, Split]) -> None:
    x = splits["val"].x
    changed = augment(x, np.random.default_rng(1))
    assert changed.shape == x.shape
    assert changed.dtype == np.float32
    sensors = (x.reshape(-1, 3, 3), changed.reshape(-1, 3, 3))
    before, after = (np.einsum("nsi,nti->nst", s, s) for s in sensors)
    np.testing.assert_allclose(after, before, atol=2e-5)  # lengths and angles between sensors
    assert np.abs(changed - x).max() > 0.01
    assert augment(x[..., :3], np.random.default_rng(1)).shape == (*x.shape[:2], 3)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=300), st.integers(1, 200), st.booleans())
@settings(max_examples=60, deadline=None)
def test_subsets_keep_each_class(labels: list[int], size: int, even: bool) -> None:
    y = np.array(labels, np.int64)
    whole = Split(np.arange(len(y), dtype=np.float32), y, np.array([f"g{i}" for i in y]))
    part = subset(whole, size, even=even)
    assert set(part.y) == set(y)
    assert len(part) <= max(size, 5) + 5
    assert len(set(part.x)) == len(part)
    assert np.array_equal(y[part.x.astype(int)], part.y)
    assert part.groups is not None
    assert [f"g{i}" for i in part.y] == list(part.groups)
    assert np.array_equal(subset(whole, size, even=even).x, part.x)


def test_the_network_takes_the_windows(splits: dict[str, Split]) -> None:
    assert build().predict(splits["val"].x[:2], verbose=0).shape == (2, len(LABELS))
