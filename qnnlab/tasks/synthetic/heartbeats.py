"""Heartbeats of made-up patients: one ECG lead, beats of the five AAMI classes.

A beat is a sum of Gaussian bumps (McSharry et al. 2003): P, Q, R, S, T. Each patient has a
morphology, a rhythm, a recorder and disturbances of its own; a strip with normal and other beats
in succession is drawn and then cut as recordings are (`qnnlab.tasks.readers.mitdb`).

N is normal, with bundle branch blocks, inverted T waves and atrial fibrillation among it. S comes
early with another P wave or none and a narrow QRS, at times a wide one. V comes early, wide,
without P and with a pause behind it. F is N and V at once. Q is paced: a spike, then a wide QRS;
now and then a beat that no one can tell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qnnlab.steps import tell
from qnnlab.tasks.readers.mitdb import LABELS, RECORDED_HZ, cleaned, cut
from qnnlab.tasks.task import Split

_N, _S, _V, _F, _Q = range(len(LABELS))
_SEED = 20250820
_STRIP_BEATS = 120
_SHARES = {False: (14, 7, 7, 5, 0), True: (8, 0, 4, 0, 20)}  # kept of each class: paced or not
_PACED_EVERY = 4
_REACH = (-0.45, 0.62)  # seconds around R that a beat's bumps reach
_PATIENTS = {"smoke": (10, 4, 5), "quick": (80, 14, 40), "full": (280, 40, 40)}

Bumps = NDArray[np.float64]  # (bumps, 3): height in mV, centre and width in s
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Difficulty:
    """What makes beats hard to tell.

    `spread` scales how far patients differ. `prematurity` is the range of early beats' RR
    intervals over the patient's. `aberrant` is the share of S beats that are conducted wide,
    `block` that of patients with a bundle branch block, `fibrillation` that of patients without P
    waves and with irregular intervals. `fusion` is the range of V's part in F. `narrow_v` lets
    foci near the bundles make narrow V beats. `spike_mv` is the range of pacing spikes. `noise`
    scales all disturbances; `jitter_ms` is the spread of the R position. `unclear` is the share of
    Q beats that are drowned in an artefact.
    """

    spread: float = 1.0
    prematurity: tuple[float, float] = (0.55, 0.8)
    aberrant: float = 0.1
    block: float = 0.3
    fibrillation: float = 0.08
    fusion: tuple[float, float] = (0.4, 0.65)
    narrow_v: float = 0.25
    spike_mv: tuple[float, float] = (0.15, 1.5)
    noise: float = 1.0
    jitter_ms: float = 6.0
    unclear: float = 0.08


@dataclass(frozen=True)
class _Patient:
    normal: Bumps
    foci: tuple[Bumps, ...]
    paced: Bumps | None
    rr_s: float
    variability: float
    fibrillating: bool


def make(profile: str, difficulty: Difficulty | None = None) -> dict[str, Split]:
    """Beats (samples, 256, 1) in mV of each split; groups are patients."""
    knobs = difficulty or Difficulty()
    counts = _PATIENTS[profile]
    splits, done = {}, 0
    for part, (name, count) in enumerate(zip(("train", "val", "test"), counts, strict=True)):
        xs, ys, groups = [], [], []
        for number in range(count):
            rng = np.random.default_rng([_SEED, part, number])
            x, y = _strip(rng, knobs, paced=number % _PACED_EVERY == _PACED_EVERY - 1)
            xs.append(x)
            ys.append(y)
            groups.append(np.full(len(y), f"{name} patient {number:03d}"))
            done += 1
            tell("drawing heartbeats", done / sum(counts))
        splits[name] = Split(np.concatenate(xs), np.concatenate(ys), np.concatenate(groups))
    return splits


def _strip(
    rng: np.random.Generator, knobs: Difficulty, paced: bool
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Some beats of one patient."""
    patient = _draw_patient(rng, knobs, paced)
    kinds = _sequence(rng, paced)
    seconds = 1.5 + np.cumsum(_intervals(rng, knobs, patient, kinds))
    samples = int((seconds[-1] + 2.0) * RECORDED_HZ)
    drowned = (kinds == _Q) & (rng.random(len(kinds)) < knobs.unclear)
    trace = _disturbances(rng, knobs, samples)
    for kind, second, lost in zip(kinds, seconds, drowned, strict=True):
        _add(trace, second, _beat(rng, knobs, patient, _N if lost else int(kind)))
        if lost:
            _add(trace, second, _artefact(rng))
    if patient.fibrillating:
        trace += _fibrillation(rng, samples)
    trace *= rng.uniform(0.75, 1.3)
    peaks = np.rint(
        (seconds + rng.normal(0.0, knobs.jitter_ms / 1000, len(seconds))) * RECORDED_HZ
    ).astype(np.int64)
    x, whole = cut(cleaned(trace), peaks)
    kinds = kinds[whole]
    chosen = np.concatenate(
        [np.flatnonzero(kinds == label)[:most] for label, most in enumerate(_SHARES[paced])]
    )
    return x[np.sort(chosen)], kinds[np.sort(chosen)]


