"""Spoken words in rooms with noise: one-second clips from espeak-ng for keyword spotting.

What varies between clips: the word, the voice, the accent, speed, pitch and its range, where in
the second the word lies, the room, noise and other talkers, the microphone's frequency response
and its level. Voices are split like speakers: none is in two splits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from qnnlab.steps import tell
from qnnlab.tasks.front_ends import RATE_HZ, loudest_at_one, mfcc
from qnnlab.tasks.synthetic.espeak import RATE_HZ as SPOKEN_HZ
from qnnlab.tasks.synthetic.espeak import Utterance, speak
from qnnlab.tasks.task import Split


def _listed(names: str) -> tuple[str, ...]:
    return tuple(names.split())


KEYWORDS = ("Down", "Go", "Left", "No", "Off", "On", "Right", "Stop", "Up", "Yes")
SILENCE, UNKNOWN = len(KEYWORDS), len(KEYWORDS) + 1
LABELS = (*KEYWORDS, "Silence", "Unknown")

#: The 25 words of Speech Commands that are no keywords.
OTHER_WORDS = _listed(
    "backward bed bird cat dog eight five follow forward four happy house learn marvin nine one "
    "seven sheila six three tree two visual wow zero"
)
#: Words that sound like a keyword.
CONFUSABLE_WORDS = _listed(
    "dough gopher knee town gown goal lift let low note cough odd arm awful light ride bright shop "
    "step top cup us yet chess guess"
)

#: espeak-ng's variants. Copies of one voice with small changes stay in one split. Those of which
#: MLPerf Tiny's own network, trained on people, knows under half of the keywords are left out.
VOICES: Mapping[str, tuple[str, ...]] = {
    "train": _listed(
        "Alex Andrea Annie Denis Henrique Hugo Jacky Mario Michael Mike Nguyen RicishayMax "
        "RicishayMax2 RicishayMax3 Tweaky adam anika anikaRobot announcer aunty benjamin boris "
        "caleb croak ed f1 f3 grandpa john klatt klatt2 klatt3 klatt4 klatt5 klatt6 m1 m3 m6 m7 "
        "max michel miguel mike2 paul pedro rob robosoft robosoft2 robosoft3 robosoft4 "
        "robosoft5 robosoft6 robosoft7 robosoft8 sandro zac"
    ),
    "val": _listed("Diogo Reed belinda edward edward2 f4 grandma linda m5 m8 norbert robert"),
    "test": _listed(
        "Andy AnxiousAndy Gene Gene2 Storm antonio david f2 f5 iven iven2 iven3 "
        "iven4 m2 m4 pablo quincy steph steph2 steph3 victor"
    ),
}

Range = tuple[float, float]
Waves = NDArray[np.float32]

_SAMPLES = RATE_HZ
_BLOCK = 120  # clips mixed at a time; other talkers are taken from the same block
_FFT = 24_000  # a second of sound and half a second of room
_SEED = 20250820
_SPLIT_SEEDS = {"train": 1, "val": 2, "test": 3}


@dataclass(frozen=True)
class Difficulty:
    """How much the clips of one word differ.

    Ranges are drawn from evenly. `snr_db` is the power of the word, while it lasts, over that of
    the background; `babble_share` the clips whose background is talkers, the rest being coloured
    noise, hum and clatter; `reverberation_s` the time in which the room's sound falls by 60 dB,
    and `reverberation_db` its energy over that of the direct sound. `tilt_db` is the microphone's
    slope per octave, `level_db` the peak against full scale, where more than 0 clips.
    `cut_s` is how much of a word can lie outside the second. `confusable_share` of the unknown
    words sound like a keyword. Accents are drawn evenly; one named twice comes twice as often.
    """

    snr_db: Range = (8.0, 30.0)
    babble_share: float = 0.3
    reverberation_s: Range = (0.1, 0.4)
    reverberation_db: Range = (-20.0, -3.0)
    tilt_db: Range = (-3.0, 3.0)
    level_db: Range = (-35.0, 3.0)
    cut_s: float = 0.0
    speed: Range = (130.0, 240.0)
    pitch: Range = (25.0, 75.0)
    pitch_range: Range = (20.0, 80.0)
    confusable_share: float = 0.25
    accents: tuple[str, ...] = (
        *("en-us", "en-us", "en", "en-gb-scotland", "en-gb-x-rp"),
        *("en-gb-x-gbclan", "en-us-nyc", "en-029"),
    )


@dataclass(frozen=True)
class _Plan:
    """The clips of a split before a word is said: `utterances[i]` is None for silence."""

    y: NDArray[np.int64]
    utterances: tuple[Utterance | None, ...]
    groups: NDArray[np.str_]


def generate(sizes: Mapping[str, int], difficulty: Difficulty | None = None) -> dict[str, Split]:
    """MFCC splits of `sizes` clips, the classes evenly; the same each time.

    A split depends on its own size only. Raises MissingExtra without espeak-ng.
    """
    return {name: _split(name, size, difficulty or Difficulty()) for name, size in sizes.items()}


def one_clip_a_class(difficulty: Difficulty | None = None) -> Waves:
    """A waveform (16000,) a class in -1 to 1, in the voices of the training split."""
    easy = replace(difficulty or Difficulty(), snr_db=(20.0, 25.0), cut_s=0.0)
    return next(waveforms("train", len(LABELS), easy))[1]


def waveforms(
    split: str, size: int, difficulty: Difficulty
) -> Iterator[tuple[NDArray[np.int64], Waves, NDArray[np.str_]]]:
    """Blocks of labels, clips (block, 16000) in -1 to 1 and voices."""
    plan = _plan(split, size, difficulty)
    spoken = speak([utterance for utterance in plan.utterances if utterance is not None])
    for number, start in enumerate(range(0, size, _BLOCK)):
        part = slice(start, start + _BLOCK)
        words = [
            np.zeros(0, np.float32) if utterance is None else _resampled(next(spoken))
            for utterance in plan.utterances[part]
        ]
        rng = np.random.default_rng((_SEED, _SPLIT_SEEDS[split], number))
        yield plan.y[part], _mixed(words, difficulty, rng), plan.groups[part]


def _split(name: str, size: int, difficulty: Difficulty) -> Split:
    labels, features, groups = [], [], []
    done = 0
    for y, waves, voices in waveforms(name, size, difficulty):
        labels.append(y)
        features.append(mfcc(loudest_at_one(waves)))
        groups.append(voices)
        done += len(y)
        tell(f"speaking the {name} clips", done / size)
    return Split(np.concatenate(features), np.concatenate(labels), np.concatenate(groups))


def _plan(split: str, size: int, difficulty: Difficulty) -> _Plan:
    rng = np.random.default_rng((_SEED, _SPLIT_SEEDS[split]))
    turns = -(-size // len(LABELS))
    y = np.concatenate([rng.permutation(len(LABELS)) for _ in range(turns)])[:size]
    utterances = tuple(_utterance(int(label), VOICES[split], difficulty, rng) for label in y)
    groups = np.array([f"{split} room" if u is None else u.voice.split("+")[1] for u in utterances])
    return _Plan(y.astype(np.int64), utterances, groups)


def _utterance(
    label: int, voices: Sequence[str], difficulty: Difficulty, rng: np.random.Generator
) -> Utterance | None:
    if label == SILENCE:
        return None
    word = KEYWORDS[label].lower() if label < SILENCE else _other_word(difficulty, rng)
    return Utterance(
        word,
        f"{rng.choice(difficulty.accents)}+{rng.choice(voices)}",
        int(rng.uniform(*difficulty.speed)),
        int(rng.uniform(*difficulty.pitch)),
        int(rng.uniform(*difficulty.pitch_range)),
    )


def _other_word(difficulty: Difficulty, rng: np.random.Generator) -> str:
    confusable = rng.random() < difficulty.confusable_share
    return str(rng.choice(CONFUSABLE_WORDS if confusable else OTHER_WORDS))


def _resampled(spoken: NDArray[np.int16]) -> Waves:
    """At 16 kHz, by leaving out what the spectrum holds above 8 kHz, and of power 1."""
    from scipy.fft import irfft, rfft

    common = int(np.gcd(RATE_HZ, SPOKEN_HZ))
    units = -(-len(spoken) // (SPOKEN_HZ // common))
    before, after = units * SPOKEN_HZ // common, units * RATE_HZ // common
    wave: Waves = irfft(rfft(spoken.astype(np.float32), before)[: after // 2 + 1], after)
    return wave / max(float(np.sqrt(np.mean(np.square(wave)))), 1e-9)


def _mixed(words: Sequence[Waves], difficulty: Difficulty, rng: np.random.Generator) -> Waves:
    """Clips (len(words), 16000): each word, of power 1, in a room before a microphone."""
    from scipy.fft import irfft, rfft

    count = len(words)
    speech = np.stack([_placed(word, difficulty.cut_s, rng) for word in words])
    rooms = _rooms(count, difficulty, rng)
    heard = irfft(rfft(speech, _FFT) * rfft(rooms, _FFT), _FFT)[:, :_SAMPLES]
    snr_db = rng.uniform(*difficulty.snr_db, (count, 1))
    heard += _background(words, difficulty, rng) * 10.0 ** (-snr_db / 20.0)
    heard = irfft(rfft(heard, _FFT) * _microphones(count, difficulty, rng), _FFT)[:, :_SAMPLES]
    peak = np.abs(heard).max(axis=1, keepdims=True)
    level = 10.0 ** (rng.uniform(*difficulty.level_db, (count, 1)) / 20.0)
    recorded: Waves = np.clip(np.rint(heard / peak * level * 32767.0), -32768, 32767) / 32768.0
    return recorded.astype(np.float32)


def _placed(word: Waves, cut_s: float, rng: np.random.Generator) -> Waves:
    """The second in which the word is said, from anywhere that leaves at most `cut_s` outside."""
    cut = int(cut_s * RATE_HZ)
    padded = np.zeros(_SAMPLES + 2 * cut, np.float32)
    word = word[: len(padded)]
    start = rng.integers(0, len(padded) - len(word) + 1)
    padded[start : start + len(word)] = word
    return padded[cut : cut + _SAMPLES]


def _rooms(count: int, difficulty: Difficulty, rng: np.random.Generator) -> Waves:
    """Impulse responses (count, samples): the direct sound, then noise that dies away."""
    time = np.arange(_FFT - _SAMPLES, dtype=np.float32) / RATE_HZ
    fall = rng.uniform(*difficulty.reverberation_s, (count, 1)).astype(np.float32)
    first = rng.uniform(0.002, 0.02, (count, 1))
    tail = rng.standard_normal((count, len(time)), np.float32) * np.exp(-6.9 * time / fall)
    tail[time < first] = 0.0
    energy = 10.0 ** (rng.uniform(*difficulty.reverberation_db, (count, 1)) / 10.0)
    tail *= np.sqrt(energy / np.square(tail).sum(axis=1, keepdims=True))
    tail[:, 0] = 1.0
    return tail.astype(np.float32)


def _background(words: Sequence[Waves], difficulty: Difficulty, rng: np.random.Generator) -> Waves:
    """Sound (clips, 16000) of power 1 behind each word."""
    count = len(words)
    noise = _noise(count, rng)
    for index in np.flatnonzero(rng.random(count) < difficulty.babble_share):
        noise[index] = 0.05 * noise[index] + _babble(words, int(index), rng)
    power: Waves = np.sqrt(np.mean(np.square(noise), axis=1, keepdims=True))
    return noise / power


def _babble(words: Sequence[Waves], index: int, rng: np.random.Generator) -> Waves:
    """Five to twelve others of the block who speak two words each, none of them close by."""
    sound = np.zeros(_SAMPLES, np.float32)
    for _ in range(2 * int(rng.integers(5, 13))):
        other = words[int(rng.integers(len(words)))]
        if other is words[index] or not len(other):
            continue
        start = int(rng.integers(-len(other) // 2, _SAMPLES - len(other) // 2))
        piece = other[max(0, -start) : _SAMPLES - start]
        sound[max(0, start) : max(0, start) + len(piece)] += piece * rng.uniform(0.4, 1.0)
    return sound


def _noise(count: int, rng: np.random.Generator) -> Waves:
    """Noise (count, 16000) from white to brown that swells, with hum and clatter in some clips."""
    from scipy.fft import irfft

    bins = _SAMPLES // 2 + 1
    hertz = np.maximum(np.arange(bins, dtype=np.float32), 20.0)
    slope = rng.uniform(0.0, 1.0, (count, 1)).astype(np.float32)
    phases = rng.standard_normal((count, bins, 2), np.float32).view(np.complex64)[..., 0]
    noise: Waves = irfft(phases * hertz**-slope, _SAMPLES)
    time = np.arange(_SAMPLES, dtype=np.float32) / np.float32(RATE_HZ)
    rate, phase = rng.uniform(0.5, 6.0, (count, 1)), rng.uniform(0, 2 * np.pi, (count, 1))
    noise *= 1.0 + rng.uniform(0.0, 0.8, (count, 1)) * np.sin(2 * np.pi * rate * time + phase)
    noise /= np.sqrt(np.mean(np.square(noise), axis=1, keepdims=True))
    for index in range(count):
        kind = rng.random()
        if kind < 0.2:
            noise[index] += _hum(time, rng)
        elif kind < 0.4:
            noise[index] += _clatter(rng)
    return noise.astype(np.float32)


def _hum(time: Waves, rng: np.random.Generator) -> Waves:
    """A motor or a transformer: a tone of 50 to 200 Hz with overtones."""
    pitch = rng.uniform(50.0, 200.0)
    hum = np.zeros(_SAMPLES, np.float32)
    for overtone in range(1, 9):
        hum += np.sin(2 * np.pi * (pitch * overtone * time + rng.random())) / overtone
    return hum


def _clatter(rng: np.random.Generator) -> Waves:
    """Dishes and keys: up to six blows, each a few tones of 0.5 to 6 kHz that die away."""
    sound = np.zeros(_SAMPLES, np.float32)
    for _ in range(rng.integers(1, 7)):
        start = int(rng.integers(_SAMPLES))
        time = np.arange(_SAMPLES - start, dtype=np.float32) / RATE_HZ
        tones = rng.uniform(500.0, 6000.0, (3, 1)).astype(np.float32)
        blow = np.sin(2 * np.pi * tones * time).sum(axis=0) * np.exp(-time * rng.uniform(20, 100))
        sound[start:] += blow * rng.uniform(1.0, 6.0)
    return sound


def _microphones(count: int, difficulty: Difficulty, rng: np.random.Generator) -> Waves:
    """Frequency responses (count, bins): a slope, a band limit on each side and one resonance."""
    hertz = np.maximum(np.linspace(0.0, RATE_HZ / 2, _FFT // 2 + 1, dtype=np.float32), 1.0)
    octaves = np.log2(hertz / 1000.0)
    tilt = rng.uniform(*difficulty.tilt_db, (count, 1))
    centre, height = rng.uniform(-2.0, 2.5, (count, 1)), rng.uniform(-6.0, 6.0, (count, 1))
    gain_db = tilt * np.clip(octaves, -4.0, 3.0)
    gain_db += height * np.exp(-np.square((octaves - centre) / 0.5))
    low, high = rng.uniform(50.0, 250.0, (count, 1)), rng.uniform(3400.0, 8000.0, (count, 1))
    limits = 1.0 / np.sqrt((1.0 + (low / hertz) ** 4) * (1.0 + (hertz / high) ** 8))
    response: Waves = (limits * 10.0 ** (gain_db / 20.0)).astype(np.float32)
    return response
