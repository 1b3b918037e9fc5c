"""Sound of small electric gear drives, healthy and with faults, simulated from their mechanics.

A drive is a brushed motor, two gear stages, a ball bearing on the middle shaft, a housing with
resonances and a microphone in a room with a factory's noise. Units of one product differ in
gearing, motor speed, size and damping of the housing; recordings in throttle, load, microphone
and surroundings. That makes the healthy spectra a curved surface of few dimensions, on which a
fault is a small step aside. All levels are set anew at the end, so loudness tells nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qnnlab.steps import tell
from qnnlab.tasks.front_ends import RATE_HZ, log_mel_windows
from qnnlab.tasks.task import Split

Wave = NDArray[np.float32]
Floats = NDArray[np.float64]
Complex = NDArray[np.complex64]

FAULTS = ("outer_race", "inner_race", "imbalance", "tooth", "slip", "leak")
_SEED = 20250820
# Teeth of first pinion, first wheel, second pinion, second wheel: one product, four gearings.
_GEARINGS = ((9, 36, 12, 40), (10, 34, 11, 38), (8, 38, 13, 42), (11, 33, 10, 36))
# Housing modes of the product: frequency in Hz, quality factor, gain.
_MODES = ((420, 7, 1.0), (980, 9, 0.8), (1750, 12, 1.0), (2900, 14, 0.8), (4600, 14, 0.7))
_COMMUTATIONS = 6  # a turn, of the usual motor with three slots


@dataclass(frozen=True)
class Difficulty:
    """What makes the task hard. Pairs are ranges (low, high).

    `severity_db`: level of a fault against what is easy to hear. `unit_spread`: tolerance of
    housing and motor from unit to unit. `throttle`: motor speed against nominal. `load`: share
    by which load changes speed and level within a recording. `gain_db`: level of the recording
    below full scale. `background_db`: factory noise against the machine. `reverb_db`: sound of
    the room against the direct one. `microphone_db`: tilt of the microphone's response up to
    8 kHz.
    """

    severity_db: tuple[float, float] = (-11.0, -1.0)
    unit_spread: float = 0.06
    throttle: tuple[float, float] = (0.7, 1.25)
    load: float = 0.08
    gain_db: tuple[float, float] = (-36.0, -16.0)
    background_db: tuple[float, float] = (-24.0, -8.0)
    reverb_db: tuple[float, float] = (-20.0, -12.0)
    microphone_db: float = 6.0


@dataclass(frozen=True)
class Unit:
    """One machine: what distinguishes it from the others of its kind."""

    name: str
    gearing: tuple[int, int, int, int]
    motor_hz: float
    size: float
    damping: float
    balls: int
    ball_ratio: float
    seat_hz: float
    mesh: tuple[float, float]
    brush: float
    rumble: float


def unit(number: int, difficulty: Difficulty) -> Unit:
    """The unit of this number, always the same."""
    rng = np.random.default_rng([_SEED, number])
    spread = difficulty.unit_spread

    def about(middle: float, share: float) -> float:
        return float(middle * np.exp(rng.uniform(-share, share)))

    return Unit(
        name=f"unit_{number:04d}",
        gearing=_GEARINGS[int(rng.integers(len(_GEARINGS)))],
        motor_hz=about(120.0, 2 * spread),
        size=about(1.0, spread),
        damping=about(1.0, 3 * spread),
        balls=int(rng.integers(7, 10)),
        ball_ratio=float(rng.uniform(0.2, 0.3)),
        seat_hz=about(3400.0, 4 * spread),
        mesh=(about(1.0, 5 * spread), about(0.8, 5 * spread)),
        brush=about(0.35, 5 * spread),
        rumble=about(0.35, 5 * spread),
    )


@dataclass(frozen=True)
class _Run:
    """A recording in the making: shaft angles and level over time, and its own randomness."""

    unit: Unit
    motor: Floats  # angles in turns
    middle: Floats
    wheel: Floats
    level: Wave
    rng: np.random.Generator

    def noise(self) -> Wave:
        return self.rng.standard_normal(len(self.motor), dtype=np.float32)


def recording(
    machine: Unit,
    seconds: float,
    rng: np.random.Generator,
    difficulty: Difficulty,
    fault: str | None = None,
    severity_db: float = 0.0,
) -> Wave:
    """A recording (samples,) at 16 kHz in -1 to 1, healthy or with one of FAULTS."""
    run = _run(machine, seconds, rng, difficulty, fault, severity_db)
    source = run.level * (_mesh(run) + _brush(run)) + _rumble(run)
    strength = float(10.0 ** (severity_db / 20.0))
    hiss: Wave | None = None
    if fault == "imbalance":
        source = source * (1.0 + min(0.9 * strength, 0.95) * _cos(run.wheel))
    elif fault == "tooth":
        source = source + strength * _tooth(run)
    elif fault in ("outer_race", "inner_race"):
        source = source + strength * _race(run, inner=fault == "inner_race")
    elif fault == "slip":
        source = source + strength * _squeal(run)
    elif fault == "leak":
        hiss = strength * _hiss(run)
    return _record(run, source, hiss, difficulty)


def _smooth(rng: np.random.Generator, count: int, every_s: float) -> Floats:
    """A random curve (count,) of variance near 1 with a knot each `every_s` seconds."""
    knots = int(np.ceil(count / RATE_HZ / every_s)) + 3
    values = rng.standard_normal(knots)
    at = np.arange(count) / (RATE_HZ * every_s) + rng.random()
    left = at.astype(int)
    blend = (3.0 - 2.0 * (at - left)) * (at - left) ** 2
    curve: Floats = values[left] + (values[left + 1] - values[left]) * blend
    return curve


def _run(
    machine: Unit,
    seconds: float,
    rng: np.random.Generator,
    difficulty: Difficulty,
    fault: str | None,
    severity_db: float,
) -> _Run:
    """Run-up in one recording of three, then steady speed that gives way to a changing load."""
    count = round(seconds * RATE_HZ)
    time_s = np.arange(count) / RATE_HZ
    load = np.clip(_smooth(rng, count, 0.8), -2.0, 2.0)
    speed = rng.uniform(*difficulty.throttle) * (1.0 - difficulty.load * load / 2.0)
    if rng.random() < 1 / 3:
        speed *= 1.0 - rng.uniform(0.1, 0.3) * np.exp(-time_s / rng.uniform(0.2, 0.6))
    level = speed**1.5 * (1.0 + 2.0 * difficulty.load * load)
    if fault == "slip":
        jitter = 0.06 * 10.0 ** (severity_db / 20.0)
        speed = speed * (1.0 + jitter * _smooth(rng, count, 0.05))
    motor = rng.random() + np.cumsum(machine.motor_hz * speed) / RATE_HZ
    first, second, third, fourth = machine.gearing
    middle = motor * first / second + rng.random()
    wheel = (middle * third) / fourth + rng.random()
    return _Run(machine, motor, middle, wheel, level.astype(np.float32), rng)


def _radians(angle: Floats) -> Wave:
    turns = (angle - np.floor(angle)).astype(np.float32)  # single precision holds one turn
    return np.float32(2.0 * np.pi) * turns


def _cos(angle: Floats) -> Wave:
    wave: Wave = np.cos(_radians(angle))
    return wave


def _turn(angle: Floats) -> Complex:
    """exp(i angle): its powers are the harmonics, cheaper than a cosine each."""
    radians = _radians(angle)
    turn = np.empty(len(radians), np.complex64)
    turn.real, turn.imag = np.cos(radians), np.sin(radians)
    return turn


def _harmonics(base: Complex, amplitudes: tuple[float, ...]) -> Wave:
    total = np.zeros(len(base), np.float32)
    power = base
    for amplitude in amplitudes:
        total += np.float32(amplitude) * power.real
        power = power * base
    return total


def _mesh(run: _Run) -> Wave:
    """Both gear stages, each with the sidebands of the wheel that runs out of true."""
    first, _, third, _ = run.unit.gearing
    stages = ((first, run.motor, run.middle, 0), (third, run.middle, run.wheel, 1))
    total = _harmonics(_turn(run.motor), (0.25, 0.15, 0.1, 0.06))
    for teeth, pinion, wheel, stage in stages:
        around = _cos(wheel)
        wobble = _turn(teeth * pinion + 0.05 * around)
        tones = _harmonics(wobble, (1.0, 0.6, 0.4, 0.28, 0.2, 0.14))
        total += np.float32(run.unit.mesh[stage]) * (1.0 + 0.1 * around) * tones
    return total


def _brush(run: _Run) -> Wave:
    """Sparks at each commutation: a series of harmonics and noise that comes in pulses."""
    pulses = _turn(_COMMUTATIONS * run.motor)
    tones = _harmonics(pulses, (0.5, 0.35, 0.3, 0.25, 0.2, 0.16, 0.12, 0.1))
    return np.float32(run.unit.brush) * (tones + (0.6 + 0.4 * pulses.real) * run.noise())


def _rumble(run: _Run) -> Wave:
    """Balls that roll: noise that rises less with speed than the gears do."""
    return np.float32(run.unit.rumble) * np.sqrt(run.level) * run.noise()


def _impulses(run: _Run, angle: Floats, scatter: float) -> Wave:
    """A blow of random strength at each whole turn of `angle`."""
    at = np.flatnonzero(np.diff(np.floor(angle)) > 0)
    at = np.clip(at + run.rng.normal(0.0, scatter, len(at)).astype(int), 0, len(angle) - 1)
    train = np.zeros(len(angle), np.float32)
    train[at] = run.rng.lognormal(0.0, 0.3, len(at))
    return train


def _race(run: _Run, inner: bool) -> Wave:
    """A pit in a race: blows at BPFO or BPFI that ring the bearing's seat.

    An inner race turns through the loaded zone, so its blows come and go once a turn.
    """
    sign = 1.0 if inner else -1.0
    rate = run.unit.balls / 2.0 * (1.0 + sign * run.unit.ball_ratio)
    blows = _impulses(run, rate * run.middle, scatter=2.0)
    if inner:
        blows = blows * (0.5 + 0.5 * _cos(run.middle))
    return _ring(blows, run.unit.seat_hz, quality=8.0) * np.float32(9.0)


def _ring(train: Wave, hz: float, quality: float) -> Wave:
    """What a resonance makes of blows."""
    from scipy.fft import irfft, rfft

    time_s = np.arange(512, dtype=np.float32) / RATE_HZ
    tail = np.exp(-np.pi * hz / quality * time_s) * np.sin(2.0 * np.pi * hz * time_s)
    rung: Wave = irfft(rfft(train) * rfft(tail.astype(np.float32), len(train)), len(train))
    return rung


def _tooth(run: _Run) -> Wave:
    """A chipped tooth of the second wheel: a click each turn of it."""
    return _ring(_impulses(run, run.wheel, scatter=4.0), 1300.0 * run.unit.size, 3.0) * 16.0


def _squeal(run: _Run) -> Wave:
    """A belt that slips: a squeal that comes and goes with the slip."""
    hz = 2600.0 * run.unit.size * (1.0 + 0.04 * _smooth(run.rng, len(run.motor), 0.1))
    gate = np.clip(_smooth(run.rng, len(run.motor), 0.15), 0.0, 1.0)
    squeal = _harmonics(_turn(np.cumsum(hz) / RATE_HZ), (0.28, 0.14))
    return squeal * gate.astype(np.float32)


def _hiss(run: _Run) -> Wave:
    """Air that leaks: noise, the more the higher, modulated by the strokes of the drive."""
    noise = np.diff(run.noise(), prepend=np.float32(0.0))
    return np.float32(0.05) * noise * (1.0 + 0.5 * _cos(run.wheel))


def _record(run: _Run, source: Wave, hiss: Wave | None, difficulty: Difficulty) -> Wave:
    """What a microphone takes of the housing, the room and the factory."""
    from scipy.fft import irfft, rfft

    rng, count = run.rng, len(source)
    hz = np.fft.rfftfreq(count, 1.0 / RATE_HZ).astype(np.float32)
    spectrum = rfft(source) * _housing(hz, run.unit)
    if hiss is not None:
        spectrum += rfft(hiss)
    spectrum *= _room(rng, count, rng.uniform(*difficulty.reverb_db))
    power = np.vdot(spectrum, spectrum).real
    spectrum += _background(rng, hz, power, rng.uniform(*difficulty.background_db))
    tilt = rng.uniform(-1.0, 1.0) * difficulty.microphone_db / 20.0
    spectrum *= (1.0 + hz / 50.0) ** (tilt / np.log10(1.0 + RATE_HZ / 2 / 50.0))
    wave = irfft(spectrum, count)
    gain = 10.0 ** (rng.uniform(*difficulty.gain_db) / 20.0)
    leveled: Wave = np.clip(wave * (gain / np.sqrt(np.mean(wave**2))), -1.0, 1.0)
    return leveled.astype(np.float32, copy=False)


def _housing(hz: Wave, machine: Unit) -> Complex:
    """Response of the housing: a stiff path and the modes of its size."""
    total = np.full(len(hz), 0.15, np.complex64)
    for mode_hz, quality, gain in _MODES:
        ratio = hz / (mode_hz * machine.size)
        total += gain * ratio / (1.0 - ratio**2 + 1j * ratio * machine.damping / quality) / quality
    return total


def _room(rng: np.random.Generator, count: int, level_db: float) -> Complex:
    """Response of a room with echoes of `level_db` against the direct sound."""
    from scipy.fft import rfft

    length = min(count, RATE_HZ // 2)
    decay = np.exp(-np.arange(length) / (RATE_HZ * rng.uniform(0.03, 0.08)))
    echoes = rng.standard_normal(length) * decay
    echoes *= 10.0 ** (level_db / 20.0) / np.sqrt(np.sum(echoes**2))
    echoes[0] += 1.0
    response: Complex = rfft(echoes.astype(np.float32), count)
    return response


def _background(rng: np.random.Generator, hz: Wave, power: float, level_db: float) -> Complex:
    """Factory noise: between pink and red, and the hum of other machines."""
    size = len(hz)
    noise = rng.standard_normal((2, size), dtype=np.float32)
    spectrum = (noise[0] + 1j * noise[1]) * (hz + 60.0) ** np.float32(-rng.uniform(0.6, 0.9))
    spectrum *= np.sqrt(power * 10.0 ** (level_db / 10.0) / np.vdot(spectrum, spectrum).real)
    coloured: Complex = spectrum.astype(np.complex64)
    return coloured


@dataclass(frozen=True)
class Sizes:
    """How much of a split there is: units, recordings of each, their length, hop of windows.

    Units are numbered from `first_unit`; the same number is the same unit in every split.
    """

    first_unit: int
    units: int
    recordings: int
    seconds: float
    hop: int
    anomalous: bool = False


def split(name: str, sizes: Sizes, difficulty: Difficulty) -> Split:
    """Windows in dB, in half precision, of the recordings of one split.

    Where it is to hold anomalies every second recording of a unit has a fault, each in turn.
    """
    x, y, groups = [], [], []
    total = sizes.units * sizes.recordings
    for clip in range(total):
        tell(f"machine sounds ({name})", clip / total)
        number, take = divmod(clip, sizes.recordings)
        machine = unit(sizes.first_unit + number, difficulty)
        rng = np.random.default_rng([_SEED, sizes.first_unit + number, take + 1])
        faulty = sizes.anomalous and take % 2 == 1
        fault = FAULTS[clip // 2 % len(FAULTS)] if faulty else None
        severity = rng.uniform(*difficulty.severity_db)
        wave = recording(machine, sizes.seconds, rng, difficulty, fault, severity)
        x.append(log_mel_windows(wave, sizes.hop).astype(np.float16))
        y.append(int(faulty))
        groups.append(machine.name)
    counts = [len(windows) for windows in x]
    return Split(
        np.concatenate(x),
        np.repeat(np.array(y, np.int64), counts),
        np.repeat(np.array(groups), counts),
        np.repeat(np.arange(total), counts),
    )
