"""Speech Commands v0.02 (Warden 2018, arXiv:1804.03209) with the twelve classes of MLPerf Tiny.

The archive holds a folder a word with `<speaker>_nohash_<n>.wav`, two lists of the files for
validation and test, and long recordings of noise. MLPerf Tiny takes it from TensorFlow Datasets
(speech_commands 0.0.3), and so does this:

* `validation_list.txt` and `testing_list.txt` decide, all else is for training. The lists keep
  speakers apart; a group is a speaker.
* The 25 words that are no keywords are Unknown, all of them: 63 % of the training clips.
* Silence is cut from the noise in seconds that overlap by half; `running_tap.wav` is validation's.
* Each clip is divided by its largest sample before the MFCCs. Four in five training clips get
  training noise at a volume up to 0.1.

Differences: MLPerf Tiny tests on a separate archive with 408 clips each of Silence and Unknown,
whose silence is from the recordings that it trains on. Here the test list's unknown words are
thinned to as many as a keyword has on average, and the silence is `exercise_bike.wav`, which is
kept from training. Noise is added once to a training clip, not anew each epoch, and not to Silence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import DatasetError
from qnnlab.steps import tell
from qnnlab.tasks.front_ends import RATE_HZ, loudest_at_one, mfcc
from qnnlab.tasks.readers.waves import read_wave
from qnnlab.tasks.task import SPLITS, Split

KEYWORDS = ("down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes")
SILENCE, UNKNOWN = len(KEYWORDS), len(KEYWORDS) + 1
CLASSES = len(KEYWORDS) + 2

Waves = NDArray[np.float32]

_LISTS = {"val": "validation_list.txt", "test": "testing_list.txt"}
_NOISE = "_background_noise_"
_NOISE_FILES = {"running_tap.wav": "val", "exercise_bike.wav": "test"}
_NAME = re.compile(r"([0-9a-f]+)_nohash_\d+\.wav")
_HOP = RATE_HZ // 2
_CHUNK = 64
_NOISY_SHARE, _NOISE_VOLUME = 0.8, 0.1
_SEED = 20250820
_AGAIN = "`qnnlab data get speech_commands` downloads it anew"
# Clips of each class in train, val and test, where not all.
_EACH = {"smoke": (30, 6, 10), "quick": (600, 50, 100)}


@dataclass(frozen=True)
class _Clip:
    """A second of a file, from `start` on."""

    path: Path
    label: int
    group: str
    start: int = 0


def read(folder: Path, profile: str) -> dict[str, Split]:
    """MFCCs (clips, 49, 10, 1) in half precision, few files in memory at a time.

    smoke and quick take as many clips of each class, evenly spaced in the list of all; full takes
    all. Raises DatasetError.
    """
    clips = _found(folder)
    noise = _training_noise(clips["train"])
    each = _EACH.get(profile, (None,) * 3)
    return {
        name: _features(name, _spread(clips[name], count), noise if name == "train" else None)
        for name, count in zip(SPLITS, each, strict=True)
    }


def examples(folder: Path) -> tuple[Waves, ...]:
    """The first training clip of each class."""
    train = _found(folder)["train"]
    first = [next(clip for clip in train if clip.label == label) for label in range(CLASSES)]
    return tuple(_second(clip) for clip in first)


def _found(folder: Path) -> dict[str, list[_Clip]]:
    """The clips of each split, by class, word and name; each class is in each split."""
    home = _home(folder)
    listed = {line: name for name, file in _LISTS.items() for line in _lines(home / file)}
    clips: dict[str, list[_Clip]] = {name: [] for name in SPLITS}
    for word in _words(home):
        label = KEYWORDS.index(word) if word in KEYWORDS else UNKNOWN
        for path in sorted((home / word).glob("*.wav")):
            if path.name.startswith("."):
                continue
            match = _NAME.fullmatch(path.name)
            if match is None:
                raise DatasetError(
                    f"{path}: not named like 0a7c2a8d_nohash_0.wav; remove it, or {_AGAIN}"
                )
            name = listed.pop(f"{word}/{path.name}", "train")
            clips[name].append(_Clip(path, label, match[1]))
    for line, name in listed.items():
        raise DatasetError(f"{home / line}: named in {_LISTS[name]}, but not there; {_AGAIN}")
    for name, clip in _silence(home / _NOISE):
        clips[name].append(clip)
    for name in SPLITS:
        clips[name].sort(key=lambda clip: clip.label)
        _check_classes(home, name, clips[name])
    clips["test"] = _thinned(clips["test"])
    return clips


def _home(folder: Path) -> Path:
    lists = [folder / _LISTS["val"], *folder.glob(f"*/{_LISTS['val']}")]
    home = next((path.parent for path in lists if path.is_file()), None)
    if home is None:
        raise DatasetError(f"{folder}: no {_LISTS['val']} in it; {_AGAIN}")
    return home


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: not a list that can be read: {error}; {_AGAIN}") from None


def _words(home: Path) -> list[str]:
    found = sorted(path.name for path in home.iterdir() if path.is_dir())
    return [word for word in found if not word.startswith(("_", "."))]


def _silence(folder: Path) -> Iterator[tuple[str, _Clip]]:
    for path in sorted(folder.glob("*.wav")):
        if path.name.startswith("."):
            continue
        name = _NOISE_FILES.get(path.name, "train")
        for start in range(0, len(_samples(path)) - RATE_HZ, _HOP):
            yield name, _Clip(path, SILENCE, f"noise {path.stem}", start)


def _check_classes(home: Path, split: str, clips: Sequence[_Clip]) -> None:
    present = {clip.label for clip in clips}
    for label in range(CLASSES):
        if label not in present:
            what = (*KEYWORDS, _NOISE, "a word that is no keyword")[label]
            raise DatasetError(f"{home}: no clip of {what} for the split {split}; {_AGAIN}")


def _thinned(clips: Sequence[_Clip]) -> list[_Clip]:
    """Unknown words as many as a keyword has on average."""
    keywords = sum(clip.label < SILENCE for clip in clips)
    unknown = [clip for clip in clips if clip.label == UNKNOWN]
    kept = _evenly(unknown, max(1, round(keywords / len(KEYWORDS))))
    return [*(clip for clip in clips if clip.label != UNKNOWN), *kept]


def _evenly(clips: Sequence[_Clip], count: int) -> list[_Clip]:
    at = np.linspace(0, len(clips) - 1, min(count, len(clips))).astype(int)
    return [clips[index] for index in at]


def _spread(clips: Sequence[_Clip], each: int | None) -> list[_Clip]:
    if each is None:
        return list(clips)
    return [
        clip
        for label in range(CLASSES)
        for clip in _evenly([one for one in clips if one.label == label], each)
    ]


def _training_noise(clips: Sequence[_Clip]) -> Waves:
    """The noise recordings of the training split, one after the other."""
    paths = sorted({clip.path for clip in clips if clip.label == SILENCE})
    return np.concatenate([_samples(path) for path in paths])


def _features(name: str, clips: Sequence[_Clip], noise: Waves | None) -> Split:
    x = np.empty((len(clips), 49, 10, 1), np.float16)
    rng = np.random.default_rng(_SEED)
    for start in range(0, len(clips), _CHUNK):
        tell(f"reading speech_commands ({name})", start / len(clips))
        part = clips[start : start + _CHUNK]
        waves = loudest_at_one(np.stack([_second(clip) for clip in part]))
        if noise is not None:
            spoken = np.array([clip.label != SILENCE for clip in part])
            waves = _with_noise(waves, spoken, noise, rng)
        x[start : start + _CHUNK] = mfcc(waves)
    return Split(
        x,
        np.array([clip.label for clip in clips], np.int64),
        np.array([clip.group for clip in clips]),
    )


def _with_noise(
    waves: Waves, spoken: NDArray[np.bool_], noise: Waves, rng: np.random.Generator
) -> Waves:
    count = len(waves)
    starts = rng.integers(0, len(noise) - RATE_HZ + 1, count)
    volume = rng.uniform(0.0, _NOISE_VOLUME, count) * (rng.random(count) < _NOISY_SHARE) * spoken
    pieces = np.stack([noise[start : start + RATE_HZ] for start in starts])
    mixed = waves + pieces * volume[:, np.newaxis].astype(np.float32)
    # MLPerf Tiny clips what noise was added to, and only that
    return np.where(volume[:, np.newaxis] > 0.0, np.clip(mixed, -1.0, 1.0), waves)


def _second(clip: _Clip) -> Waves:
    """A clip's second, filled up with zeros."""
    piece = _samples(clip.path, clip.start, RATE_HZ)
    return np.pad(piece, (0, RATE_HZ - len(piece)))


def _samples(path: Path, start: int = 0, count: int | None = None) -> Waves:
    """`count` samples or as many as there are from `start` on, all without a count."""
    samples = read_wave(path, _AGAIN, start, count)
    if not len(samples):
        raise DatasetError(f"{path}: no samples in it; {_AGAIN}")
    return samples
