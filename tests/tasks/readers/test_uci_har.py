"""The reader of UCI HAR, on trees laid out as the archive is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qnnlab.errors import DatasetError
from qnnlab.tasks.readers.uci_har import CHANNELS, LABELS, read

_PEOPLE = {"train": (1, 3, 5, 6, 7, 8), "test": (2, 4)}
Written = dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]


def _write(folder: Path) -> Written:
    rng = np.random.default_rng(1)
    home = folder / "UCI HAR Dataset"
    home.mkdir()
    (home / "activity_labels.txt").write_text(
        "".join(f"{number} {label}\n" for number, label in enumerate(LABELS, 1))
    )
    written = {}
    for part, people in _PEOPLE.items():
        signals = home / part / "Inertial Signals"
        signals.mkdir(parents=True)
        y = np.tile(np.arange(1, 7), 2 * len(people))
        subject = np.repeat(people, 12)
        x = rng.normal(size=(len(y), 128, 9))
        (home / part / f"y_{part}.txt").write_text("".join(f"{v}\n" for v in y))
        (home / part / f"subject_{part}.txt").write_text("".join(f"{v}\n" for v in subject))
        for channel, name in enumerate(CHANNELS):
            lines = ("".join(f" {v: .7e}" for v in row) + "\n" for row in x[..., channel])
            (signals / f"{name}_{part}.txt").write_text("".join(lines))
        written[part] = (x, y, subject)
    return written


def _signal(folder: Path) -> Path:
    return folder / "UCI HAR Dataset" / "train" / "Inertial Signals" / "body_gyro_y_train.txt"


def test_reads_back_what_was_written(tmp_path: Path) -> None:
    written = _write(tmp_path)
    splits = read(tmp_path, "full")
    x, y, _ = written["test"]
    np.testing.assert_allclose(splits["test"].x, x, rtol=1e-6, atol=1e-12)
    assert splits["test"].x.dtype == np.float32
    assert np.array_equal(splits["test"].y, y - 1)
    x, y, subject = written["train"]
    held = np.isin(subject, (1, 8))
    for name, chosen in (("train", ~held), ("val", held)):
        np.testing.assert_allclose(splits[name].x, x[chosen], rtol=1e-6, atol=1e-12)
        assert np.array_equal(splits[name].y, y[chosen] - 1)
        assert splits[name].groups is not None
        assert list(splits[name].groups) == [f"person {v:02d}" for v in subject[chosen]]


def test_finds_the_tree_below_and_takes_subsets(tmp_path: Path) -> None:
    deeper = tmp_path / "unpacked"
    deeper.mkdir()
    _write(deeper)
    assert {k: len(v) for k, v in read(tmp_path, "smoke").items()} == {
        "train": 48,
        "val": 24,
        "test": 24,
    }


def _cut_off(folder: Path) -> Path:
    path = _signal(folder)
    path.write_bytes(path.read_bytes()[:50_000])
    return path


def _whole_lines_missing(folder: Path) -> Path:
    path = _signal(folder)
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-3]))
    return path


def _line_too_many(folder: Path) -> Path:
    path = _signal(folder)
    path.write_text(path.read_text() + path.read_text().splitlines()[0])
    return path


def _one_number(folder: Path) -> Path:
    path = _signal(folder)
    path.write_text("1.0\n" + path.read_text().split("\n", 1)[1])
    return path


def _not_finite(folder: Path) -> Path:
    path = _signal(folder)
    path.write_text(" nan" * 128 + "\n" + path.read_text().split("\n", 1)[1])
    return path


def _garbage(folder: Path) -> Path:
    path = _signal(folder)
    path.write_bytes(np.random.default_rng(1).bytes(5000))
    return path


def _missing(folder: Path) -> Path:
    _signal(folder).unlink()
    return _signal(folder)


def _seventh_activity(folder: Path) -> Path:
    path = folder / "UCI HAR Dataset" / "train" / "y_train.txt"
    path.write_text("7\n" + path.read_text()[2:])
    return path


def _no_labels(folder: Path) -> Path:
    path = folder / "UCI HAR Dataset" / "test" / "y_test.txt"
    path.unlink()
    return path


def _letters_for_people(folder: Path) -> Path:
    path = folder / "UCI HAR Dataset" / "test" / "subject_test.txt"
    path.write_text("x\n" + path.read_text())
    return path


def _person_missing(folder: Path) -> Path:
    path = folder / "UCI HAR Dataset" / "test" / "subject_test.txt"
    path.write_text(path.read_text()[:-2])
    return path


def _other_activities(folder: Path) -> Path:
    path = folder / "UCI HAR Dataset" / "activity_labels.txt"
    path.write_text(path.read_text().replace("LAYING", "LYING"))
    return path


@pytest.mark.parametrize(
    "break_it",
    [
        _cut_off,
        _whole_lines_missing,
        _line_too_many,
        _one_number,
        _not_finite,
        _garbage,
        _missing,
        _seventh_activity,
        _no_labels,
        _letters_for_people,
        _person_missing,
        _other_activities,
    ],
)
def test_damage_is_named(tmp_path: Path, break_it: object) -> None:
    _write(tmp_path)
    path = break_it(tmp_path)  # type: ignore[operator]
    with pytest.raises(DatasetError) as caught:
        read(tmp_path, "full")
    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_class_that_lacks_is_named(tmp_path: Path) -> None:
    _write(tmp_path)
    path = tmp_path / "UCI HAR Dataset" / "test" / "y_test.txt"
    path.write_text(path.read_text().replace("6", "5"))
    with pytest.raises(DatasetError, match="no LAYING in the test split"):
        read(tmp_path, "full")


def test_a_person_in_both_parts_is_refused(tmp_path: Path) -> None:
    _write(tmp_path)
    path = tmp_path / "UCI HAR Dataset" / "test" / "subject_test.txt"
    path.write_text(path.read_text().replace("4", "3"))
    with pytest.raises(DatasetError, match="person 03 is in training and test"):
        read(tmp_path, "full")


def test_an_empty_folder_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="qnnlab data get uci_har"):
        read(tmp_path, "full")
