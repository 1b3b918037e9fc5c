"""CIFAR-10 in both of its forms, written here as the archives hold them, and broken ones."""

from __future__ import annotations

import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qnnlab.errors import DatasetError
from qnnlab.tasks import ic
from qnnlab.tasks.readers.cifar10 import LABELS, _pickled, read

NAMES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
BATCH = 20


def pictures() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Planes (20, 3072) and labels of each file; every class twice, in a different order."""
    rng = np.random.default_rng(7)
    return {
        name: (
            rng.integers(256, size=(BATCH, 3072), dtype=np.uint8),
            rng.permutation(np.arange(BATCH) % 10),
        )
        for name in NAMES
    }


def write_binary(folder: Path) -> Path:
    home = folder / "cifar-10-batches-bin"
    home.mkdir(parents=True)
    (home / "batches.meta.txt").write_text("\n".join(LABELS) + "\n\n")
    (home / "readme.html").write_text("<html></html>")
    for name, (x, y) in pictures().items():
        records = np.concatenate([y[:, np.newaxis].astype(np.uint8), x], axis=1)
        (home / f"{name}.bin").write_bytes(records.tobytes())
    return home


class Python2:
    """Pickles as Python 2's cPickle writes them at protocol 2: text is str, of bytes."""

    def __init__(self) -> None:
        self.memo = 0

    def put(self) -> bytes:
        self.memo += 1
        if self.memo < 256:
            return b"q" + bytes([self.memo])
        return b"r" + struct.pack("<I", self.memo)

    def text(self, value: bytes) -> bytes:
        short = len(value) < 256
        head = b"U" + bytes([len(value)]) if short else b"T" + struct.pack("<i", len(value))
        return head + value + self.put()

    def number(self, value: int) -> bytes:
        if 0 <= value < 256:
            return b"K" + bytes([value])
        return (
            b"M" + struct.pack("<H", value)
            if 0 <= value < 65536
            else b"J" + struct.pack("<i", value)
        )

    def sequence(self, values: list[Any]) -> bytes:
        parts = [self.value(value) for value in values]
        return b"]" + self.put() + b"(" + b"".join(parts) + b"e"

    def array(self, value: np.ndarray) -> bytes:
        rows, columns = value.shape
        made = b"cnumpy.core.multiarray\n_reconstruct\n" + self.put()
        made += b"cnumpy\nndarray\n" + self.put() + b"K\x00\x85" + self.put()
        made += self.text(b"b") + b"\x87" + self.put() + b"R" + self.put()
        made += b"(K\x01" + self.number(rows) + self.number(columns) + b"\x86" + self.put()
        made += b"cnumpy\ndtype\n" + self.put() + self.text(b"u1") + b"K\x00K\x01\x87" + self.put()
        made += b"R" + self.put() + b"(K\x03" + self.text(b"|") + b"NNN"
        made += self.number(-1) * 2 + b"K\x00t" + self.put() + b"b\x89"
        return made + self.text(value.tobytes()) + b"t" + self.put() + b"b"

    def value(self, value: Any) -> bytes:
        if isinstance(value, np.ndarray):
            return self.array(value)
        if isinstance(value, bytes):
            return self.text(value)
        return self.sequence(value) if isinstance(value, list) else self.number(value)

    def dump(self, value: dict[bytes, Any]) -> bytes:
        made = b"\x80\x02}" + self.put() + b"("
        for key, item in value.items():
            made += self.text(key) + self.value(item)
        return made + b"u."


def by_python_2(value: dict[bytes, Any]) -> bytes:
    return Python2().dump(value)


def by_python_3(value: dict[bytes, Any]) -> bytes:
    return pickle.dumps(value, protocol=2)


Dump = Callable[[dict[bytes, Any]], bytes]


def write_python(folder: Path, dump: Dump) -> Path:
    home = folder / "cifar-10-batches-py"
    home.mkdir(parents=True)
    meta = {
        b"num_cases_per_batch": BATCH,
        b"label_names": [name.encode() for name in LABELS],
        b"num_vis": 3072,
    }
    (home / "batches.meta").write_bytes(dump(meta))
    for number, (name, (x, y)) in enumerate(pictures().items(), 1):
        batch = {
            b"batch_label": b"training batch %d of 5" % number,
            b"labels": y.tolist(),
            b"data": x,
            b"filenames": [b"picture_s_%06d.png" % index for index in range(BATCH)],
        }
        (home / name).write_bytes(dump(batch))
    return home


def test_python_2_dumps_are_pickles() -> None:
    value = {b"a": [1, 300, -4], b"d": np.arange(600, dtype=np.uint8).reshape(2, 300)}
    loaded = pickle.loads(by_python_2(value), encoding="bytes")
    assert loaded[b"a"] == value[b"a"]
    np.testing.assert_array_equal(loaded[b"d"], value[b"d"])


