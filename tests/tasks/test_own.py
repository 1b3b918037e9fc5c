"""One's own data: in by arrays, file or folder; out as a task like any other."""

from __future__ import annotations

import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qnnlab.errors import DatasetError
from qnnlab.lab import Spec
from qnnlab.lab.provenance import run_key
from qnnlab.tasks import (
    SPLITS,
    TASKS,
    load_task,
    task_from_arrays,
    task_from_folder,
    task_from_path,
)
from qnnlab.tasks.own import forget_own, own_tasks, read_own

RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 5)).astype(np.float32)
Y = np.arange(60) % 3


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("QNNLAB_DATA", str(tmp_path / "data"))
    return tmp_path


def test_arrays_become_a_task_that_every_process_finds() -> None:
    task = task_from_arrays("mine", X * 100 + 7, np.array(["b", "a", "c"])[Y])
    assert task.labels == ("a", "b", "c")
    assert task is TASKS["own.mine"]
    assert (
        read_own("mine").fingerprint()
        == task.fingerprint()
        == own_tasks()["own.mine"].fingerprint()
    )
    data = load_task("own.mine")[1]
    assert sum(len(split) for split in data.splits().values()) == 60
    assert abs(data.train.x.mean()) < 1e-5
    assert data.train.x.std(axis=0) == pytest.approx(1)
    assert all(set(split.y) == {0, 1, 2} for split in data.splits().values())


