"""People who walk, climb, sit, stand and lie, as a phone on their waist feels it.

Body axes: x up, y forward, z left. Walking is a sum of harmonics of the stride: up-down and
fore-aft motion at the rate of steps, sideways motion at that of strides, an impact at each heel
strike. Stairs change cadence, harmonics, phases, impacts and lean. At rest, gravity's direction,
sway, breathing and fidgeting are what tells. Each person has a style, each person and each session
another way to wear the phone; some windows catch a change of activity.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qnnlab.steps import tell
from qnnlab.tasks.readers.uci_har import LABELS, WINDOW
from qnnlab.tasks.task import Split

RATE_HZ = 50
_SEED = 20250820
_SITTING, _STANDING, _LAYING = range(3, 6)
_MARGIN = 100  # samples on each side that the low-pass needs
_SPAN = WINDOW + 2 * _MARGIN
_SATURATION_G = 2.0
_FADE = 12
_PEOPLE = {"smoke": (12, 5, 6), "quick": (60, 15, 40), "full": (200, 40, 40)}
_WINDOWS = {"smoke": 30, "quick": 42, "full": 60}

Array = NDArray[np.float64]

# Level, up, down: what stairs do to a walk, as factors, then phases and lean in rad.
_FACTORS = {
    "cadence": (1.0, 0.88, 1.03),
    "vertical": (1.0, 0.88, 1.12),
    "second": (1.0, 0.7, 1.45),
    "forward": (1.0, 0.8, 0.9),
    "sideways": (1.0, 1.25, 1.1),
    "impact": (1.0, 0.6, 1.5),
    "turn": (1.0, 0.8, 0.9),
    "roll": (1.0, 1.3, 1.1),
    "pitch": (1.0, 1.35, 1.15),
    "uneven": (1.0, 1.2, 1.6),
}
_PHASE = (0.0, 0.7, -0.6)
_LEAN = (0.0, 0.09, -0.03)
# Level walking of the average person: steps/s, g, g, …, rad/s, share of a step.
_AVERAGE = {
    "cadence": 1.85,
    "vertical": 0.22,
    "second": 0.4,
    "forward": 0.13,
    "sideways": 0.09,
    "impact": 0.25,
    "turn": 0.35,
    "roll": 0.25,
    "pitch": 0.22,
    "uneven": 0.02,
}


@dataclass(frozen=True)
class Difficulty:
    """What makes activities hard to tell.

    `style` is the spread (log) of people's gaits, `mood` that of one person's from bout to bout.
    `stairs` scales what stairs change. `placement_deg` and `session_deg` are the spread of the
    phone's rotation between people and between sessions of one, `posture_deg` that of postures.
    `mixed` is the share of windows that begin in another activity. `noise` scales the sensors'
    noise and bias.
    """

    style: float = 0.26
    mood: float = 0.14
    stairs: float = 0.7
    placement_deg: float = 9.0
    session_deg: float = 7.0
    posture_deg: float = 9.0
    mixed: float = 0.12
    noise: float = 1.0


def make(profile: str, difficulty: Difficulty | None = None) -> dict[str, Split]:
    """Windows (samples, 128, 9) in g and rad/s of each split; groups are people.

    Channels as in UCI HAR: acceleration without gravity, rotation rate, acceleration, x to z each.
    """
    knobs = difficulty or Difficulty()
    people = dict(zip(("train", "val", "test"), _PEOPLE[profile], strict=True))
    splits, done = {}, 0
    for part, (name, count) in enumerate(people.items()):
        windows = _WINDOWS[profile] if name == "train" else 30
        x = np.empty((count, windows, WINDOW, 9), np.float32)
        y = np.empty((count, windows), np.int64)
        for number in range(count):
            rng = np.random.default_rng([_SEED, part, number])
            x[number], y[number] = _person(rng, knobs, windows)
            done += 1
            tell("drawing people in motion", done / sum(people.values()))
        groups = np.repeat([f"{name} person {number:03d}" for number in range(count)], windows)
        splits[name] = Split(x.reshape(-1, WINDOW, 9), y.reshape(-1), groups)
    return splits


def _person(
    rng: np.random.Generator, knobs: Difficulty, windows: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Windows of one person in two sessions, each activity as often as the others."""
    activity = np.arange(windows) % len(LABELS)
    style = {name: np.exp(rng.normal(0.0, _spread(name, knobs.style))) for name in _AVERAGE}
    stairs_style = {
        name: np.exp(rng.normal(0.0, _spread(name, 0.5 * knobs.style), 3)) for name in _AVERAGE
    }
    phases = rng.normal(0.0, 0.8 * knobs.style, 12)
    slouch = np.radians(rng.normal(0.0, knobs.posture_deg, 3))
    both = {name: style[name] * stairs_style[name] for name in _AVERAGE}
    force, turning = _motion(rng, knobs, activity, both, phases, slouch)
    before = np.where(
        rng.random(windows) < knobs.mixed, rng.integers(0, len(LABELS), windows), activity
    )
    changed = np.flatnonzero(before != activity)
    if len(changed):
        other = _motion(rng, knobs, before[changed], both, phases, slouch)
        end = _MARGIN + rng.uniform(0.15, 0.45, (len(changed), 1, 1)) * WINDOW
        weight = 1 / (1 + np.exp((np.arange(_SPAN)[:, np.newaxis] - end) / _FADE * 4))
        force[changed] += weight * (other[0] - force[changed])
        turning[changed] += weight * (other[1] - turning[changed])
    session = (np.arange(windows) >= windows // 2).astype(int)
    worn = _rotations(np.radians(rng.normal(0.0, knobs.placement_deg, (1, 3))))
    shifted = _rotations(np.radians(rng.normal(0.0, knobs.session_deg, (2, 3))))[session]
    turn = worn @ shifted
    return _sensed(rng, knobs, force, turning, turn), activity


def _spread(name: str, style: float) -> float:
    """Cadence differs less between people than strength does."""
    return style * {"cadence": 0.4, "impact": 1.6, "second": 1.3}.get(name, 1.0)


def _motion(
    rng: np.random.Generator,
    knobs: Difficulty,
    activity: NDArray[np.int64],
    style: dict[str, Array],
    phases: Array,
    slouch: Array,
) -> tuple[Array, Array]:
    """Acceleration with gravity in g and rotation rate in rad/s (windows, span, 3), body axes."""
    force, turning, lean = _rest(rng, knobs, activity, slouch)
    walks = np.flatnonzero(activity < _SITTING)
    if len(walks):
        moved, turned = _gait(rng, knobs, activity[walks], style, phases)
        force[walks] += moved
        turning[walks] += turned
    # Leaning turns gravity forward or back, and so what is felt of it.
    up, forward, left = np.moveaxis(force, -1, 0)
    pitch, roll = lean
    up, forward = (
        up * np.cos(pitch) - forward * np.sin(pitch),
        up * np.sin(pitch) + forward * np.cos(pitch),
    )
    up, left = up * np.cos(roll) - left * np.sin(roll), up * np.sin(roll) + left * np.cos(roll)
    return np.stack([up, forward, left], axis=-1), turning


def _rest(
    rng: np.random.Generator, knobs: Difficulty, activity: NDArray[np.int64], slouch: Array
) -> tuple[Array, Array, tuple[Array, Array]]:
    """Gravity, small motions, and pitch and roll of the trunk in rad (windows, span)."""
    count = len(activity)
    spread = np.radians(knobs.posture_deg)
    pitch = slouch[0] + rng.normal(0.0, 0.5 * spread, count)
    pitch += knobs.stairs * np.array([*_LEAN, 0.0, 0.0, 0.0])[activity]
    sits = activity == _SITTING
    pitch += sits * (np.radians(-17.0) + slouch[1] + rng.normal(0.0, 0.7 * spread, count))
    lies = activity == _LAYING
    pitch += lies * np.radians(-rng.normal(72.0, 14.0, count))
    roll = 0.5 * slouch[2] + rng.normal(0.0, 0.4 * spread, count)
    side = rng.choice([-1.0, 0.0, 0.0, 1.0], count)
    roll += lies * side * np.radians(rng.normal(55.0, 20.0, count))
    steady = np.where(sits, 0.5, np.where(lies, 0.25, 1.0))[:, np.newaxis]
    sway = steady * np.radians(0.8) * np.stack([_wander(rng, count, 0.15, 1.0) for _ in range(2)])
    drift = np.radians(rng.normal(0.0, 1.2, (2, count, 1))) * np.linspace(-1, 1, _SPAN)
    fidget = _fidgets(rng, count) * np.where(activity < _SITTING, 0.3, 1.0)[:, np.newaxis]
    lean = pitch[:, np.newaxis] + sway[0] + drift[0], roll[:, np.newaxis] + sway[1] + drift[1]
    force = np.zeros((count, _SPAN, 3))
    breath = rng.uniform(0.002, 0.006, (count, 1)) * np.where(lies, 1.5, 1.0)[:, np.newaxis]
    force[..., 0] = 1.0
    force[..., 1] += breath * _wander(rng, count, 0.2, 0.35) + 0.05 * fidget
    force[..., 2] += 0.03 * fidget * rng.normal(size=(count, 1))
    force += 0.004 * steady[..., np.newaxis] * _tremor(rng, count)
    turning = np.zeros((count, _SPAN, 3))
    turning[..., 2] = np.gradient(lean[0], axis=1) * RATE_HZ + 0.3 * fidget
    turning[..., 1] = np.gradient(lean[1], axis=1) * RATE_HZ
    turning[..., 0] = 0.02 * _wander(rng, count, 0.15, 1.0) + 0.2 * fidget
    return force, turning, lean


def _wander(rng: np.random.Generator, count: int, low_hz: float, high_hz: float) -> Array:
    """Slow aimless motion: three sines in a band, each window its own; unit variance."""
    rate, phase = rng.uniform(low_hz, high_hz, (3, count, 1)), rng.random((3, count, 1))
    time = np.arange(_SPAN) / RATE_HZ
    total: Array = np.sin(2 * np.pi * (rate * time + phase)).sum(0) * np.sqrt(2 / 3)
    return total


def _tremor(rng: np.random.Generator, count: int) -> Array:
    """Muscles at 6 to 11 Hz on each axis."""
    return np.stack([_wander(rng, count, 6.0, 11.0) for _ in range(3)], axis=-1)


def _fidgets(rng: np.random.Generator, count: int) -> Array:
    """A short movement somewhere in every third window, else nothing."""
    at = rng.uniform(0.2, 0.8, (count, 1)) * _SPAN
    width = rng.uniform(4.0, 15.0, (count, 1))
    size = rng.exponential(1.0, (count, 1)) * (rng.random((count, 1)) < 0.35)
    z = (np.arange(_SPAN) - at) / width
    bump: Array = size * z * np.exp(0.5 - 0.5 * z**2)
    return bump


def _gait(
    rng: np.random.Generator,
    knobs: Difficulty,
    activity: NDArray[np.int64],
    style: dict[str, Array],
    phases: Array,
) -> tuple[Array, Array]:
    """Acceleration in g and rotation rate in rad/s (windows, span, 3) of steps."""
    of = _strengths(rng, knobs, activity, style)
    count, p = len(activity), phases
    uneven = of["uneven"] * np.cumsum(rng.normal(0.0, 1.0, (count, _SPAN)), axis=1)
    time = np.arange(_SPAN) / RATE_HZ
    step = 2 * np.pi * (of["cadence"] * time + uneven + rng.random((count, 1)))
    stride = step / 2 + np.pi * rng.integers(0, 2, (count, 1))
    late = knobs.stairs * np.array(_PHASE)[activity][:, np.newaxis]
    limp = 1 + 0.5 * p[0] * np.cos(stride)
    bounce = np.cos(step + p[1]) + of["second"] * (
        np.cos(2 * step + p[2] + late) + 0.4 * np.cos(3 * step + p[3] - late)
    )
    push = np.sin(step + p[4] + late) + 0.4 * np.sin(2 * step + p[5] - late)
    rock = np.sin(stride + p[6]) + 0.5 * np.sin(3 * stride + p[7] + late)
    knock = of["impact"] * limp * _impacts(step, of["cadence"], 0.03, 11.0)
    brake = 0.5 * of["impact"] * _impacts(step, of["cadence"], 0.04, 9.0)
    force = [limp * of["vertical"] * bounce + knock, of["forward"] * push - brake]
    turning = [
        of["turn"] * (np.cos(stride + p[8]) + 0.3 * np.cos(3 * stride + p[9])),
        of["roll"] * np.sin(stride + p[10] + 0.5 * late),
        of["pitch"] * (np.cos(step + p[11] + late) + 0.3 * np.cos(stride)),
    ]
    # Who steps faster moves more, on stairs as on the level.
    faster = (of["cadence"] / _AVERAGE["cadence"])[..., np.newaxis] ** 1.5
    return (
        faster * np.stack([*force, of["sideways"] * rock], axis=-1),
        np.stack(turning, axis=-1),
    )


def _strengths(
    rng: np.random.Generator,
    knobs: Difficulty,
    activity: NDArray[np.int64],
    style: dict[str, Array],
) -> dict[str, Array]:
    """What each window's walk is made of (windows, 1): average, stairs, person and mood."""
    strengths = {}
    for name, average in _AVERAGE.items():
        mood = np.exp(rng.normal(0.0, _spread(name, knobs.mood), len(activity)))
        change = np.array(_FACTORS[name])[activity] ** knobs.stairs
        strengths[name] = (average * change * style[name][activity] * mood)[:, np.newaxis]
    return strengths


def _impacts(step: Array, cadence: Array, decay_s: float, ring_hz: float) -> Array:
    """A knock at each heel strike that rings out, at most about 1."""
    since = np.mod(step / (2 * np.pi), 1.0) / cadence
    knock: Array = np.exp(-since / decay_s) * np.sin(2 * np.pi * ring_hz * since) * 1.6
    return knock


def _rotations(vectors: Array) -> Array:
    """Rotation matrices (count, 3, 3) of rotation vectors in rad (Rodrigues)."""
    angle = np.linalg.norm(vectors, axis=-1)[:, np.newaxis, np.newaxis]
    axis = vectors / np.maximum(angle[..., 0], 1e-12)
    cross = np.zeros((len(vectors), 3, 3))
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        cross[:, i, j], cross[:, j, i] = -axis[:, k], axis[:, k]
    turn: Array = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)
    return turn


