"""The reader of MIT-BIH, on genuine WFDB records written for the purpose."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from qnnlab.errors import DatasetError
from qnnlab.tasks.readers.mitdb import LABELS, RECORDS, SYMBOLS, cleaned, cut, read

wfdb = pytest.importorskip("wfdb")
# What wfdb calls when it writes is deprecated in newer pandas.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:wfdb")

_SAMPLES = 360 * 24
_PEAKS = np.arange(100, _SAMPLES - 20, 311)
_TURN = ("N", "A", "V", "F", "/", "L", "R", "e", "j", "a", "J", "S", "E", "f", "Q")
_DS1 = "101 106 108 109 112 114 115 116 118 119 122 124 201 203 205 207 208 209 215 220 223 230"
_DS2 = "100 103 105 111 113 117 121 123 200 202 210 212 213 214 219 221 222 228 231 232 233 234"


def _write(home: Path, record: int, rate_hz: float = 360, lead: str = "MLII") -> np.ndarray:
    """A record of two leads; returns its MLII in mV. Record 114 has it second, as it really has."""
    rng = np.random.default_rng(record)
    digital = rng.integers(0, 2048, (_SAMPLES, 2))
    names = [lead, "V1"] if record != 114 else ["V5", lead]
    wfdb.wrsamp(
        str(record),
        fs=rate_hz,
        units=["mV", "mV"],
        sig_name=names,
        d_signal=digital,
        fmt=["212", "212"],
        adc_gain=[200.0, 200.0],
        baseline=[1024, 1024],
        write_dir=str(home),
    )
    positions = np.sort(np.concatenate([_PEAKS, [18, 2000]]))
    symbols = np.empty(len(positions), object)
    symbols[np.isin(positions, _PEAKS)] = [_TURN[k % len(_TURN)] for k in range(len(_PEAKS))]
    symbols[[0, int(np.searchsorted(positions, 2000))]] = "+", "~"
    notes = ["(N" if symbol == "+" else "" for symbol in symbols]
    wfdb.wrann(str(record), "atr", positions, symbols, aux_note=notes, write_dir=str(home))
    millivolts: np.ndarray = (digital[:, names.index(lead)] - 1024) / 200.0
    return millivolts


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mitdb")
    home = folder / "mit-bih-arrhythmia-database-1.0.0"
    home.mkdir()
    for records in RECORDS.values():
        for record in records:
            _write(home, record)
    return folder


@pytest.fixture
def copy(archive: Path, tmp_path: Path) -> Path:
    """The archive with files that a test may break."""
    home = tmp_path / "mitdb"
    shutil.copytree(next(archive.iterdir()), home)
    return home


def test_split_is_that_of_de_chazal_without_the_person_in_both() -> None:
    training = {*RECORDS["train"], *RECORDS["val"], 201}
    assert training == {int(number) for number in _DS1.split()}
    assert set(RECORDS["test"]) == {int(number) for number in _DS2.split()}
    assert len(RECORDS["train"]) + len(RECORDS["val"]) == 21


def test_symbols_are_those_of_the_aami_classes() -> None:
    assert len(SYMBOLS) == len(LABELS)
    assert sorted("".join(SYMBOLS)) == sorted("NLRejAaJSVEF/fQ")


def test_reads_back_what_was_written(archive: Path, tmp_path: Path) -> None:
    splits = read(archive, "full")
    for name, records in RECORDS.items():
        split = splits[name]
        assert split.groups is not None
        assert set(split.groups) == {f"record {record}" for record in records}
    for name, record in (("val", 114), ("train", 101), ("test", 234)):
        x, whole = cut(cleaned(_write(tmp_path, record)), _PEAKS)
        assert not whole[0]  # too near the start to show the beat before
        labels = [
            next(k for k, group in enumerate(SYMBOLS) if _TURN[i % len(_TURN)] in group)
            for i in np.flatnonzero(whole)
        ]
        mine = splits[name].groups == f"record {record}"
        assert np.array_equal(splits[name].x[mine], x)
        assert np.array_equal(splits[name].y[mine], labels)


def test_subsets_keep_rare_classes_whole(archive: Path) -> None:
    full, smoke = read(archive, "full")["test"], read(archive, "smoke")["test"]
    assert len(smoke) <= 200
    counts = np.bincount(smoke.y)
    assert (np.bincount(full.y)[counts < counts.max()] == counts[counts < counts.max()]).all()


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def _no_header(home: Path) -> str:
    (home / "207.hea").unlink()
    return "207.hea"


def _no_signals(home: Path) -> str:
    (home / "207.dat").unlink()
    return "207.dat"


def _no_notes(home: Path) -> str:
    (home / "207.atr").unlink()
    return "207.atr"


def _short_signals(home: Path) -> str:
    (home / "207.dat").write_bytes((home / "207.dat").read_bytes()[:-300])
    return "207.dat"


def _short_notes(home: Path) -> str:
    (home / "207.atr").write_bytes((home / "207.atr").read_bytes()[:-9])
    return "207.atr"


def _noise_for_notes(home: Path) -> str:
    (home / "207.atr").write_bytes(b"\xff" * 601)
    return "207.atr"


def _notes_beyond_the_end(home: Path) -> str:
    wfdb.wrann("207", "atr", np.array([_SAMPLES + 5]), ["N"], write_dir=str(home))
    return "207.atr"


def _noise_for_header(home: Path) -> str:
    (home / "207.hea").write_bytes(np.random.default_rng(1).bytes(400))
    return "207.hea"


def _empty_header(home: Path) -> str:
    (home / "207.hea").write_bytes(b"")
    return "207.hea"


def _other_rate(home: Path) -> str:
    _edit(home / "207.hea", " 360 ", " 250 ")
    return "207.hea: 250"


def _other_lead(home: Path) -> str:
    _edit(home / "207.hea", "MLII", "V2")
    return "207.hea"


def _other_format(home: Path) -> str:
    _edit(home / "207.hea", " 212 ", " 16 ")
    return "207.hea"


def _other_unit(home: Path) -> str:
    _edit(home / "207.hea", "/mV", "/uV")
    return "207.hea"


def _more_samples_than_there_are(home: Path) -> str:
    _edit(home / "207.hea", f" {_SAMPLES}", " 4000000000")
    return "207.dat"


def _elsewhere(home: Path) -> str:
    _edit(home / "207.hea", "207.dat", "../101.dat")
    return "207.hea"


def _on_a_network(home: Path) -> str:
    _edit(home / "207.hea", "207.dat", "a::http://127.0.0.1:9/207.dat")
    return "207.hea"


def _signal_line_missing(home: Path) -> str:
    lines = (home / "207.hea").read_text().splitlines()
    (home / "207.hea").write_text("\n".join(lines[:2]) + "\n")
    return "207.hea"


def _invalid_samples(home: Path) -> str:
    (home / "207.dat").write_bytes(b"\x00\x88\x00" * _SAMPLES)  # −2048 marks a missing sample
    return "207.dat"


@pytest.mark.parametrize(
    "break_it",
    [
        _no_header,
        _no_signals,
        _no_notes,
        _short_signals,
        _short_notes,
        _noise_for_notes,
        _notes_beyond_the_end,
        _noise_for_header,
        _empty_header,
        _other_rate,
        _other_lead,
        _other_format,
        _other_unit,
        _more_samples_than_there_are,
        _elsewhere,
        _on_a_network,
        _signal_line_missing,
        _invalid_samples,
    ],
)
def test_damage_is_named(copy: Path, break_it: object) -> None:
    named = break_it(copy)  # type: ignore[operator]
    with pytest.raises(DatasetError) as caught:
        read(copy, "smoke")
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_nothing_is_unpickled_or_fetched(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("reading local files needs neither")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    monkeypatch.setattr("pickle.load", refuse)
    monkeypatch.setattr("pickle.loads", refuse)
    assert len(read(archive, "smoke")["train"]) > 0


def test_an_empty_folder_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="qnnlab data get mitdb"):
        read(tmp_path, "full")
