from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qnnlab.errors import DatasetError
from qnnlab.tasks import Split
from qnnlab.tasks.storage import data_folder, dataset_folder, generated, generated_key

MODULES = ("qnnlab.tasks.storage",)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("QNNLAB_DATA", str(tmp_path))
    return tmp_path


class Maker:
    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> dict[str, Split]:
        self.times += 1
        x = np.arange(6, dtype=np.uint8).reshape(2, 3)
        split = Split(x, np.array([0, 1]), groups=np.array(["a", "b"]))
        return {"train": split, "val": split, "test": Split(x, split.y, clips=np.array([0, 0]))}


def kept(make: Maker, **parameters: object) -> dict[str, Split]:
    return generated("name", make, modules=MODULES, **parameters)


def test_made_once_and_read_back_whole(folder: Path) -> None:
    make = Maker()
    first, second = kept(make, size=1), kept(make, size=1)
    assert make.times == 1
    for name, split in first.items():
        for part in ("x", "y", "groups", "clips"):
            a, b = getattr(split, part), getattr(second[name], part)
            assert (a is None) == (b is None)
            if a is not None:
                assert a.dtype == b.dtype
                np.testing.assert_array_equal(a, b)
    assert len(list((folder / "generated").iterdir())) == 1


def test_other_parameters_are_other_data() -> None:
    make = Maker()
    kept(make, size=1)
    kept(make, size=2)
    assert make.times == 2
    keys = {generated_key(MODULES, (), {"a": 1}), generated_key((), (), {"a": 1})}
    assert len(keys) == 2


@pytest.mark.parametrize("damage", [b"", b"garbage", None], ids=["empty", "garbage", "cut off"])
def test_a_damaged_file_is_made_anew_with_a_warning(folder: Path, damage: bytes | None) -> None:
    make = Maker()
    kept(make, size=1)
    (path,) = (folder / "generated").iterdir()
    path.write_bytes(path.read_bytes()[:-200] if damage is None else damage)
    with pytest.warns(UserWarning, match="made anew"):
        kept(make, size=1)
    assert make.times == 2
    kept(make, size=1)
    assert make.times == 2


def test_where_nothing_can_be_kept_the_data_is_still_given(folder: Path) -> None:
    (folder / "generated").write_text("a file where a folder should be")
    make = Maker()
    with pytest.warns(UserWarning, match="not kept|made anew"):
        assert kept(make, size=1)["train"].y.tolist() == [0, 1]


def test_a_data_set_that_is_not_here_says_how_to_get_it(folder: Path) -> None:
    with pytest.raises(DatasetError, match="qnnlab data get nowhere"):
        dataset_folder("nowhere")
    (folder / "here").mkdir()
    assert dataset_folder("here") == folder / "here"


def test_data_lives_in_the_cache_unless_told_otherwise(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert data_folder() == folder
    monkeypatch.delenv("QNNLAB_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert data_folder() == Path("/somewhere/qnnlab")
