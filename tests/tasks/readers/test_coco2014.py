from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from qnnlab.errors import DatasetError
from qnnlab.tasks import SPLITS
from qnnlab.tasks.readers.coco2014 import CLASSES, PER_CLASS, read

PHOTOS = 60  # of either class


def archive(folder: Path) -> Path:
    """The archive's tree: photos of one colour each, which JPEG keeps exactly enough."""
    for label, kind in enumerate(CLASSES):
        home = folder / "vw_coco2014_96" / kind
        home.mkdir(parents=True)
        for number in range(PHOTOS):
            grey = 2 * number + label
            picture = Image.new("RGB", (96, 96), (grey, grey, grey))
            part = "train" if number % 3 else "val"
            picture.save(home / f"COCO_{part}2014_{2 * number + label:012d}.jpg", quality=95)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return archive(tmp_path / "coco2014")


def number_of(name: str) -> int:
    return int(name.removesuffix(".jpg").split("_")[-1])


def test_every_photo_is_read_once_with_its_label(folder: Path) -> None:
    splits = read(folder, "smoke")
    assert tuple(splits) == SPLITS
    names = [str(name) for split in splits.values() for name in split.groups]
    assert len(set(names)) == len(names) == 2 * PHOTOS
    for split in splits.values():
        assert split.x.shape == (len(split), 96, 96, 3)
        assert split.x.dtype == np.uint8
        for picture, label, name in zip(split.x, split.y, split.groups, strict=True):
            assert number_of(str(name)) % 2 == label
            assert abs(int(picture.mean()) - number_of(str(name))) <= 1


def test_splits_are_the_same_each_time_and_without_the_outer_folder(folder: Path) -> None:
    first, second = read(folder, "smoke"), read(folder / "vw_coco2014_96", "smoke")
    for name in SPLITS:
        np.testing.assert_array_equal(first[name].x, second[name].x)
        np.testing.assert_array_equal(first[name].groups, second[name].groups)


def test_a_smaller_profile_is_the_beginning_of_a_larger_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = read(folder, "quick")
    monkeypatch.setitem(PER_CLASS, "smoke", {"train": 5, "val": 2, "test": 2})
    few = read(folder, "smoke")
    for name, split in few.items():
        assert np.bincount(split.y).tolist() == [PER_CLASS["smoke"][name]] * 2
        assert set(split.groups) <= set(whole[name].groups)


def refused(folder: Path) -> str:
    with pytest.raises(DatasetError) as error:
        read(folder, "smoke")
    assert "\n" not in str(error.value)
    return str(error.value)


def a_photo(folder: Path) -> Path:
    return sorted((folder / "vw_coco2014_96/person").iterdir())[0]


def test_a_missing_class_is_named(folder: Path) -> None:
    (folder / "vw_coco2014_96/person").rename(folder / "people")
    assert "holds no folders non_person and person" in refused(folder)


def test_an_empty_class_is_named(folder: Path) -> None:
    for path in (folder / "vw_coco2014_96/person").iterdir():
        path.unlink()
    assert "person: no .jpg photo" in refused(folder)


@pytest.mark.parametrize("content", [b"", b"garbage", None], ids=["empty", "garbage", "truncated"])
def test_a_damaged_photo_is_named(folder: Path, content: bytes | None) -> None:
    path = a_photo(folder)
    path.write_bytes(path.read_bytes()[:400] if content is None else content)
    assert path.name in refused(folder)
    assert "can't be read as a photo" in refused(folder)


def test_a_photo_of_another_size_is_named(folder: Path) -> None:
    path = a_photo(folder)
    Image.new("RGB", (64, 96)).save(path)
    assert f"{path.name}: is 64×96, not 96×96" in refused(folder)
