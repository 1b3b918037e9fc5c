"""Archives from elsewhere, extracted so that they write in one folder only and no more than told.

Archives of data sets hold files and folders; a member that is anything else, or that names a place
outside the folder, is refused, and so is an archive that unpacks to more than its limit.
"""

from __future__ import annotations

import gzip
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from qnnlab.errors import DatasetError
from qnnlab.steps import tell

KINDS = ("tar.gz", "zip", "zip_in_zip")

_MOST_MEMBERS = 500_000
_CHUNK = 1 << 20
_ENCRYPTED = 0x1
# What the readers raise on bytes that are not the format; OSError is left for the disk.
_DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    NotImplementedError,
    OverflowError,
    ValueError,
)


@dataclass
class _Budget:
    """What an archive may still unpack to."""

    archive: Path
    limit: int
    taken: int = 0
    members: int = 0

    def take(self, size: int) -> None:
        self.taken += size
        self.members += 1
        if self.taken > self.limit or self.members > _MOST_MEMBERS:
            most = f"{self.limit:,} bytes in {_MOST_MEMBERS:,} files"
            raise DatasetError(
                f"{self.archive}: unpacks to more than {most}, so it is not the data set; "
                "nothing is kept of it"
            )


def extract(archive: Path, kind: str, into: Path, limit: int) -> None:
    """Extract `archive` (one of KINDS) into the folder `into`, at most `limit` bytes.

    Raises DatasetError where it is damaged, cut off, unsafe or too large, and OSError where the
    disk refuses; `into` may then hold a part of it.
    """
    budget = _Budget(archive, limit)
    try:
        if kind == "tar.gz":
            _extract_tar(archive, into, budget)
        else:
            _extract_zip(archive, into, budget)
            if kind == "zip_in_zip":
                _extract_inner(into, budget)
    except _DAMAGE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DatasetError(f"{archive}: damaged or cut off: {reason}") from None


def _check_name(archive: Path, name: str) -> None:
    if not name:  # zipfile trips over it
        raise DatasetError(f"{archive}: damaged or cut off: a member without a name")
    parts = PurePosixPath(name).parts
    outside = parts[:1] == ("/",) or ".." in parts or bool(PureWindowsPath(name).drive)
    if outside or "\\" in name or "\0" in name:
        raise DatasetError(f"{archive}: refused: {name!r} is a path outside of its folder")


def _refuse(archive: Path, name: str, what: str) -> DatasetError:
    return DatasetError(f"{archive}: refused: {name!r} is {what}")


def _extract_tar(archive: Path, into: Path, budget: _Budget) -> None:
    # Python 3.10.12, 3.11.4 and later check members themselves, too.
    options: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    size = max(1, archive.stat().st_size)
    with (
        archive.open("rb") as raw,
        gzip.GzipFile(fileobj=raw) as stream,
        tarfile.open(fileobj=stream, mode="r|") as tar,
    ):
        for member in tar:
            _check_name(archive, member.name)
            if not (member.isreg() or member.isdir()):
                raise _refuse(archive, member.name, "neither a file nor a folder")
            budget.take(member.size)
            tar.extract(member, into, set_attrs=False, **options)
            tell(f"extract {archive.name}", raw.tell() / size)
        # The checksum stands at the end, behind what tar looks at.
        while padding := stream.read(_CHUNK):
            budget.take(len(padding))


def _extract_zip(archive: Path, into: Path, budget: _Budget) -> None:
    with zipfile.ZipFile(archive) as unpacked:
        members = unpacked.infolist()
        for member in members:
            _check_name(archive, member.filename)
            mode = stat.S_IFMT(member.external_attr >> 16)
            if mode not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _refuse(archive, member.filename, "neither a file nor a folder")
            if member.flag_bits & _ENCRYPTED:
                raise _refuse(archive, member.filename, "encrypted")
            budget.take(member.file_size)
        total, done = max(1, sum(member.file_size for member in members)), 0
        for member in members:
            # Never more than `file_size` bytes come out, and the checksum is compared.
            unpacked.extract(member, into)
            done += member.file_size
            tell(f"extract {archive.name}", done / total)


def _extract_inner(into: Path, budget: _Budget) -> None:
    """Extract the archives that lie in an archive, beside it, and drop them."""
    inner = sorted(into.glob("*.zip"))
    if not inner:
        raise DatasetError(f"{budget.archive}: holds no .zip, and should")
    for archive in inner:
        _extract_zip(archive, into, budget)
        archive.unlink()
