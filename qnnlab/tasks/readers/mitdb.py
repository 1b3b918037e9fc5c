"""MIT-BIH Arrhythmia Database 1.0.0, and how beats are cut from a recording.

48 half-hour recordings of 47 people at 360 Hz (Moody and Mark 2001), in WFDB format. Training and
test people are those of de Chazal et al. 2004 (doi:10.1109/TBME.2004.827359): DS1 and DS2. The
four recordings with paced beats (102, 104, 107, 217) are left out, as ANSI/AAMI EC57 recommends.

Recordings 201 and 202 are of the same person; de Chazal has 201 in DS1 and 202 in DS2. Here 201
is left out, so that no person is in two splits and the test recordings are still all of DS2.

Beats of class Q are then a handful in each split: its F1 is next to chance.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import DatasetError, MissingExtra
from qnnlab.steps import tell
from qnnlab.tasks.readers.subsets import subset
from qnnlab.tasks.task import Split

RECORDED_HZ = 360
RATE_HZ = 180
BEFORE, AFTER = 162, 94  # samples at RATE_HZ: 0.9 s show the beat before, 0.52 s the T wave
WINDOW = BEFORE + AFTER
_BASELINE_HZ = 0.5

LABELS = ("N", "S", "V", "F", "Q")
# The beat symbols of the database by class (ANSI/AAMI EC57); all other symbols are no beats.
SYMBOLS = ("NLRej", "AaJS", "VE", "F", "/fQ")

_LEAD = "MLII"
_TRAINING = (101, 106, 108, 109, 112, 115, 116, 118, 119, 122, 203, 207, 208, 209, 215, 220, 230)
_VALIDATION = (114, 124, 205, 223)
# fmt: off
_TEST = (
    100, 103, 105, 111, 113, 117, 121, 123, 200, 202, 210, 212, 213, 214, 219, 221, 222, 228, 231,
    232, 233, 234,
)
# fmt: on
RECORDS = {"train": _TRAINING, "val": _VALIDATION, "test": _TEST}
# At most so many beats a split; rare classes are kept whole and the rest shared evenly.
_SIZES = {"smoke": (400, 150, 200), "quick": (4000, 1000, 1500)}

Trace = NDArray[np.float32]


def cleaned(millivolts: NDArray[np.floating]) -> Trace:
    """A recording at 360 Hz as the network gets it: without baseline wander, at 180 Hz.

    Second-order Butterworth high-pass at 0.5 Hz, forward and backward; then every other sample
    behind an anti-aliasing filter without delay.
    """
    from scipy.signal import butter, resample_poly, sosfiltfilt

    high_pass = butter(2, _BASELINE_HZ, "highpass", fs=RECORDED_HZ, output="sos")
    level = sosfiltfilt(high_pass, np.asarray(millivolts, np.float64))
    half: Trace = resample_poly(level, 1, RECORDED_HZ // RATE_HZ).astype(np.float32)
    return half


def cut(trace: Trace, peaks: NDArray[np.int64]) -> tuple[Trace, NDArray[np.bool_]]:
    """Windows (beats, 256, 1) of a `cleaned` trace around R peaks numbered at 360 Hz.

    The second result says which beats have a whole window; only those are in the first.
    """
    centres = (peaks + 1) // (RECORDED_HZ // RATE_HZ)
    whole = (centres >= BEFORE) & (centres + AFTER <= len(trace))
    index = centres[whole, np.newaxis] + np.arange(-BEFORE, AFTER)
    return trace[index][..., np.newaxis], whole


def read(folder: Path, profile: str) -> dict[str, Split]:
    """The beats of each split; groups are recordings. Raises DatasetError."""
    home = _home(folder)
    total = sum(len(records) for records in RECORDS.values())
    splits, done = {}, 0
    for name, records in RECORDS.items():
        parts = []
        for record in records:
            parts.append(_beats(home, str(record)))
            done += 1
            tell("reading mitdb", done / total)
        split = Split(
            np.concatenate([part.x for part in parts]),
            np.concatenate([part.y for part in parts]),
            np.concatenate([part.groups for part in parts if part.groups is not None]),
        )
        if len(split) == 0:
            raise DatasetError(f"{home}: no beats in the {name} recordings; download mitdb anew")
        splits[name] = split
    sizes = _SIZES.get(profile, (None, None, None))
    return {
        name: subset(split, size, even=True)
        for (name, split), size in zip(splits.items(), sizes, strict=True)
    }


def _home(folder: Path) -> Path:
    first = f"{_TRAINING[0]}.hea"
    found = sorted(folder.rglob(first))
    if not found:
        raise DatasetError(
            f"{folder}: no {first} in it or below; `qnnlab data get mitdb` downloads mitdb"
        )
    return found[0].parent.absolute()


def _beats(home: Path, record: str) -> Split:
    trace, peaks, symbols = _read_record(home, record)
    classes = {symbol: label for label, group in enumerate(SYMBOLS) for symbol in group}
    beat = np.array([symbol in classes for symbol in symbols], bool)
    x, whole = cut(cleaned(trace), peaks[beat])
    y = np.array([classes[symbol] for symbol in symbols if symbol in classes], np.int64)[whole]
    return Split(x, y, np.full(len(y), f"record {record}"))


def _read_record(home: Path, record: str) -> tuple[NDArray[np.float64], NDArray[np.int64], Any]:
    """Lead MLII in mV, and the positions and symbols of the annotations."""
    try:
        import wfdb
    except ImportError as error:
        raise MissingExtra(f"mitdb needs wfdb: qnnlab[datasets] ({error})") from None
    lead = _checked_header(wfdb, home, record)
    signal = _parsed(
        home / f"{record}.dat", lambda: wfdb.rdrecord(str(home / record), channels=[lead])
    )
    millivolts = signal.p_signal[:, 0]
    if not np.isfinite(millivolts).all():
        raise DatasetError(f"{home / f'{record}.dat'}: has invalid samples; download mitdb anew")
    notes = home / f"{record}.atr"
    try:
        ended = notes.read_bytes()[-2:] == b"\0\0"
    except OSError as error:
        raise DatasetError(
            f"{notes}: {error.strerror}; `qnnlab data get mitdb` downloads it"
        ) from None
    if not ended:
        raise DatasetError(f"{notes}: truncated, it has no end mark; download mitdb anew")
    annotation = _parsed(notes, lambda: wfdb.rdann(str(home / record), "atr"))
    peaks = np.asarray(annotation.sample, np.int64)
    if len(peaks) and not 0 <= peaks.min() <= peaks.max() < signal.sig_len:
        raise DatasetError(f"{notes}: annotates samples that are not there; download mitdb anew")
    return millivolts, peaks, annotation.symbol


def _checked_header(wfdb: Any, home: Path, record: str) -> int:
    """The channel of lead MLII, after checks of everything that wfdb would trust in a header."""
    path = home / f"{record}.hea"
    if not path.is_file():
        raise DatasetError(f"{path}: missing; `qnnlab data get mitdb` downloads it")
    header = _parsed(path, lambda: wfdb.rdheader(str(home / record)))
    names = getattr(header, "file_name", None) or []
    if getattr(header, "n_seg", None) or not header.n_sig or len(names) != header.n_sig:
        raise DatasetError(f"{path}: not a recording of one segment with signals")
    if header.fs != RECORDED_HZ:
        raise DatasetError(f"{path}: {header.fs} Hz; mitdb is recorded at {RECORDED_HZ} Hz")
    data = f"{record}.dat"
    # Any other name could send wfdb to another folder, or out to a network.
    if set(names) != {data} or set(header.fmt) != {"212"} or set(header.samps_per_frame) != {1}:
        raise DatasetError(f"{path}: its signals are not in {data} in format 212, frame by frame")
    if _LEAD not in header.sig_name:
        raise DatasetError(
            f"{path}: has no lead {_LEAD}, only {', '.join(map(str, header.sig_name))}"
        )
    lead: int = header.sig_name.index(_LEAD)
    if header.units[lead] != "mV":
        raise DatasetError(f"{path}: lead {_LEAD} is in {header.units[lead]}, not in mV")
    size = (home / data).stat().st_size if (home / data).is_file() else 0
    expected = (3 * (header.sig_len or 0) * header.n_sig + 1) // 2
    if not 0 < expected <= size:
        raise DatasetError(f"{home / data}: {size} bytes, not {expected}; download mitdb anew")
    return lead


def _parsed(path: Path, parse: Any) -> Any:
    """What wfdb makes of a file. It meets damage with many kinds of exception."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # wfdb calls what newer pandas deprecate
            return parse()
    except Exception as error:
        why = " ".join(str(error).split())[:120] or type(error).__name__
        raise DatasetError(f"{path}: not a WFDB file that can be read: {why}") from None
