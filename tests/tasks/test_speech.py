"""Synthetic speech: the same each time, voices apart, and words that a network knows."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from qnnlab.errors import DatasetError, MissingExtra
from qnnlab.graph.runtimes import run_model
from qnnlab.graph.tflite import parse_tflite
from qnnlab.tasks import kws
from qnnlab.tasks.front_ends import RATE_HZ, loudest_at_one, mfcc
from qnnlab.tasks.readers import speech_commands
from qnnlab.tasks.synthetic import espeak
from qnnlab.tasks.synthetic.espeak import Utterance, speak
from qnnlab.tasks.synthetic.speech import (
    CONFUSABLE_WORDS,
    KEYWORDS,
    LABELS,
    OTHER_WORDS,
    SILENCE,
    UNKNOWN,
    VOICES,
    Difficulty,
    generate,
    waveforms,
)
from qnnlab.tasks.task import TaskData

MODELS = Path(__file__).parents[2] / "data/mlperf_tiny/models"
SIZES = {"train": 36, "val": 24, "test": 24}
_DIGEST = (
    "from qnnlab.tasks.synthetic.speech import generate; from qnnlab.tasks.task import TaskData; "
    f"kept = generate({SIZES}); print(TaskData.of(*kept.values(), calibration=8).sha256())"
)


@pytest.fixture(scope="module")
def data() -> TaskData:
    return TaskData.of(*generate(SIZES).values(), calibration=8)


def test_same_speech_in_another_process(data: TaskData) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _DIGEST], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == data.sha256()


def test_a_split_depends_on_its_own_size_only(data: TaskData) -> None:
    again = generate({"test": SIZES["test"]})["test"]
    np.testing.assert_array_equal(again.x, data.test.x)


def test_shapes_classes_and_voices(data: TaskData) -> None:
    for name, split in data.splits().items():
        assert split.x.shape == (SIZES[name], 49, 10, 1)
        assert split.x.dtype == np.float32
        assert np.isfinite(split.x).all()
        assert set(np.bincount(split.y, minlength=len(LABELS))) == {SIZES[name] // len(LABELS)}
        assert split.groups is not None
        assert set(split.groups) <= {*VOICES[name], f"{name} room"}
        assert set(split.groups[split.y == SILENCE]) == {f"{name} room"}


def test_words_and_voices_lie_apart() -> None:
    voices = [voice for names in VOICES.values() for voice in names]
    assert len(voices) == len(set(voices))
    assert len(OTHER_WORDS) == 25
    words = [word.lower() for word in (*KEYWORDS, *OTHER_WORDS, *CONFUSABLE_WORDS)]
    assert len(words) == len(set(words))
    assert tuple(word.lower() for word in KEYWORDS) == speech_commands.KEYWORDS
    assert (speech_commands.SILENCE, speech_commands.UNKNOWN) == (SILENCE, UNKNOWN)


def _clips(difficulty: Difficulty, size: int = 24) -> NDArray[np.float32]:
    return np.concatenate([waves for _, waves, _ in waveforms("val", size, difficulty)])


_CHANGES = {
    "snr_db": (0.0, 1.0),
    "babble_share": 1.0,
    "reverberation_s": (0.4, 0.45),
    "reverberation_db": (-3.0, 0.0),
    "tilt_db": (4.0, 5.0),
    "level_db": (-10.0, -9.0),
    "cut_s": 0.1,
    "speed": (300.0, 310.0),
    "pitch": (80.0, 90.0),
    "pitch_range": (0.0, 10.0),
    "confusable_share": 1.0,
    "accents": ("en-us",),
}


@pytest.fixture(scope="module")
def usual() -> NDArray[np.float32]:
    return _clips(Difficulty())


@pytest.mark.parametrize("knob", [field.name for field in fields(Difficulty)])
def test_each_knob_changes_the_clips(knob: str, usual: NDArray[np.float32]) -> None:
    changed = _clips(replace(Difficulty(), **{knob: _CHANGES[knob]}))
    assert changed.shape == usual.shape == (24, RATE_HZ)
    assert np.abs(changed).max() <= 1.0
    assert not np.array_equal(changed, usual)


def test_noise_is_as_loud_as_asked() -> None:
    """Silence apart, the lower the ratio, the more of the clip lies outside the word."""
    quietest = [
        np.median(np.abs(loudest_at_one(_clips(replace(Difficulty(), snr_db=(db, db))))), axis=1)
        for db in (0.0, 20.0, 40.0)
    ]
    means = [float(levels.mean()) for levels in quietest]
    assert means == sorted(means, reverse=True)


def test_network_trained_on_people_knows_the_words() -> None:
    quiet = Difficulty(
        snr_db=(40.0, 40.0), reverberation_db=(-30.0, -25.0), tilt_db=(0.0, 0.0), accents=("en-us",)
    )
    y, waves, _ = next(waveforms("test", 120, quiet))
    model = (MODELS / "kws_ref_model.tflite").read_bytes()
    graph = parse_tflite(model)
    scale = graph.tensors[graph.inputs[0]].quantization
    x = np.rint(mfcc(loudest_at_one(waves)) / scale.scale[0]) + scale.zero_point[0]
    outputs = run_model(model, np.clip(x, -128, 127).astype(np.int8), "litert_xnnpack").outputs
    right = outputs.argmax(axis=1) == y
    assert right[y < SILENCE].mean() > 0.5  # by chance 0.08


def test_kws_loads_once_and_shows_each_class(monkeypatch: pytest.MonkeyPatch) -> None:
    first = kws.load("smoke")
    monkeypatch.setattr(kws, "generate", None)
    assert kws.load("smoke").sha256() == first.sha256()
    preview = kws.preview()
    assert preview.labels == LABELS
    assert preview.rate_hz == RATE_HZ
    for sample in preview.samples:
        assert sample.shape == (RATE_HZ,)
        assert 0.0 < np.abs(sample).max() <= 1.0


@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_augment_moves_frames_and_adds_a_microphone(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((count, 49, 10, 1), np.float32)
    kept = x.copy()
    changed = kws.augment(x, np.random.default_rng(seed))
    np.testing.assert_array_equal(x, kept)
    assert changed.dtype == np.float32
    assert changed.shape == x.shape
    np.testing.assert_array_equal(kws.augment(x, np.random.default_rng(seed)), changed)
    for before, after in zip(x, changed, strict=True):
        offsets = [after[20] - before[20 + shift] for shift in range(-3, 4)]
        moved = [
            np.abs(after[3:-3] - before[3 + shift : 46 + shift] - offset).max()
            for shift, offset in zip(range(-3, 4), offsets, strict=True)
        ]
        assert min(moved) < 1e-5


def test_sequence_of_utterances_reproduces() -> None:
    said = [Utterance("yes", "en-us+f2"), Utterance("backward", "en+klatt2", 220, 20, 80)] * 3
    first, again = list(speak(said)), list(speak(said))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert all(4_000 < len(spoken) < 30_000 for spoken in first)


def test_speech_can_be_left_early() -> None:
    spoken = speak([Utterance("go", "en-us")] * 200)
    assert len(next(spoken)) > 0
    spoken.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("voice", ["en-us+nobody", "xx+m1", ""])
def test_unknown_voice_is_named(voice: str) -> None:
    with pytest.raises(DatasetError, match=f"no voice '{voice}'".replace("+", r"\+")) as caught:
        list(speak([Utterance("yes", voice)]))
    assert "\n" not in str(caught.value)


def test_without_espeak_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(MissingExtra, match=r"qnnlab\[datasets\]"):
        next(speak([Utterance("yes", "en-us")]))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("import os, signal\n    os.kill(os.getpid(), signal.SIGSEGV)", "signal 11"),
        ("return '/nowhere.so'", "nowhere.so"),
    ],
)
def test_crash_of_the_library_is_an_error(
    body: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loader = f"def get_library_path():\n    {body}\n"
    (tmp_path / "espeakng_loader.py").write_text(loader, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(DatasetError, match=message) as caught:
        list(speak([Utterance("yes", "en-us")]))
    assert "\n" not in str(caught.value)
    assert espeak.RATE_HZ == 22_050