@pytest.mark.parametrize("dump", [by_python_2, by_python_3])
def test_both_forms_give_the_same(tmp_path: Path, dump: Dump) -> None:
    write_binary(tmp_path / "binary")
    write_python(tmp_path / "python", dump)
    binary = read(tmp_path / "binary", "full", BATCH)
    python = read(tmp_path / "python", "full", BATCH)
    for name, split in binary.items():
        np.testing.assert_array_equal(split.x, python[name].x)
        np.testing.assert_array_equal(split.y, python[name].y)
        assert split.x.dtype == python[name].x.dtype == np.uint8
        assert split.y.dtype == python[name].y.dtype == np.int64


def test_every_value_is_read_and_no_picture_twice(tmp_path: Path) -> None:
    home = write_binary(tmp_path)
    splits = read(home, "full", BATCH)
    assert {name: len(split) for name, split in splits.items()} == {
        "train": 90,
        "val": 10,
        "test": 20,
    }
    np.testing.assert_array_equal(np.bincount(splits["val"].y), np.ones(10))
    x, y = pictures()["test_batch"]
    np.testing.assert_array_equal(splits["test"].y, y)
    planes = splits["test"].x.transpose(0, 3, 1, 2).reshape(BATCH, 3072)
    np.testing.assert_array_equal(planes, x)
    assert splits["test"].x[3, 4, 5, 2] == x[3, 2 * 1024 + 4 * 32 + 5]
    wanted = {
        (plane.tobytes(), int(label))
        for name in NAMES[:5]
        for plane, label in zip(*pictures()[name], strict=True)
    }
    got = [
        (picture.transpose(2, 0, 1).tobytes(), int(label))
        for name in ("train", "val")
        for picture, label in zip(splits[name].x, splits[name].y, strict=True)
    ]
    assert len(got) == len(wanted) == 100
    assert set(got) == wanted


def test_profiles_are_fixed_parts(tmp_path: Path) -> None:
    home = tmp_path / "bin"
    home.mkdir()
    (home / "batches.meta.txt").write_text("\n".join(LABELS))
    rng = np.random.default_rng(0)
    for name in NAMES:
        records = rng.integers(256, size=(600, 3073), dtype=np.uint8)
        records[:, 0] = np.arange(600) % 10
        (home / f"{name}.bin").write_bytes(records.tobytes())
    smoke, again, full = (read(tmp_path, profile, 600) for profile in ("smoke", "smoke", "full"))
    assert {name: len(split) for name, split in smoke.items()} == {
        "train": 300,
        "val": 80,
        "test": 120,
    }
    for name, split in smoke.items():
        assert len(set(np.bincount(split.y))) == 1
        np.testing.assert_array_equal(split.x, again[name].x)
        whole = {picture.tobytes() for picture in full[name].x}
        assert {picture.tobytes() for picture in split.x} <= whole


def refused(folder: Path, *said: str) -> None:
    with pytest.raises(DatasetError) as caught:
        read(folder, "full", BATCH)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 400
    for part in said:
        assert part in text


def test_broken_binary_files(tmp_path: Path) -> None:
    refused(tmp_path, str(tmp_path), "data_batch_1.bin")
    home = write_binary(tmp_path)
    third = home / "data_batch_3.bin"
    whole = third.read_bytes()
    third.write_bytes(whole[:-1])
    refused(tmp_path, "data_batch_3.bin", "3073-byte records")
    third.write_bytes(whole[:-3073])
    refused(tmp_path, "data_batch_3.bin", "holds 19 pictures, not 20")
    third.write_bytes(whole + whole[:3073])
    refused(tmp_path, "data_batch_3.bin", "holds 21 pictures, not 20")
    third.write_bytes(b"")
    refused(tmp_path, "data_batch_3.bin", "0 bytes")
    third.write_bytes(b"\x0a" + whole[1:])
    refused(tmp_path, "data_batch_3.bin", "outside 0 to 9")
    third.unlink()
    refused(tmp_path, "data_batch_3.bin", "can't be read")


def test_missing_and_foreign_classes(tmp_path: Path) -> None:
    home = write_binary(tmp_path)
    records = np.frombuffer((home / "test_batch.bin").read_bytes(), np.uint8).reshape(-1, 3073)
    no_cat = records.copy()
    no_cat[no_cat[:, 0] == 3, 0] = 4
    (home / "test_batch.bin").write_bytes(no_cat.tobytes())
    refused(tmp_path, "no cat", "test_batch.bin")
    (home / "batches.meta.txt").write_text("\n".join(LABELS[::-1]))
    refused(tmp_path, "batches.meta.txt", "truck")
    (home / "batches.meta.txt").write_bytes(bytes(range(256)))
    refused(tmp_path, "batches.meta.txt")
    (home / "batches.meta.txt").unlink()
    refused(tmp_path, "batches.meta.txt", "can't be read")


