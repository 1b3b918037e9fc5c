"""The reader of ToyCar, on WAV files in the archive's own layout written for the purpose."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from qnnlab.errors import DatasetError
from qnnlab.tasks import ad
from qnnlab.tasks.front_ends import mel_filters
from qnnlab.tasks.readers import toycar

_SAMPLES = 132_000
_TRAIN, _NORMAL, _ANOMALY = 20, 3, 2
_UNITS = ("id_01", "id_02")


def _pcm(name: str, seed: int) -> NDArray[np.int16]:
    rng = np.random.default_rng([seed, *name.encode()])
    return (rng.standard_normal(_SAMPLES, np.float32) * 3000).astype(np.int16)


def _wav(
    samples: NDArray[np.int16], rate: int = 16_000, channels: int = 1, bits: int = 16
) -> bytes:
    """RIFF header as the recordings have it (PCM, one fmt and one data chunk), then samples."""
    content = samples.astype("<i2").tobytes()
    block = channels * bits // 8
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, rate, rate * block, block, bits)
    data = struct.pack("<4sI", b"data", len(content)) + content
    return struct.pack("<4sI4s", b"RIFF", 4 + len(fmt) + len(data), b"WAVE") + fmt + data


def _names(part: str, unit: str) -> list[str]:
    if part == "train":
        return [f"normal_{unit}_{number:08d}.wav" for number in range(_TRAIN)]
    return [
        *(f"normal_{unit}_{number:08d}.wav" for number in range(_NORMAL)),
        *(f"anomaly_{unit}_{number:08d}.wav" for number in range(_ANOMALY)),
    ]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("toycar")
    for seed, part in enumerate(("train", "test")):
        (folder / "ToyCar" / part).mkdir(parents=True)
        for unit in _UNITS:
            for name in _names(part, unit):
                (folder / "ToyCar" / part / name).write_bytes(_wav(_pcm(name, seed)))
    return folder


@pytest.fixture
def broken(archive: Path, tmp_path: Path) -> Path:
    """A copy to break; its files are links to those of the archive until they are replaced."""
    for path in archive.rglob("*.wav"):
        copy = tmp_path / path.relative_to(archive)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.symlink_to(path)
    return tmp_path


def _frames_db(samples: NDArray[np.int16], first: int, count: int) -> NDArray[np.float64]:
    """Log-mel frames by their definition: 1,024 samples around each multiple of 512."""
    wave = samples / 32768.0
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(1024) / 1024)
    filters = mel_filters("slaney", 128, 1024, 0.0, 8000.0).astype(np.float64)
    rows = [
        np.abs(np.fft.rfft(wave[512 * k - 512 : 512 * k + 512] * window)) ** 2 @ filters
        for k in range(first, first + count)
    ]
    return 10.0 * np.log10(np.array(rows))


def test_every_recording_is_read_and_held_out_where_it_should(archive: Path) -> None:
    splits = toycar.read(archive, "full")
    windows = {"train": 49, "val": 49, "test": 25}
    recordings = {"train": 36, "val": 4, "test": 10}
    for name, split in splits.items():
        assert split.groups is not None
        assert split.clips is not None
        assert split.x.shape == (recordings[name] * windows[name], 640)
        assert split.x.dtype == np.float16
        assert split.clips.tolist() == np.repeat(range(recordings[name]), windows[name]).tolist()
        assert len(set(split.groups)) == recordings[name]
    assert not splits["train"].y.any()
    assert not splits["val"].y.any()
    val, test = splits["val"].groups, splits["test"].groups
    assert val is not None
    assert test is not None
    assert set(val) == {f"train/normal_{u}_{n:08d}" for u in _UNITS for n in (9, 19)}
    assert [int("anomaly" in group) for group in test] == splits["test"].y.tolist()


@pytest.mark.parametrize("window", [0, 1, 24])
def test_windows_are_the_central_frames_value_for_value(archive: Path, window: int) -> None:
    split = toycar.read(archive, "full")["test"]
    assert split.groups is not None
    for clip in (0, 9):
        row = clip * 25 + window
        name = f"{split.groups[row].removeprefix('test/')}.wav"
        expected = _frames_db(_pcm(name, 1), 50 + 8 * window, 5).reshape(-1)
        np.testing.assert_allclose(split.x[row], expected, atol=0.02)


def test_it_is_found_in_a_folder_of_folders(archive: Path, tmp_path: Path) -> None:
    shutil.copytree(archive / "ToyCar", tmp_path / "dev_data" / "ToyCar")
    (tmp_path / "dev_data" / "ToyCar" / "train" / "._normal_id_01_00000000.wav").write_bytes(b"x")
    assert np.array_equal(
        toycar.read(tmp_path, "smoke")["test"].x, toycar.read(archive, "smoke")["test"].x
    )


def test_a_subset_is_even_and_fixed(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(toycar._RECORDINGS, "quick", (6, 2, 8))
    first, again = toycar.read(archive, "quick"), toycar.read(archive, "quick")
    for name, count in (("train", 6), ("val", 2), ("test", 8)):
        groups, same = first[name].groups, again[name].groups
        assert groups is not None
        assert same is not None
        assert groups.tolist() == same.tolist()
        assert len(set(groups)) == count
        assert sum("id_01" in group for group in set(groups)) == count // 2
    test = first["test"]
    assert np.bincount(test.y).tolist() == [100, 100]


@given(sizes=st.lists(st.integers(1, 60), min_size=1, max_size=8), count=st.integers(1, 300))
def test_a_subset_takes_of_each_unit_and_kind(sizes: list[int], count: int) -> None:
    files = [
        toycar._File(Path(f"{unit}-{number}"), "normal", f"id_{unit:02d}")
        for unit, size in enumerate(sizes)
        for number in range(size)
    ]
    chosen = toycar._spread(files, count)
    assert len(set(chosen)) == len(chosen) <= max(count, len(sizes))
    assert set(chosen) <= set(files)
    assert {file.unit for file in chosen} == {file.unit for file in files}


def test_the_task_scales_and_keeps_it(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QNNLAB_DATA", str(tmp_path))
    shutil.copytree(archive, tmp_path / "toycar")
    (task,) = [task for task in ad.TASKS if task.dataset == "toycar"]
    data = task.load("smoke")
    read = toycar.read(archive, "smoke")["test"].x.astype(np.float32)
    assert data.test.x.dtype == np.float32
    np.testing.assert_allclose(data.test.x, (read + 25) / 20, atol=1e-6)
    assert len(list((tmp_path / "generated").glob("ad.toycar-*.npz"))) == 1
    monkeypatch.setattr(toycar, "read", None)
    assert task.load("smoke").sha256() == data.sha256()
    preview = task.preview()
    assert preview.labels == tuple(f"{k}, {u}" for u in _UNITS for k in ("normal", "anomalous"))
    first = _pcm("normal_id_01_00000000.wav", 1)
    assert np.array_equal(preview.samples[0] * 32768, first.astype(np.float32))


_VICTIM = "train/normal_id_01_00000000.wav"
_FINE = np.zeros(_SAMPLES, np.int16)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (_wav(_FINE)[:-3000], "ends after"),
        (_wav(_FINE)[:-3001], "ends after"),
        (_wav(_FINE)[:20], "not a WAV file"),
        (b"", "not a WAV file"),
        (b"PK\x03\x04" * 1000, "not a WAV file"),
        (_wav(_FINE, rate=44_100), "44100 Hz"),
        (_wav(_FINE, channels=2), "2 channels"),
        (_wav(_FINE, bits=8), "8 bits"),
        (_wav(_FINE[:16_000]), r"1\.0 s"),
    ],
)
def test_a_damaged_recording_is_named(broken: Path, content: bytes, message: str) -> None:
    victim = broken / "ToyCar" / _VICTIM
    victim.unlink()
    victim.write_bytes(content)
    with pytest.raises(DatasetError, match=message) as caught:
        toycar.read(broken, "full")
    assert str(victim) in str(caught.value)
    assert "\n" not in str(caught.value)


def _remove(pattern: str) -> Callable[[Path], None]:
    def change(home: Path) -> None:
        for path in home.glob(pattern):
            path.unlink()

    return change


def _rename(old: str, new: str) -> Callable[[Path], None]:
    return lambda home: (home / old).rename(home / new) and None


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (_remove("test/anomaly_id_02*"), r"ToyCar/test: no anomaly_id_02_\*\.wav"),
        (_remove("test/normal_id_01*"), r"ToyCar/test: no normal_id_01_\*\.wav"),
        (_remove("train/normal_id_02*"), r"ToyCar/train: no normal_id_02_\*\.wav"),
        (_remove("train/*_000000[01][1-9].wav"), "ToyCar/train: under 10"),
        (_remove("test/*.wav"), "ToyCar/test: no recordings"),
        (_rename(_VICTIM, "train/normal_1.wav"), r"normal_1\.wav: not named like"),
        (_rename(_VICTIM, "train/anomaly_id_01_00000000.wav"), "anomaly among training"),
        (lambda home: shutil.rmtree(home / "test"), "no ToyCar/train and ToyCar/test"),
    ],
)
def test_what_is_missing_or_misplaced_is_named(
    broken: Path, change: Callable[[Path], None], named: str
) -> None:
    change(broken / "ToyCar")
    with pytest.raises(DatasetError, match=named) as caught:
        toycar.read(broken, "full")
    assert "\n" not in str(caught.value)
    assert "qnnlab data get toycar" in str(caught.value)
