"""Simulated machine sound: repeatable, true to its mechanics, and silent about loudness."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import fields, replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from qnnlab.tasks import ad
from qnnlab.tasks.front_ends import RATE_HZ
from qnnlab.tasks.synthetic.machines import (
    FAULTS,
    Difficulty,
    Sizes,
    Unit,
    recording,
    split,
    unit,
)
from qnnlab.tasks.task import Split

_TINY = Sizes(first_unit=7, units=2, recordings=12, seconds=1.0, hop=4, anomalous=True)
_HARDER = {
    "severity_db": (-30.0, -20.0),
    "unit_spread": 0.2,
    "throttle": (0.5, 0.6),
    "load": 0.2,
    "gain_db": (-50.0, -40.0),
    "background_db": (-5.0, 0.0),
    "reverb_db": (-3.0, 0.0),
    "microphone_db": 20.0,
}
# One throttle, no load, next to no room and factory: what is heard is the drive.
_CLEAN = Difficulty(
    throttle=(1.0, 1.0),
    load=0.0,
    gain_db=(-20.0, -20.0),
    background_db=(-60.0, -60.0),
    reverb_db=(-60.0, -60.0),
    microphone_db=0.0,
)


def _digest(one: Split) -> str:
    assert one.groups is not None
    assert one.clips is not None
    parts = (one.x, one.y, one.groups, one.clips)
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()


@pytest.fixture(scope="module")
def tiny() -> Split:
    return split("test", _TINY, Difficulty())


def test_same_arrays_again_and_in_another_process(tiny: Split) -> None:
    assert _digest(split("test", _TINY, Difficulty())) == _digest(tiny)
    code = (
        "import hashlib; from qnnlab.tasks.synthetic.machines import Difficulty, Sizes, split; "
        f"s = split('test', {_TINY!r}, Difficulty()); parts = (s.x, s.y, s.groups, s.clips); "
        "print(hashlib.sha256(b''.join(part.tobytes() for part in parts)).hexdigest())"
    )
    # However many threads a product of matrices takes.
    for threads in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads},
        )
        assert done.stdout.strip() == _digest(tiny)


def test_windows_know_their_recording_and_unit(tiny: Split) -> None:
    assert tiny.groups is not None
    assert tiny.clips is not None
    each = 7  # 32 frames give 28 windows, every fourth kept
    assert tiny.x.shape == (24 * each, 640)
    assert np.isfinite(tiny.x).all()
    assert tiny.y.dtype == tiny.clips.dtype == np.int64
    assert tiny.y.tolist() == np.repeat([0, 1] * 12, each).tolist()
    assert tiny.clips.tolist() == np.repeat(np.arange(24), each).tolist()
    assert tiny.groups.tolist() == ["unit_0007"] * 12 * each + ["unit_0008"] * 12 * each


@pytest.mark.parametrize("profile", ["smoke", "quick", "full"])
def test_units_and_anomalies_by_split(profile: str) -> None:
    sizes = ad._SIZES[profile]
    numbers = {n: set(range(s.first_unit, s.first_unit + s.units)) for n, s in sizes.items()}
    for first, second in combinations(numbers.values(), 2):
        assert not first & second
    assert [sizes[name].anomalous for name in ("train", "val", "test")] == [False, False, True]
    assert sizes["test"].recordings % (2 * len(FAULTS)) == 0


def test_every_knob_has_a_test() -> None:
    assert set(_HARDER) == {field.name for field in fields(Difficulty)}


@pytest.mark.parametrize("knob", list(_HARDER))
def test_each_knob_changes_the_data(knob: str, tiny: Split) -> None:
    changed = replace(Difficulty(), **{knob: _HARDER[knob]})
    assert _digest(split("test", _TINY, changed)) != _digest(tiny)


def test_units_differ_within_their_tolerance() -> None:
    units = [unit(number, Difficulty()) for number in range(40)]
    assert len({one.motor_hz for one in units}) == 40
    assert len({one.gearing for one in units}) == 4
    assert all(abs(np.log(one.size)) <= Difficulty().unit_spread for one in units)
    assert units[3] == unit(3, Difficulty())


@settings(max_examples=25, deadline=None)
@given(
    number=st.integers(0, 3000),
    fault=st.sampled_from([None, *FAULTS]),
    severity_db=st.floats(-20.0, 10.0),
)
def test_loudness_tells_nothing(number: int, fault: str | None, severity_db: float) -> None:
    difficulty = Difficulty()
    rng = np.random.default_rng(number)
    wave = recording(unit(number, difficulty), 0.5, rng, difficulty, fault, severity_db)
    assert wave.dtype == np.float32
    assert wave.shape == (RATE_HZ // 2,)
    assert np.abs(wave).max() <= 1.0
    level_db = 20.0 * np.log10(np.sqrt(np.mean(wave.astype(np.float64) ** 2)))
    low, high = difficulty.gain_db
    assert low - 0.5 <= level_db <= high + 0.01  # clipped peaks take a little


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_changes_the_sound_the_more_the_stronger(fault: str) -> None:
    def wave(kind: str | None, severity_db: float) -> NDArray[np.float64]:
        rng = np.random.default_rng(5)
        return recording(unit(5, _CLEAN), 1.0, rng, _CLEAN, kind, severity_db).astype(np.float64)

    def spectrum(one: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.log10(np.abs(np.fft.rfft(one.reshape(-1, 1000), axis=1)).mean(0))

    healthy = spectrum(wave(None, 0.0))
    weak, strong = (np.std(spectrum(wave(fault, db)) - healthy) for db in (-20.0, 0.0))
    assert 0.0 < weak < strong


def _steady(machine: Unit, fault: str | None, severity_db: float) -> NDArray[np.float64]:
    """Three seconds after any run-up."""
    wave = recording(machine, 8.0, np.random.default_rng(2), _CLEAN, fault, severity_db)
    return wave[5 * RATE_HZ :].astype(np.float64)


def _envelope_lines(wave: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """Amplitude at multiples of 1/3 Hz of the envelope of a band, against the median."""
    spectrum = np.fft.fft(wave)
    hz = np.fft.fftfreq(len(wave), 1 / RATE_HZ)
    spectrum[(hz < low) | (hz > high)] = 0.0
    lines = np.abs(np.fft.rfft(np.abs(np.fft.ifft(spectrum)) ** 2))
    ratio: NDArray[np.float64] = lines / np.median(lines)
    return ratio


@pytest.mark.parametrize(("fault", "sign"), [("outer_race", -1), ("inner_race", 1)])
def test_a_pit_in_a_race_knocks_at_its_rate(fault: str, sign: int) -> None:
    machine = unit(11, _CLEAN)
    middle_hz = machine.motor_hz * machine.gearing[0] / machine.gearing[1]
    rate_hz = machine.balls / 2 * (1 + sign * machine.ball_ratio) * middle_hz
    band = (0.8 * machine.seat_hz, 1.2 * machine.seat_hz)
    near = slice(round(3 * rate_hz) - 2, round(3 * rate_hz) + 3)
    faulty = _envelope_lines(_steady(machine, fault, 6.0), *band)[near].max()
    healthy = _envelope_lines(_steady(machine, None, 6.0), *band)[near].max()
    assert faulty > 10.0
    assert faulty > 3.0 * healthy


def test_imbalance_modulates_at_the_turn_of_the_wheel() -> None:
    machine = unit(11, _CLEAN)
    first, second, third, fourth = machine.gearing
    wheel_hz = machine.motor_hz * first / second * third / fourth
    near = slice(round(3 * wheel_hz) - 2, round(3 * wheel_hz) + 3)
    faulty = _envelope_lines(_steady(machine, "imbalance", -3.0), 200.0, 8000.0)[near].max()
    healthy = _envelope_lines(_steady(machine, None, -3.0), 200.0, 8000.0)[near].max()
    assert faulty > 3.0 * healthy


def test_gears_are_heard_at_their_mesh() -> None:
    machine = unit(11, _CLEAN)
    mesh_hz = machine.gearing[0] * machine.motor_hz
    levels = np.abs(np.fft.rfft(_steady(machine, None, 0.0)))
    near = slice(round(3 * mesh_hz) - 4, round(3 * mesh_hz) + 5)
    assert levels[near].max() > 20.0 * np.median(levels)


def test_a_preview_holds_every_fault() -> None:
    preview = ad.preview()
    assert preview.rate_hz == RATE_HZ
    assert len(preview.samples) == len(preview.labels) == 2 + len(FAULTS)
    assert sum(label.startswith("normal") for label in preview.labels) == 2
    assert all(0.0 < np.abs(sample).max() <= 1.0 for sample in preview.samples)


def test_augmentation_shifts_whole_windows() -> None:
    x = np.zeros((4, 640), np.float32)
    shifted = ad.augment(x, np.random.default_rng(0))
    assert shifted.dtype == np.float32
    assert (shifted == shifted[:, :1]).all()
    assert 0.0 < np.abs(shifted).max() <= 0.1
