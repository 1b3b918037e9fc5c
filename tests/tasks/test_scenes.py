from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from qnnlab.tasks.synthetic.scenes import SIZE, Difficulty, scene, scenes
from qnnlab.tasks.task import SPLITS

PLAIN = Difficulty()


def test_every_second_picture_shows_a_person_and_places_are_shared_in_pairs() -> None:
    few = scenes("train", 12)
    assert few.x.shape == (12, SIZE, SIZE, 3)
    assert few.x.dtype == np.uint8
    assert few.y.tolist() == [0, 1] * 6
    assert few.groups is not None
    assert len(set(few.groups)) == 3
    for place in set(few.groups):
        assert np.bincount(few.y[few.groups == place]).tolist() == [2, 2]


@pytest.mark.parametrize("split", SPLITS)
def test_a_picture_depends_on_its_number_alone(split: str) -> None:
    few, more = scenes(split, 4), scenes(split, 8)
    np.testing.assert_array_equal(few.x, more.x[:4])
    np.testing.assert_array_equal(scene(split, 5, PLAIN), more.x[5])
    assert len({picture.tobytes() for picture in more.x}) == 8


def test_splits_share_no_place() -> None:
    places = [set(scenes(split, 8).groups) for split in SPLITS]  # type: ignore[arg-type]
    assert not places[0] & places[1]
    assert not places[0] & places[2]
    assert not places[1] & places[2]


KNOBS = {
    "height": (0.2, 0.3),
    "closeup": 1.0,
    "hidden": 1.0,
    "heaps": 1.0,
    "clutter": (4, 5),
    "haze": 0.9,
    "noise": 0.2,
    "backdrop": 0.9,
    "borrowed": 1.0,
    "spread": 0.9,
}


@pytest.mark.parametrize("knob", KNOBS)
def test_each_knob_changes_the_pictures(knob: str) -> None:
    base = replace(PLAIN, heaps=1.0) if knob == "spread" else PLAIN
    changed = replace(base, **{knob: KNOBS[knob]})  # type: ignore[arg-type]
    assert any(
        not np.array_equal(scene("train", index, base), scene("train", index, changed))
        for index in range(0, 20, 2)
    )


def test_neither_colour_nor_brightness_gives_the_person_away() -> None:
    """A nearest-mean classifier on a picture's mean colour does no better than chance."""
    few = scenes("train", 200)
    colour = few.x.reshape(200, -1, 3).mean(axis=1)
    means = [colour[few.y == label].mean(axis=0) for label in (0, 1)]
    nearer = np.linalg.norm(colour - means[1], axis=1) < np.linalg.norm(colour - means[0], axis=1)
    assert (nearer == few.y).mean() < 0.62