def test_official_files_hold_ten_thousand(tmp_path: Path) -> None:
    write_binary(tmp_path)
    with pytest.raises(DatasetError, match="holds 20 pictures, not 10000"):
        read(tmp_path, "smoke")


class Hostile:
    """What a real unpickler would run."""

    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> Any:
        return self.call[0], self.call[1:]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_hostile_pickles_are_refused_and_not_run(tmp_path: Path, protocol: int) -> None:
    home = write_python(tmp_path, by_python_2)
    trace = tmp_path / "run"
    for call in ((os.system, f"touch {trace}"), (open, str(trace), "w"), (eval, "1")):
        for value in (Hostile(*call), {b"data": Hostile(*call), b"labels": []}):
            (home / "data_batch_2").write_bytes(pickle.dumps(value, protocol))
            refused(tmp_path, "data_batch_2", "not a pickle of CIFAR-10's kind")
    assert not trace.exists()


HOSTILE_STREAMS = {
    "named only": b"\x80\x02cposix\nsystem\n.",
    "constructor of an object": b"\x80\x02cnumpy\nndarray\nK\x01\x85R.",
    "codec": b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x03\x00\x00\x00zip\x86R.",
    "object array": b"\x80\x02cnumpy\ndtype\nU\x02O8K\x00K\x01\x87R.",
    "instance": b"(ios\nsystem\n.",
    "build of a global": b"\x80\x02cnumpy\nndarray\n}b.",
    "mark missing": b"\x80\x02e.",
    "stack empty": b"\x80\x02a.",
    "memo empty": b"\x80\x02h\x07.",
    "left over": b"\x80\x02K\x01K\x02.",
    "number": b"\x80\x02K\x01.",
    "unhashable": b"\x80\x02}]K\x01s.",
    "huge length": b"\x80\x02T\xff\xff\xff\x7fabc.",
    "negative length": b"\x80\x02T\xff\xff\xff\xffabc.",
    "no stop": b"\x80\x02}",
    "empty": b"",
    "text": b"<html>404</html>",
}


@pytest.mark.parametrize("stream", HOSTILE_STREAMS.values(), ids=HOSTILE_STREAMS)
def test_other_streams_are_refused(tmp_path: Path, stream: bytes) -> None:
    home = write_python(tmp_path, by_python_2)
    (home / "data_batch_4").write_bytes(stream)
    refused(tmp_path, "data_batch_4")


def test_broken_python_batches(tmp_path: Path) -> None:
    home = write_python(tmp_path, by_python_2)
    x, y = pictures()["data_batch_1"]
    wrong: list[dict[bytes, Any]] = [
        {b"labels": y.tolist()},
        {b"data": x},
        {b"data": x[:, :100], b"labels": y.tolist()},
        {b"data": x.astype(np.float64), b"labels": y.tolist()},
        {b"data": np.asfortranarray(x), b"labels": y.tolist()},
        {b"data": x, b"labels": y.tolist()[:-1]},
        {b"data": x, b"labels": [b"cat"] * BATCH},
        {b"data": x[:5], b"labels": y.tolist()[:5]},
    ]
    for value in wrong:
        (home / "data_batch_1").write_bytes(by_python_3(value))
        refused(tmp_path, "data_batch_1")
    (home / "batches.meta").write_bytes(by_python_3({b"label_names": "none"}))
    refused(tmp_path, "batches.meta", "label_names")


def test_a_text_with_a_wrong_escape_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "damaged"
    path.write_bytes(b"S'\\u'\n.")
    with pytest.raises(DatasetError, match="damaged"):
        _pickled(path)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_pickles_give_a_dictionary_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    rng = np.random.default_rng(0)
    whole = by_python_2(
        {b"labels": [1, 2], b"data": rng.integers(256, size=(2, 8), dtype=np.uint8)}
    )
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(bytes(damaged[: data.draw(st.integers(1, len(whole)))]))
    said = ""
    try:
        assert isinstance(_pickled(path), dict)
    except DatasetError as error:
        said = str(error)
    assert said.startswith(str(path)) or not said
    assert "\n" not in said


def test_the_task_gives_floats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QNNLAB_DATA", str(tmp_path))
    with pytest.raises(DatasetError, match="qnnlab data get cifar10"):
        ic.load_cifar10("smoke")
    write_binary(tmp_path / "cifar10")
    monkeypatch.setattr(
        "qnnlab.tasks.readers.cifar10.read", lambda at, profile: read(at, profile, BATCH)
    )
    loaded = ic.load_cifar10("full")
    assert loaded.train.x.dtype == np.float32
    assert loaded.train.groups is None
    np.testing.assert_array_equal(
        np.rint(loaded.test.x * 255), read(tmp_path / "cifar10", "full", BATCH)["test"].x
    )
    assert ic.preview_cifar10().labels == tuple(name for name in LABELS for _ in range(2))
