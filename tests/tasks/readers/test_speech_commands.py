"""The reader of Speech Commands, on WAV files in the archive's own layout made for the purpose."""

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
from qnnlab.tasks import kws
from qnnlab.tasks.front_ends import RATE_HZ, loudest_at_one, mfcc
from qnnlab.tasks.readers import speech_commands
from qnnlab.tasks.readers.speech_commands import KEYWORDS, SILENCE, UNKNOWN

_OTHERS = ("backward", "bed", "wow")
_SPEAKERS = {"train": ("0a7c2a8d", "1b4c9b89"), "val": ("439c84f4",), "test": ("c50f55b8",)}
_NOISES = ("exercise_bike", "pink_noise", "running_tap", "white_noise")
_NOISE_S = 3


def _pcm(name: str, samples: int) -> NDArray[np.int16]:
    rng = np.random.default_rng([*name.encode()])
    return (rng.standard_normal(samples, np.float32) * 3000).astype(np.int16)


def _wav(
    samples: NDArray[np.int16], rate: int = RATE_HZ, channels: int = 1, bits: int = 16
) -> bytes:
    """RIFF header as the recordings have it (PCM, one fmt and one data chunk), then samples."""
    content = samples.astype("<i2").tobytes()
    block = channels * bits // 8
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, rate, rate * block, block, bits)
    data = struct.pack("<4sI", b"data", len(content)) + content
    return struct.pack("<4sI4s", b"RIFF", 4 + len(fmt) + len(data), b"WAVE") + fmt + data


def _length(speaker: str) -> int:
    return RATE_HZ if speaker[0] != "4" else 13_653  # some clips are shorter than a second


@pytest.fixture(scope="module")
def genuine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("archive") / "speech_commands"
    lists: dict[str, list[str]] = {name: [] for name in _SPEAKERS}
    for word in (*KEYWORDS, *_OTHERS):
        (home / word).mkdir(parents=True)
        for name, speakers in _SPEAKERS.items():
            for speaker in speakers:
                for take in range(2):
                    line = f"{word}/{speaker}_nohash_{take}.wav"
                    (home / line).write_bytes(_wav(_pcm(line, _length(speaker))))
                    lists[name].append(line)
    (home / "_background_noise_").mkdir()
    (home / "_background_noise_/README.md").write_text("noise", encoding="ascii")
    for noise in _NOISES:
        content = _wav(_pcm(noise, _NOISE_S * RATE_HZ))
        (home / f"_background_noise_/{noise}.wav").write_bytes(content)
    (home / "validation_list.txt").write_text("\n".join(lists["val"]) + "\n", encoding="ascii")
    (home / "testing_list.txt").write_text("\n".join(lists["test"]) + "\n", encoding="ascii")
    for name in ("LICENSE", "README.md"):
        (home / name).write_text("text", encoding="ascii")
    return home


@pytest.fixture
def copy(genuine: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(genuine, tmp_path / "speech_commands"))


def _expected(content: NDArray[np.int16]) -> NDArray[np.float16]:
    wave = np.zeros((1, RATE_HZ), np.float32)
    wave[0, : len(content)] = content.astype(np.float32) / 32768
    return mfcc(loudest_at_one(wave))[0].astype(np.float16)


@pytest.mark.parametrize("inside", [False, True], ids=["as extracted", "one folder deeper"])
def test_splits_speakers_and_classes(genuine: Path, inside: bool) -> None:
    splits = speech_commands.read(genuine.parent if inside else genuine, "full")
    seconds = 2 * _NOISE_S - 2
    for name, speakers in _SPEAKERS.items():
        split = splits[name]
        assert split.x.shape[1:] == (49, 10, 1)
        assert np.isfinite(split.x).all()
        each = 2 * len(speakers)
        unknown = each if name == "test" else each * len(_OTHERS)
        silence = seconds * (2 if name == "train" else 1)
        assert np.bincount(split.y).tolist() == [each] * 10 + [silence, unknown]
        assert split.groups is not None
        assert set(split.groups[split.y != SILENCE]) == set(speakers)
    noises = {name: set(split.groups[split.y == SILENCE]) for name, split in splits.items()}
    assert noises == {
        "train": {"noise pink_noise", "noise white_noise"},
        "val": {"noise running_tap"},
        "test": {"noise exercise_bike"},
    }