def _sequence(rng: np.random.Generator, paced: bool) -> NDArray[np.int64]:
    """Classes of successive beats: the basic rhythm, with other beats strewn in."""
    kinds = np.full(_STRIP_BEATS, _Q if paced else _N)
    wanted = np.repeat(np.arange(len(LABELS)), _SHARES[paced])
    others = wanted[wanted != kinds[0]]
    kinds[rng.choice(np.arange(2, _STRIP_BEATS - 2), len(others), replace=False)] = others
    return kinds.astype(np.int64)


def _intervals(
    rng: np.random.Generator, knobs: Difficulty, patient: _Patient, kinds: NDArray[np.int64]
) -> Array:
    """The RR interval before each beat in s, with pauses behind early beats."""
    count = len(kinds)
    breath = np.sin(2 * np.pi * (np.arange(count) * patient.rr_s / 4.0 + rng.random()))
    wander = rng.normal(0.0, patient.variability, count)
    relative = np.exp(wander + patient.variability * breath)
    early = rng.uniform(*knobs.prematurity, count)
    pause = np.ones(count)
    for index in np.flatnonzero(np.isin(kinds, (_S, _V))):
        relative[index] = early[index]
        if kinds[index] == _V:  # the sinus node goes on: both intervals together are two
            pause[index + 1] = 2.0 - early[index]
        else:  # the sinus node is reset
            pause[index + 1] = rng.uniform(1.0, 1.25)
    relative[kinds == _F] *= rng.uniform(0.85, 1.0, int((kinds == _F).sum()))
    intervals: Array = patient.rr_s * np.maximum(relative * pause, 0.36)
    return np.maximum(intervals, 0.3)


def _draw_patient(rng: np.random.Generator, knobs: Difficulty, paced: bool) -> _Patient:
    fibrillating = not paced and rng.random() < knobs.fibrillation
    foci = tuple(_wide(rng, knobs, rng.random() < knobs.narrow_v) for _ in range(2))
    variability = 0.16 if fibrillating else rng.uniform(0.01, 0.06)
    return _Patient(
        normal=_normal(rng, knobs, fibrillating),
        foci=foci,
        paced=_wide(rng, knobs, narrow=False) if paced else None,
        rr_s=60.0 / float(np.clip(rng.normal(74, 11 * knobs.spread), 48, 105)),
        variability=0.008 if paced else variability,
        fibrillating=fibrillating,
    )


def _normal(rng: np.random.Generator, knobs: Difficulty, fibrillating: bool) -> Bumps:
    """Bumps P, Q, R, S, T early and T late of a patient's normal beat."""

    def spread(middle: float, ratio: float) -> float:
        return float(middle * np.exp(knobs.spread * rng.normal(0.0, ratio)))

    r, width = spread(1.0, 0.35), spread(0.0125, 0.15)
    s, s_at, s_width = -spread(0.18, 0.6), spread(0.032, 0.1), spread(0.012, 0.2)
    q, t = -spread(0.08, 0.6), spread(0.25, 0.4)
    if rng.random() < knobs.block:
        if rng.random() < 0.5:  # left: a broad notched R, and T the other way
            q, s, width = -q, spread(0.55, 0.3), 1.9 * width
            s_at, s_width, t = 2.2 * width, 1.4 * width, -t
        else:  # right: the lead's S is late and slurred
            s, s_at, s_width = -spread(0.4, 0.3), spread(0.062, 0.1), spread(0.026, 0.15)
    elif rng.random() < 0.12 * knobs.spread:
        t = -t
    p = 0.0 if fibrillating else spread(0.13, 0.4)
    t_at = spread(0.29, 0.1)
    return np.array(
        [
            (p, -spread(0.17, 0.12), spread(0.022, 0.2)),
            (q, -2.2 * width, 0.8 * width),
            (r, 0.0, width),
            (s, s_at, s_width),
            (0.6 * t, t_at - 0.045, spread(0.055, 0.15)),
            (t, t_at, spread(0.035, 0.15)),
        ]
    )


