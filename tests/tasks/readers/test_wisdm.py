"""The reader of WISDM, on files written as the archive's is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qnnlab.errors import DatasetError
from qnnlab.tasks.readers.wisdm import FILE, HOP, LABELS, STANDARD_GRAVITY, WINDOW, read

_PEOPLE = (1, 2, 20, 25, 26, 27, 28, 29, 36)
_READINGS = 200
_STEP_NS = 50_000_000


def _lines(person: int, label: str, xyz: np.ndarray, start: int = 1) -> list[str]:
    return [
        f"{person},{label},{(start + number) * _STEP_NS},{x!r},{y!r},{z!r};"
        for number, (x, y, z) in enumerate(xyz.tolist())
    ]


def _write(folder: Path, people: tuple[int, ...] = _PEOPLE) -> dict[tuple[int, str], np.ndarray]:
    rng = np.random.default_rng(1)
    home = folder / "WISDM_ar_v1.1"
    home.mkdir()
    written, lines = {}, []
    for person in people:
        for label in LABELS:
            xyz = rng.uniform(-20, 20, (_READINGS, 3))
            written[person, label] = xyz
            lines += _lines(person, label, xyz, start=len(lines))
    (home / FILE).write_text("\n".join(lines) + "\n")
    return written


def _path(folder: Path) -> Path:
    return folder / "WISDM_ar_v1.1" / FILE


def test_reads_back_what_was_written(tmp_path: Path) -> None:
    written = _write(tmp_path)
    splits = read(tmp_path, "full")
    people = {"train": (1, 2, 20), "val": (25, 26, 27, 28), "test": (29, 36)}
    windows = (_READINGS - WINDOW) // HOP + 1
    for name, split in splits.items():
        assert split.x.dtype == np.float32
        assert split.groups is not None
        assert len(split) == len(people[name]) * len(LABELS) * windows
        done = 0
        for person in people[name]:
            for label, activity in enumerate(LABELS):
                mine = slice(done, done + windows)
                done += windows
                xyz = written[person, activity] / STANDARD_GRAVITY
                expected = [xyz[k * HOP : k * HOP + WINDOW] for k in range(windows)]
                assert np.array_equal(split.x[mine], np.array(expected, np.float32))
                assert (split.y[mine] == label).all()
                assert (split.groups[mine] == f"person {person:02d}").all()


def test_validation_grows_until_it_has_each_activity(tmp_path: Path) -> None:
    _write(tmp_path)
    text = _path(tmp_path).read_text().splitlines()
    sparse = [
        line for line in text if not (line[:2] in {"25", "26", "27", "28"} and "Sitting" in line)
    ]
    _path(tmp_path).write_text("\n".join(sparse))
    groups = read(tmp_path, "full")["val"].groups
    assert groups is not None
    assert set(groups) == {f"person {number}" for number in (20, 25, 26, 27, 28)}


def test_known_oddities_are_read_or_left_out(tmp_path: Path) -> None:
    written = _write(tmp_path)
    text = _path(tmp_path).read_text().splitlines()
    text[3:5] = [text[3] + text[4]]  # two readings on a line
    text[10] = text[10].replace(";", ",;")  # a comma too many
    text.insert(20, "")
    text.insert(30, "1,Walking,77,1.0,2.0,;")  # no z
    text.insert(40, "1,Walking,77;")
    text.insert(50, "1,Walking,77,nan,2.0,3.0;")
    _path(tmp_path).write_text("\r\n".join(text))
    xyz = written[1, "Walking"] / STANDARD_GRAVITY
    train = read(tmp_path, "full")["train"]
    assert np.array_equal(train.x[0], xyz[:WINDOW].astype(np.float32))


@pytest.mark.parametrize("gap", [20 * _STEP_NS + 1, -40 * _STEP_NS])
def test_no_window_spans_a_gap(tmp_path: Path, gap: int) -> None:
    written = _write(tmp_path)
    lines = _path(tmp_path).read_text().splitlines()
    for number in range(100, 200):  # person 1 walks on later
        fields = lines[number].split(",")
        fields[2] = str(int(fields[2]) + gap)
        lines[number] = ",".join(fields)
    _path(tmp_path).write_text("\n".join(lines))
    train = read(tmp_path, "full")["train"]
    mine = (train.y == 0) & (train.groups == "person 01")
    xyz = (written[1, "Walking"] / STANDARD_GRAVITY).astype(np.float32)
    assert np.array_equal(train.x[mine], [xyz[:WINDOW], xyz[100 : 100 + WINDOW]])


def test_profiles_take_subsets(tmp_path: Path) -> None:
    _write(tmp_path)
    assert len(read(tmp_path, "smoke")["val"]) == 90


def _garbage(folder: Path) -> None:
    _path(folder).write_bytes(np.random.default_rng(1).bytes(50_000))


def _empty(folder: Path) -> None:
    _path(folder).write_text("")


def _too_many_malformed(folder: Path) -> None:
    lines = _path(folder).read_text().splitlines()
    _path(folder).write_text("\n".join(lines + ["1,Walking,1,,,;"] * (len(lines) // 50)))


def _other_format(folder: Path) -> None:
    _path(folder).write_text(_path(folder).read_text().replace(",", "\t"))


def _truncated(folder: Path) -> None:
    _path(folder).write_text(_path(folder).read_text()[:100_000])


def _a_folder(folder: Path) -> None:
    _path(folder).unlink()
    _path(folder).mkdir()


def _no_standing(folder: Path) -> None:
    lines = _path(folder).read_text().splitlines()
    _path(folder).write_text("\n".join(line for line in lines if "Standing" not in line))


@pytest.mark.parametrize(
    "break_it",
    [_garbage, _empty, _too_many_malformed, _other_format, _truncated, _a_folder, _no_standing],
)
def test_damage_is_named(tmp_path: Path, break_it: object) -> None:
    _write(tmp_path)
    break_it(tmp_path)  # type: ignore[operator]
    with pytest.raises(DatasetError) as caught:
        read(tmp_path, "full")
    assert FILE in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=2000))
@settings(max_examples=50, deadline=None)
def test_any_bytes_are_refused_politely(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes
) -> None:
    folder = tmp_path_factory.mktemp("wisdm")
    (folder / FILE).write_bytes(raw)
    with pytest.raises(DatasetError, match=FILE):
        read(folder, "full")


def test_an_empty_folder_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="qnnlab data get wisdm"):
        read(tmp_path, "full")