def _sensed(
    rng: np.random.Generator, knobs: Difficulty, force: Array, turning: Array, turn: Array
) -> NDArray[np.float32]:
    """What the phone records (windows, 128, 9): turned, biased, noisy, limited, gravity split."""
    across = np.swapaxes(turn, -1, -2)
    bias = knobs.noise * rng.normal(0.0, 1.0, (2, 3))
    total = force @ across + 0.015 * bias[0]
    total += knobs.noise * rng.normal(0.0, 0.008, total.shape)
    total = np.clip(total, -_SATURATION_G, _SATURATION_G)
    gyro = turning @ across + 0.01 * bias[1]
    gyro += knobs.noise * rng.normal(0.0, 0.012, gyro.shape)
    body = total[:, _MARGIN:-_MARGIN] - _low_passed(total)
    inside = slice(_MARGIN, _MARGIN + WINDOW)
    return np.concatenate([body, gyro[:, inside], total[:, inside]], axis=-1).astype(np.float32)


def _low_passed(total: Array) -> Array:
    """The part below about 0.3 Hz, taken for gravity (windows, 128, 3)."""
    kernel = np.hanning(2 * _MARGIN + 3)[1:-1]
    kernel /= kernel.sum()
    size = _SPAN + len(kernel) - 1
    spectrum = np.fft.rfft(total, size, axis=1) * np.fft.rfft(kernel, size)[:, np.newaxis]
    smooth: Array = np.fft.irfft(spectrum, size, axis=1)[:, 2 * _MARGIN : 2 * _MARGIN + WINDOW]
    return smooth