def _wide(rng: np.random.Generator, knobs: Difficulty, narrow: bool) -> Bumps:
    """A beat from a focus in a ventricle: slow, with T against QRS."""
    sign = -1.0 if rng.random() < 0.4 else 1.0
    width = rng.uniform(0.018, 0.026) if narrow else rng.uniform(0.027, 0.05)
    height = sign * rng.uniform(0.7, 1.7) * np.exp(0.2 * knobs.spread * rng.normal())
    notch = rng.uniform(-0.5, 0.4) * height
    t = -height * rng.uniform(0.2, 0.45)
    t_at = rng.uniform(0.27, 0.35)
    return np.array(
        [
            (0.0, -0.17, 0.02),
            (rng.uniform(-0.25, 0.15) * height, -1.6 * width, 0.7 * width),
            (height, 0.0, width),
            (notch, rng.uniform(1.5, 2.2) * width, rng.uniform(0.7, 1.1) * width),
            (0.7 * t, t_at - 0.06, 0.06),
            (t, t_at, 0.045),
        ]
    )


def _beat(rng: np.random.Generator, knobs: Difficulty, patient: _Patient, kind: int) -> Bumps:
    """One beat: the patient's bumps for its class, no two quite alike."""
    bumps = patient.normal.copy()
    focus = patient.foci[int(rng.random() < 0.3)]
    if kind == _S:
        bumps[0, 0] *= rng.choice([-0.8, 0.0, 0.3, 1.1])
        bumps[0, 1] *= rng.uniform(0.6, 0.95)
        if rng.random() < knobs.aberrant:
            bumps[1:4, 1:] *= rng.uniform(1.3, 1.8)
    elif kind == _V:
        bumps = focus.copy()
    elif kind == _F:
        part = rng.uniform(*knobs.fusion)
        bumps = (1 - part) * bumps + part * focus
        bumps[0] = patient.normal[0]
    elif kind == _Q and patient.paced is not None:
        spike = (
            rng.choice([-1.0, 1.0], p=[0.2, 0.8]) * rng.uniform(*knobs.spike_mv),
            -0.07,
            0.0015,
        )
        own = rng.random() < 0.15  # fusion of the paced beat and the patient's own
        body = 0.5 * (patient.paced + bumps) if own else patient.paced
        bumps = np.vstack([body, spike])
    varied = bumps * np.exp(rng.normal(0.0, [[0.07, 0.02, 0.05]], bumps.shape))
    varied[:, 0] *= 1 + 0.06 * rng.normal()
    return varied


def _add(trace: Array, second: float, bumps: Bumps) -> None:
    first = int((second + _REACH[0]) * RECORDED_HZ)
    last = min(int((second + _REACH[1]) * RECORDED_HZ), len(trace))
    time = np.arange(first, last) / RECORDED_HZ - second
    height, centre, width = (column[:, np.newaxis] for column in bumps.T)
    trace[first:last] += (height * np.exp(-0.5 * ((time - centre) / width) ** 2)).sum(0)


def _artefact(rng: np.random.Generator) -> Bumps:
    """A touched electrode: sharp swings all over the beat."""
    count = 14
    return np.stack(
        [
            rng.normal(0.0, 0.9, count),
            rng.uniform(-0.25, 0.35, count),
            rng.uniform(0.008, 0.04, count),
        ],
        axis=1,
    )


def _fibrillation(rng: np.random.Generator, samples: int) -> Array:
    """The waves of fibrillating atria, 5 to 8 a second."""
    rate = rng.uniform(5, 8) + np.cumsum(rng.normal(0, 0.02, samples))
    height = rng.uniform(0.02, 0.07)
    waves: Array = height * np.sin(2 * np.pi * np.cumsum(rate) / RECORDED_HZ)
    return waves


def _disturbances(rng: np.random.Generator, knobs: Difficulty, samples: int) -> Array:
    """Breathing and drift of the baseline, mains, muscles in bouts, electrodes that shift."""
    time = np.arange(samples) / RECORDED_HZ
    breath = rng.uniform(0.05, 0.3) * np.sin(2 * np.pi * (rng.uniform(0.15, 0.4) * time))
    drift = np.cumsum(rng.normal(0.0, 0.003, samples))
    mains = rng.uniform(0.0, 0.025) * np.sin(2 * np.pi * (60.0 * time + rng.random()))
    bouts = 1 + 2.0 * (np.sin(2 * np.pi * (time / rng.uniform(9, 20) + rng.random())) > 0.75)
    muscles = rng.uniform(0.008, 0.035) * bouts * rng.normal(size=samples)
    shifts = np.zeros(samples)
    for start in rng.integers(0, samples, 1 + samples // (20 * RECORDED_HZ)):
        decay = np.exp(-np.arange(samples - start) / (RECORDED_HZ * rng.uniform(0.1, 0.6)))
        shifts[start:] += rng.normal(0.0, 0.4) * decay
    total: Array = knobs.noise * (breath + drift + mains + muscles + shifts)
    return total