def test_values_are_those_of_the_files(genuine: Path) -> None:
    splits = speech_commands.read(genuine, "full")
    for name, word in (("val", "down"), ("test", "yes"), ("val", "wow")):
        (speaker,) = _SPEAKERS[name]
        line = f"{word}/{speaker}_nohash_1.wav"
        label = KEYWORDS.index(word) if word in KEYWORDS else UNKNOWN
        got = splits[name].x[splits[name].y == label][-1]
        np.testing.assert_array_equal(got, _expected(_pcm(line, _length(speaker))))
    noise = _pcm("running_tap", _NOISE_S * RATE_HZ)
    got = splits["val"].x[splits["val"].y == SILENCE]
    for index in range(len(got)):
        piece = noise[index * RATE_HZ // 2 :][:RATE_HZ]
        np.testing.assert_array_equal(got[index], _expected(piece))


def test_training_clips_get_noise_and_silence_none(genuine: Path) -> None:
    train = speech_commands.read(genuine, "full")["train"]
    assert train.groups is not None
    down = train.x[train.y == 0]
    plain = [
        _expected(_pcm(f"down/{speaker}_nohash_{take}.wav", RATE_HZ))
        for speaker in _SPEAKERS["train"]
        for take in range(2)
    ]
    changed = [not np.array_equal(a, b) for a, b in zip(down, plain, strict=True)]
    assert any(changed)
    silence = train.x[(train.y == SILENCE) & (train.groups == "noise pink_noise")]
    piece = _pcm("pink_noise", _NOISE_S * RATE_HZ)[:RATE_HZ]
    np.testing.assert_array_equal(silence[0], _expected(piece))


def test_same_each_time_and_smoke_is_balanced(genuine: Path) -> None:
    first, again = (speech_commands.read(genuine, "smoke") for _ in range(2))
    for name, split in first.items():
        np.testing.assert_array_equal(split.x, again[name].x)
        assert set(np.unique(split.y)) == set(range(12))
    assert np.bincount(first["val"].y).max() <= 6


def test_task_loads_and_shows(genuine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QNNLAB_DATA", str(genuine.parent))
    data = kws.load_speech_commands("smoke")
    assert data.train.x.dtype == np.float32
    assert data.train.x.shape[1:] == (49, 10, 1)
    shown = kws.preview_speech_commands()
    assert [sample.shape for sample in shown.samples] == [(RATE_HZ,)] * 12
    line = f"up/{_SPEAKERS['train'][0]}_nohash_0.wav"
    np.testing.assert_array_equal(shown.samples[8] * 32768, _pcm(line, RATE_HZ))


def _cut(home: Path) -> None:
    path = home / "left/c50f55b8_nohash_1.wav"
    path.write_bytes(path.read_bytes()[:20_000])


def _header_only(home: Path) -> None:
    path = home / "left/c50f55b8_nohash_1.wav"
    path.write_bytes(path.read_bytes()[:30])


def _drop_word(home: Path) -> None:
    shutil.rmtree(home / "yes")
    for name in ("validation_list.txt", "testing_list.txt"):
        lines = (home / name).read_text(encoding="ascii").split()
        kept = [line for line in lines if not line.startswith("yes/")]
        (home / name).write_text("\n".join(kept), encoding="ascii")


def _rewrite(relative: str, content: bytes) -> Callable[[Path], None]:
    def change(home: Path) -> None:
        (home / relative).write_bytes(content)

    return change


_CLIP = "left/c50f55b8_nohash_1.wav"
_SECOND = _pcm("x", RATE_HZ)


@pytest.mark.parametrize(
    ("change", "named", "message"),
    [
        (_cut, _CLIP, "ends after 19956 of 32000 bytes"),
        (_header_only, _CLIP, "not a WAV file"),
        (_rewrite(_CLIP, b"\x00\xff" * 500), _CLIP, "not a WAV file"),
        (_rewrite(_CLIP, b""), _CLIP, "not a WAV file"),
        (_rewrite(_CLIP, _wav(_SECOND, rate=8_000)), _CLIP, "at 8000 Hz, not 1 of 16 at 16000"),
        (_rewrite(_CLIP, _wav(_SECOND, channels=2)), _CLIP, "2 channels of 16 bits"),
        (_rewrite(_CLIP, _wav(_SECOND, bits=8)), _CLIP, "1 channels of 8 bits"),
        (_rewrite(_CLIP, _wav(_SECOND[:0])), _CLIP, "no samples"),
        (_rewrite("left/copy of one.wav", _wav(_SECOND)), "left/copy of one.wav", "not named like"),
        (_rewrite("testing_list.txt", b"\xff\xfe\x00"), "testing_list.txt", "not a list"),
        (lambda home: (home / "testing_list.txt").unlink(), "testing_list.txt", "not a list"),
        (lambda home: (home / "validation_list.txt").unlink(), "", "no validation_list.txt"),
        (lambda home: (home / _CLIP).unlink(), _CLIP, "named in testing_list.txt"),
        (_drop_word, "", "no clip of yes for the split train"),
        (lambda home: shutil.rmtree(home / "_background_noise_"), "", "no clip of _background"),
        (
            lambda home: (home / "_background_noise_/running_tap.wav").unlink(),
            "",
            "no clip of _background_noise_ for the split val",
        ),
    ],
)
def test_damage_is_named(
    change: Callable[[Path], None], named: str, message: str, copy: Path
) -> None:
    change(copy)
    with pytest.raises(DatasetError, match=message) as caught:
        speech_commands.read(copy, "full")
    assert str(copy / named if named else copy) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "qnnlab data get speech_commands" in str(caught.value)


@given(st.binary(max_size=200))
def test_garbage_is_a_dataset_error(tmp_path_factory: pytest.TempPathFactory, blob: bytes) -> None:
    path = tmp_path_factory.mktemp("garbage") / "a.wav"
    path.write_bytes(blob)
    with pytest.raises(DatasetError, match=r"a\.wav"):
        speech_commands._samples(path)
