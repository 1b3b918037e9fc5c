"""Drawn pictures: the same each time, and shapes that tell the class."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qnnlab.errors import MissingExtra
from qnnlab.tasks import ic
from qnnlab.tasks.synthetic import drawings, textures
from qnnlab.tasks.synthetic.drawings import FIGURES, LABELS, Difficulty, draw
from qnnlab.tasks.task import SPLITS

CHANGED: dict[str, Any] = {
    "joints": 0.1,
    "girth": 0.3,
    "stretch": 0.3,
    "scale": (8.0, 9.0),
    "shift": 6.0,
    "rotation_deg": 40.0,
    "shear": 0.4,
    "perspective": 0.4,
    "warp": 0.2,
    "background": 0.3,
    "contrast": (0.1, 0.2),
    "chroma": 0.0,
    "texture": 0.3,
    "clutter": 3,
    "occluded": 0.9,
    "occluder": 6.0,
    "blur": 1.0,
    "noise": 0.1,
    "light": 0.3,
}


def digest() -> str:
    drawn = draw("test", 30)
    parts = (drawn.x.tobytes(), drawn.y.tobytes(), str(drawn.groups).encode())
    return hashlib.sha256(b"".join(parts)).hexdigest()


def test_the_same_pictures_in_any_process() -> None:
    code = (
        "import hashlib; from qnnlab.tasks.synthetic.drawings import draw; d = draw('test', 30);"
        "print(hashlib.sha256(d.x.tobytes() + d.y.tobytes() + str(d.groups).encode()).hexdigest())"
    )
    elsewhere = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert digest() == digest() == elsewhere.stdout.decode().strip()


def test_a_larger_count_begins_with_the_smaller_one() -> None:
    small, large = draw("val", 20), draw("val", 260)
    np.testing.assert_array_equal(small.x, large.x[:20])
    np.testing.assert_array_equal(small.y, large.y[:20])
    assert len(large) == len(large.x) == 260
    assert len(np.unique(large.x.reshape(260, -1), axis=0)) == 260


def test_each_split_has_its_own_regions_and_all_classes() -> None:
    groups: list[set[str]] = []
    for split in SPLITS:
        drawn = draw(split, 250)
        assert drawn.x.shape == (250, 32, 32, 3)
        assert drawn.x.dtype == np.uint8
        assert drawn.y.dtype == np.int64
        np.testing.assert_array_equal(np.bincount(drawn.y), np.full(10, 25))
        assert drawn.groups is not None
        groups.append(set(drawn.groups.tolist()))
    names = textures.region_names()
    allowed = textures.regions_by_split()
    for split, used in zip(SPLITS, groups, strict=True):
        assert used <= {names[region] for region in allowed[split]}
    assert sum(len(used) for used in groups) == len(set().union(*groups))
    assert sum(len(regions) for regions in allowed.values()) == len(names) == 48


def test_every_knob_is_tried() -> None:
    assert set(CHANGED) == {field.name for field in fields(Difficulty)}


@pytest.mark.parametrize("knob", CHANGED)
def test_each_knob_changes_the_pictures(knob: str) -> None:
    harder = replace(Difficulty(), **{knob: CHANGED[knob]})
    usual, changed = draw("test", 10), draw("test", 10, harder)
    np.testing.assert_array_equal(usual.y, changed.y)
    assert (usual.x != changed.x).mean() > 0.01


def test_outlines_of_two_pictures_of_a_class_are_more_alike_than_of_two_classes() -> None:
    calm = Difficulty(rotation_deg=0, shift=0, scale=(13, 13), joints=0.01, warp=0, shear=0)
    y = np.repeat(np.arange(10), 40)
    outlines = drawings._outlines(y, np.random.default_rng(0), calm)
    both_ways = outlines + outlines[:, :, ::-1]  # figures face left or right
    means = both_ways.reshape(10, 40, -1).mean(axis=1)
    apart = ((both_ways.reshape(400, 1, -1) - means) ** 2).sum(axis=2)
    assert (apart.argmin(axis=1) == y).mean() > 0.9


@pytest.mark.parametrize("name", LABELS)
def test_figures_are_connected_and_leave_the_background_room(name: str) -> None:
    figure = FIGURES[name]
    assert np.abs(figure.joints[:, :2]).max() <= 1
    assert (figure.joints[:, 2] > 0).all()
    still = Difficulty(
        joints=0, girth=0, stretch=0, scale=(14, 14), shift=0, rotation_deg=0, shear=0,
        perspective=0, warp=0,
    )  # fmt: skip
    outline = drawings._posed(figure, 1, np.random.default_rng(0), still).reshape(32, 32)
    assert 0.1 < outline.mean() < 0.6
    assert outline.min() == 0
    assert outline.max() == 1


def test_distance_to_a_bar() -> None:
    x, y = (np.array([[value]], np.float32) for value in (0.0, 3.0))
    bar, widths = np.array([[-1.0, 0.0, 1.0, 0.0]]), np.array([[1.0, 1.0]])
    for flat, beyond_the_end in ((False, 1), (True, 2)):
        assert drawings._distance(x, y, bar, widths, flat).item() == pytest.approx(2)
        assert drawings._distance(y, x, bar, widths, flat).item() == pytest.approx(beyond_the_end)
    point = np.array([[1.0, 1.0, 1.0, 1.0]])
    assert drawings._distance(x, y, point, widths, False).item() == pytest.approx(5**0.5 - 1)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_crops_and_patterns_stay_in_range(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    photo = textures.crops(rng.integers(48, size=count), 32, rng)
    assert photo.shape == (count, 32, 32, 3)
    assert photo.dtype == np.float32
    assert 0 <= photo.min() <= photo.max() <= 1
    pattern = textures.patterns(count, 32, rng)
    assert pattern.shape == (count, 32, 32)
    assert pattern.dtype == np.float32
    assert np.abs(pattern).max() <= 1
    np.testing.assert_allclose(
        textures.mean_colour(photo)[:, 0, 0], photo.mean(axis=(1, 2)), rtol=1e-4
    )


def test_without_the_libraries_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingExtra, match=r"qnnlab\[train\]"):
        textures.photograph("china")
    monkeypatch.undo()
    monkeypatch.setattr(textures, "find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match="scikit-learn"):
        textures.photograph("china")


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([ic.augment_drawn, ic.augment_cifar10]))
def test_augmentation_keeps_shape_type_and_range(seed: int, augment: Any) -> None:
    rng = np.random.default_rng(seed)
    x = rng.random((5, 32, 32, 3), np.float32)
    before = x.copy()
    changed = augment(x, rng)
    np.testing.assert_array_equal(x, before)
    assert changed.shape == x.shape
    assert changed.dtype == np.float32
    assert 0 <= changed.min() <= changed.max() <= 1
    assert not np.array_equal(changed, x)


def test_moving_is_by_whole_pixels_and_mirroring_is_left_right() -> None:
    x = np.random.default_rng(0).random((64, 32, 32, 3), np.float32)
    moved = ic._moved(x, np.random.default_rng(1), 4)
    inner = moved[:, 8:24, 8:24]
    for before, after in zip(x, inner, strict=True):
        places = [
            np.array_equal(view[8 + dy : 24 + dy, 8 + dx : 24 + dx], after)
            for view in (before, before[:, ::-1])
            for dy in range(-4, 5)
            for dx in range(-4, 5)
        ]
        assert sum(places) == 1


def test_loading_and_preview(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QNNLAB_DATA", str(tmp_path))
    first, again = ic.load_drawn("smoke"), ic.load_drawn("smoke")
    assert first.sha256() == again.sha256()
    (kept,) = (tmp_path / "generated").iterdir()
    assert kept.name.startswith("ic-")
    shown = ic.preview_drawn()
    assert [shown.labels.count(label) for label in LABELS] == [2] * 10
    assert all(sample.shape == (32, 32, 3) for sample in shown.samples)
