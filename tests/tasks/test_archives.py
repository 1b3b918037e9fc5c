from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qnnlab.errors import DatasetError
from qnnlab.steps import listening
from qnnlab.tasks.archives import extract

FILES = {"set/a.txt": b"alpha", "set/deep/b.bin": bytes(range(256)) * 40, "readme": b""}
LIMIT = 100_000


def tar_gz(path: Path, files: dict[str, bytes], *others: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for info in others:
            tar.addfile(info)
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def zipped(path: Path, files: dict[str, bytes], *others: zipfile.ZipInfo) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for info in others:
            archive.writestr(info, b"elsewhere")
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def zip_in_zip(path: Path, files: dict[str, bytes]) -> Path:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return zipped(path, {"The Set.zip": inner.getvalue(), "The Set.names": b"about"})


MAKE: dict[str, Callable[..., Path]] = {"tar.gz": tar_gz, "zip": zipped, "zip_in_zip": zip_in_zip}


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def refused(archive: Path, kind: str, into: Path, limit: int = LIMIT) -> str:
    into.mkdir(exist_ok=True)
    with pytest.raises(DatasetError) as error:
        extract(archive, kind, into, limit)
    message = str(error.value)
    assert message.startswith(f"{archive.parent}")
    assert "\n" not in message
    return message


@pytest.fixture
def into(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("kind", MAKE)
def test_every_byte_comes_out(kind: str, tmp_path: Path, into: Path) -> None:
    told: list[float] = []
    with listening(lambda _what, share: told.append(share)):
        extract(MAKE[kind](tmp_path / "a", FILES), kind, into, LIMIT)
    about = {"The Set.names": b"about"} if kind == "zip_in_zip" else {}
    assert contents(into) == {**FILES, **about}
    assert told[-1] == pytest.approx(1.0, abs=0.2)
    assert all(0 <= share <= 1 for share in told)


def test_leading_dots_and_folders_are_fine(tmp_path: Path, into: Path) -> None:
    top, inside = tarfile.TarInfo("."), tarfile.TarInfo("./yes")
    top.type = inside.type = tarfile.DIRTYPE
    extract(tar_gz(tmp_path / "a", {"./yes/1.wav": b"x"}, top, inside), "tar.gz", into, LIMIT)
    assert contents(into) == {"yes/1.wav": b"x"}


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
@pytest.mark.parametrize(
    "name", ["../out.txt", "set/../../out.txt", "/etc/passwd", "C:\\out.txt", "a\\..\\b", "c:out"]
)
def test_no_path_leaves_the_folder(kind: str, name: str, tmp_path: Path, into: Path) -> None:
    before = sorted(tmp_path.iterdir())
    archive = MAKE[kind](tmp_path / "a", {name: b"x"})
    assert "outside" in refused(archive, kind, into)
    assert contents(into) == {}
    assert sorted(tmp_path.iterdir()) == sorted([*before, archive])


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE]
)
def test_tar_members_that_are_neither_file_nor_folder(
    kind: bytes, tmp_path: Path, into: Path
) -> None:
    info = tarfile.TarInfo("set/odd")
    info.type, info.linkname = kind, "../../../etc/passwd"
    archive = tar_gz(tmp_path / "a", FILES, info)
    assert "'set/odd' is neither a file nor a folder" in refused(archive, "tar.gz", into)
    assert not (into / "set/odd").exists()


def test_zip_links_and_encrypted_members(tmp_path: Path, into: Path) -> None:
    link = zipfile.ZipInfo("set/link")
    link.external_attr = 0o120777 << 16
    archive = zipped(tmp_path / "a", FILES, link)
    assert "'set/link' is neither a file" in refused(archive, "zip", into)
    secret = bytearray(zipped(tmp_path / "b", {"s": b"x"}).read_bytes())
    secret[secret.rindex(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "b").write_bytes(secret)
    assert "'s' is encrypted" in refused(tmp_path / "b", "zip", into)


@pytest.mark.parametrize("kind", MAKE)
def test_a_bomb_is_stopped(kind: str, tmp_path: Path, into: Path) -> None:
    archive = MAKE[kind](tmp_path / "a", {"zeros": bytes(3_000_000)})
    assert archive.stat().st_size < 3_100_000
    assert "100,000 bytes" in refused(archive, kind, into)
    assert sum(map(len, contents(into).values())) <= (3_100_000 if kind == "zip_in_zip" else 0)


def test_zeros_behind_the_end_of_a_tar_are_a_bomb_too(tmp_path: Path, into: Path) -> None:
    archive = tar_gz(tmp_path / "a", FILES)
    archive.write_bytes(archive.read_bytes() + gzip.compress(bytes(3_000_000)))
    assert "100,000 bytes" in refused(archive, "tar.gz", into)


@pytest.mark.parametrize("kind", MAKE)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.99])
def test_an_archive_that_is_cut_off(kind: str, share: float, tmp_path: Path, into: Path) -> None:
    noise = np.random.default_rng(1).bytes(20_000)
    whole = MAKE[kind](tmp_path / "a", {**FILES, "noise": noise}).read_bytes()
    archive = tmp_path / "cut"
    archive.write_bytes(whole[: int(share * len(whole))])
    assert "damaged or cut off" in refused(archive, kind, into)


def test_a_flipped_bit_and_a_missing_inner_archive(tmp_path: Path, into: Path) -> None:
    noise = {"noise": np.random.default_rng(1).bytes(20_000)}
    for kind in ("tar.gz", "zip"):
        archive = MAKE[kind](tmp_path / "a", noise)
        damaged = bytearray(archive.read_bytes())
        damaged[len(damaged) // 2] ^= 4
        archive.write_bytes(damaged)
        assert "damaged or cut off" in refused(archive, kind, into)
    assert "no .zip" in refused(zipped(tmp_path / "z", FILES), "zip_in_zip", into)


def test_a_member_whose_name_is_lost(tmp_path: Path, into: Path) -> None:
    whole = zipped(tmp_path / "a", {"name": b"content"}).read_bytes()
    archive = tmp_path / "damaged"
    archive.write_bytes(whole.replace(b"name", b"\0ame"))
    assert "a member without a name" in refused(archive, "zip", into)


@given(kind=st.sampled_from(sorted(MAKE)), data=st.data())
def test_no_damage_ever_writes_outside(
    kind: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.mktemp("fuzz")
    into = place / "out"
    into.mkdir()
    archive = MAKE[kind](place / "a", FILES)
    content = bytearray(archive.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    archive.write_bytes(content)
    with suppress(DatasetError, OSError):
        extract(archive, kind, into, LIMIT)
    assert {path.name for path in place.iterdir()} == {"a", "out"}
    assert sum(map(len, contents(into).values())) <= 2 * LIMIT