def test_other_arrays_are_another_run() -> None:
    task_from_arrays("mine", X, Y)
    before = run_key(Spec("own.mine", "float32"))
    task_from_arrays("mine", X + (np.arange(60) == 3)[:, None], Y)
    assert run_key(Spec("own.mine", "float32")) != before


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(3, 12), st.integers(0, 1000))
def test_a_group_lies_in_one_split_and_every_sample_in_one(groups: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = 12 * groups
    owners = np.repeat(np.arange(groups), 12)
    x = np.arange(count, dtype=np.float64)[:, None] * np.ones(2)
    y = rng.permutation(count) % 2
    y[::12], y[1::12] = 0, 1  # every group holds both classes
    data = task_from_arrays("grouped", x, y, groups=owners).load("quick")
    seen = [set(split.groups) for split in data.splits().values() if split.groups is not None]
    assert len(seen) == len(SPLITS)
    assert all(seen)
    assert len(set.union(*seen)) == sum(map(len, seen)) == groups
    assert sum(len(split) for split in data.splits().values()) == count


@pytest.mark.parametrize(
    ("x", "y", "options", "words"),
    [
        (X[0], Y, {}, "shaped"),
        (X.astype(str), Y, {}, "must be numbers"),
        (X, Y[:-1], {}, "for each of 60 samples"),
        (X, Y.astype(float), {}, "whole number or name"),
        (np.where(np.arange(300).reshape(60, 5) == 42, np.nan, X), Y, {}, "sample 8 of x"),
        (X, Y * 0, {}, "at least 2 classes"),
        (X, np.minimum(np.arange(60), 1), {}, "too few samples in {'0': 1}"),
        (X, Y, {"groups": np.zeros(60)}, "1 groups can't fill"),
        (X, Y, {"groups": np.zeros(59)}, "groups for 60 samples"),
        (X, Y, {"groups": Y}, "has no sample of class"),
        (X, Y, {"architecture": "resnet9"}, "resnet8"),
        (X, Y, {"architecture": "autoencoder"}, "unknown architecture"),
    ],
)
def test_arrays_that_are_no_task(x: Any, y: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(DatasetError) as error:
        task_from_arrays("wrong", x, y, **options)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert own_tasks() == {}


def test_a_name_is_a_name() -> None:
    with pytest.raises(DatasetError, match="task name"):
        task_from_arrays("../up", X, Y)


def test_a_changed_or_damaged_task_is_said_and_breaks_no_other(folder: Path) -> None:
    task = task_from_arrays("mine", X, Y)
    arrays = folder / "data/own/mine/data.npz"
    arrays.write_bytes(arrays.read_bytes()[:-1] + b"x")
    with pytest.raises(DatasetError, match="changed since"):
        task.load("quick")
    (folder / "data/own/mine/task.json").write_text("{")
    with pytest.raises(DatasetError, match="damaged"):
        read_own("mine")
    with pytest.warns(UserWarning, match="left out"):
        assert own_tasks() == {}


def test_forgotten_is_gone() -> None:
    task_from_arrays("mine", X, Y)
    forget_own(["mine"])
    with pytest.raises(DatasetError, match=r"no task own\.mine"):
        forget_own(["mine"])


def test_npz_and_csv_give_the_same_task(folder: Path) -> None:
    import pandas as pd

    np.savez(folder / "a.npz", x=X, y=Y.astype(str), groups=np.arange(60) // 6)
    frame = pd.DataFrame(X, columns=[f"f{i}" for i in range(5)])
    frame.assign(label=Y, group=np.arange(60) // 6).to_csv(folder / "b.csv", index=False)
    first, second = (task_from_path(folder / name).load("quick") for name in ("a.npz", "b.csv"))
    for name in SPLITS:
        a, b = first.splits()[name], second.splits()[name]
        np.testing.assert_allclose(a.x, b.x, atol=1e-5)
        np.testing.assert_array_equal(a.y, b.y)
        np.testing.assert_array_equal(a.groups, b.groups)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", b"f,g\n1,2\n", "no column 'label'"),
        ("a.csv", b"f,label\n1,a\nx,b\n", "line 3, column f: 'x' is not a number"),
        ("a.csv", b"", "can't be read as CSV"),
        ("a.npz", b"garbage", "not an .npz"),
        ("a.txt", b"", "is an .npz file, a .csv file or a folder"),
    ],
)
def test_files_that_are_no_data(folder: Path, name: str, content: bytes, words: str) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(DatasetError) as error:
        task_from_path(folder / name)
    assert words in str(error.value)
    assert name in str(error.value)


def test_an_npz_of_objects_is_refused_unread(folder: Path) -> None:
    np.savez(folder / "a.npz", x=np.array([{}], dtype=object), y=Y)
    with pytest.raises(DatasetError, match=r"not an \.npz of plain arrays"):
        task_from_path(folder / "a.npz")
    np.savez(folder / "b.npz", x=X)
    with pytest.raises(DatasetError, match="must hold x, y"):
        task_from_path(folder / "b.npz")


def write_wav(path: Path, rate: int = 16_000, channels: int = 1, seconds: float = 0.5) -> None:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate)
        count = int(rate * seconds) * channels
        out.writeframes(RNG.integers(-9999, 9999, count).astype("<i2").tobytes())


def write_image(path: Path) -> None:
    from PIL import Image

    Image.fromarray(RNG.integers(0, 255, (20, 30, 3), np.uint8)).save(path)


def fill(folder: Path, write: Callable[[Path], None], suffix: str) -> Path:
    for label in ("cat", "dog"):
        (folder / label).mkdir(parents=True)
        for number in range(8):
            write(folder / label / f"{number}{suffix}")
    return folder


def test_a_folder_of_images(folder: Path) -> None:
    task = task_from_folder(fill(folder / "pets", write_image, ".png"), image_size=(16, 24))
    assert (task.name, task.labels, task.input_shape) == ("own.pets", ("cat", "dog"), (16, 24, 3))
    assert 0 <= task.load("quick").train.x.min() < task.load("quick").train.x.max() <= 1


def test_a_folder_of_recordings(folder: Path) -> None:
    task = task_from_path(fill(folder / "words", write_wav, ".wav"))
    assert task.input_shape == (49, 10, 1)
    assert task.build().name == "ds_cnn"


def test_folders_that_are_no_data(folder: Path) -> None:
    sounds = fill(folder / "words", write_wav, ".wav")
    write_wav(sounds / "cat" / "odd.wav", rate=8000, channels=2)
    with pytest.raises(DatasetError, match=r"odd\.wav: 2 channels of 16 bits at 8000 Hz"):
        task_from_folder(sounds)
    (sounds / "cat" / "odd.wav").write_bytes(b"RIFF")
    with pytest.raises(DatasetError, match=r"odd\.wav: not a WAV file"):
        task_from_folder(sounds)
    write_image(sounds / "cat" / "odd.png")
    with pytest.raises(DatasetError, match="one sub-folder a class"):
        task_from_folder(sounds)
    (folder / "empty").mkdir()
    with pytest.raises(DatasetError, match="nothing"):
        task_from_folder(folder / "empty")
    pets = fill(folder / "pets", write_image, ".png")
    (pets / "cat" / "0.png").write_bytes((pets / "cat" / "1.png").read_bytes()[:100])
    with pytest.raises(DatasetError, match=r"0\.png: can't be read as an image"):
        task_from_folder(pets)
