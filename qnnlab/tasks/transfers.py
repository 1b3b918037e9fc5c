"""One file over HTTP: taken up where it broke off, verified, and under its name only when whole.

pooch has the file put under its name once its checksum is right. It can't take up a broken
transfer, so the bytes come through a downloader of our own into `<file>.part`.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from qnnlab.errors import DatasetError, MissingExtra
from qnnlab.files import write_atomic
from qnnlab.steps import tell

How = Literal["catalog", "first use"]

_CHUNK = 1 << 20
_PIECE = 1 << 16  # of a transfer; what a killed one loses
_TIMEOUT_S = (15, 60)  # to connect, and between two pieces
_MOST_RESUMES = 100


@dataclass(frozen=True)
class DataFile:
    """A file of a data set to download: a row of `data/datasets.csv`.

    `sha256` and `md5` are None where nobody published them; `archive` is one of
    `qnnlab.tasks.archives.KINDS`; `extracted_bytes` is about what it unpacks to.
    """

    dataset: str
    name: str
    url: str
    size: int
    archive: str
    mirror_url: str | None = None
    sha256: str | None = None
    md5: str | None = None
    extracted_bytes: int | None = None
    licence: str = ""
    licence_url: str = ""
    homepage: str = ""
    citation: str = ""
    note: str | None = None

    @property
    def identity(self) -> str | None:
        """The published checksum, as fingerprints carry it."""
        return self.sha256 or (f"md5:{self.md5}" if self.md5 else None)


@dataclass(frozen=True)
class Verified:
    """A file whose content is as it should be.

    `how` is "catalog" where a published checksum says so, "first use" where the only witness is
    the first download on this machine.
    """

    sha256: str
    how: How


class _NoTransferError(Exception):
    """An address does not give the file; the text says why."""


def first_use_record(path: Path) -> Path:
    """Where the SHA-256 of the first download stands, for a file without a published one."""
    return path.with_name(f"{path.name}.sha256")


def part_of(path: Path) -> Path:
    """Where the bytes of `path` gather until it is whole."""
    return path.with_name(f"{path.name}.part")


def fetch(file: DataFile, path: Path) -> Verified:
    """Have `file` at `path`: what lies there is verified, else it is downloaded.

    Raises DatasetError; a file with wrong content is then set aside as `<file>.bad`.
    """
    return accept(file, path) if path.exists() else _download(file, path)


def accept(file: DataFile, path: Path) -> Verified:
    """`verify`, and a file that fails is set aside."""
    _recorded(file, path)  # a record that can't be read is not the file's fault
    try:
        return verify(file, path)
    except DatasetError as error:
        raise DatasetError(f"{error}; it is set aside as {set_aside(file, path).name}") from None


def set_aside(file: DataFile, path: Path) -> Path:
    """Move a file that is not to be used out of the way; returns where it is now."""
    return path.replace(path.with_name(f"{file.name}.bad"))


def verify(file: DataFile, path: Path) -> Verified:
    """Compare `path` with the catalog, or else with what the first download was.

    Raises DatasetError with what was expected and what is there.
    """
    size = path.stat().st_size
    if size != file.size:
        what = "cut off" if size < file.size else "too long"
        raise DatasetError(f"{path}: {what}: {size:,} bytes, {file.size:,} expected")
    sha256, md5 = _digests(path)
    checks = [("SHA-256", file.sha256, sha256), ("MD5", file.md5, md5)]
    if file.sha256 is None:
        checks.append(("SHA-256 of the first download", _recorded(file, path), sha256))
    for what, expected, got in checks:
        if expected not in (None, got):
            raise DatasetError(f"{path}: wrong content: {what} {got}, {expected} expected")
    return Verified(sha256, "catalog" if file.identity else "first use")


def remember(file: DataFile, path: Path, verified: Verified) -> None:
    """Note the SHA-256 of a first download, where no published one can be compared with."""
    if file.sha256 is None and _recorded(file, path) is None:
        write_atomic(first_use_record(path), f"{verified.sha256}  {file.name}\n")


def _recorded(file: DataFile, path: Path) -> str | None:
    record = first_use_record(path.with_name(file.name))
    try:
        text = record.read_text(encoding="ascii")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        text = ""
    if not re.fullmatch(r"[0-9a-f]{64}( .*)?\n?", text):
        raise DatasetError(f"{record}: no SHA-256; delete it to trust the next download")
    return text[:64]


def _digests(path: Path) -> tuple[str, str]:
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    size, done = max(1, path.stat().st_size), 0
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            sha256.update(chunk)
            md5.update(chunk)
            done += len(chunk)
            tell(f"verify {path.name}", done / size)
    return sha256.hexdigest(), md5.hexdigest()


def _pooch() -> Any:
    try:
        import pooch
        import requests  # noqa: F401  (asked for here, used by the caller)
    except ImportError as error:
        raise MissingExtra(
            f"downloading needs pooch and requests: qnnlab[datasets] ({error})"
        ) from None
    pooch.get_logger().setLevel("WARNING")
    return pooch


def _download(file: DataFile, path: Path) -> Verified:
    pooch = _pooch()
    part, found = part_of(path), []
    for left in path.parent.glob("tmp*"):  # by a process that was killed while pooch waited
        if left.is_file() and left.stat().st_size == 0:
            left.unlink(missing_ok=True)

    def downloader(_url: str, output_file: str, _manager: object) -> None:
        _complete(file, part)
        found.append(accept(file, part))
        part.replace(output_file)

    known = f"sha256:{file.sha256}" if file.sha256 else f"md5:{file.md5}" if file.md5 else None
    pooch.retrieve(file.url, known, fname=file.name, path=path.parent, downloader=downloader)
    return found[0]


def _complete(file: DataFile, part: Path) -> None:
    """All bytes into `part`, from the address or else from its mirror. Raises DatasetError."""
    if _size(part) > file.size:
        part.unlink()
    failures = []
    for url in filter(None, (file.url, file.mirror_url)):
        try:
            _transfer(file, url, part)
            return
        except _NoTransferError as error:
            failures.append(f"{url}: {error}")
    kept = f" ({_size(part):,} of {file.size:,} bytes are kept)" if _size(part) else ""
    raise DatasetError(
        f"{file.name} can't be downloaded{kept}: {'; '.join(failures)}; "
        f"`qnnlab data get {file.dataset}` goes on, or uses the file if you put it into "
        f"{part.parent} by hand"
    )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _transfer(file: DataFile, url: str, part: Path) -> None:
    """Bytes from `url` until `part` is whole; a broken connection that brought some is renewed."""
    from requests import ConnectionError as NoConnection
    from requests import RequestException, Timeout
    from urllib3.exceptions import HTTPError

    for _ in range(_MOST_RESUMES):
        have = _size(part)
        if have == file.size:
            return
        reason = "the connection broke off"
        try:
            _receive(file, url, part, have)
        except Timeout:
            reason = "no answer in time"
        except NoConnection:
            reason = "no connection; is this machine offline?"
        except (RequestException, HTTPError) as error:
            reason = f"{reason} ({type(error).__name__})"
        if _size(part) <= have:
            raise _NoTransferError(reason)
    raise _NoTransferError("the connection breaks off again and again")


def _receive(file: DataFile, url: str, part: Path, have: int) -> None:
    """Append to `part` what `url` sends from byte `have` on, or all of it anew."""
    import requests

    headers = {"Accept-Encoding": "identity", "User-Agent": "qnnlab"}
    if have:
        headers["Range"] = f"bytes={have}-"
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT_S) as reply:
        start, total = _offered(reply.status_code, reply.headers)
        if total not in (None, file.size):
            raise _NoTransferError(f"offers {total:,} bytes, {file.size:,} expected")
        if start > have:
            raise _NoTransferError(f"sends from byte {start:,} on, asked for {have:,}")
        with part.open("ab") as stream:
            _lock(stream, file)
            stream.truncate(start)
            done = start
            for chunk in reply.raw.stream(_PIECE, decode_content=False):
                done += len(chunk)
                if done > file.size:
                    stream.truncate(0)
                    raise _NoTransferError(f"sends more than the {file.size:,} bytes expected")
                stream.write(chunk)
                tell(f"download {file.name}", done / file.size)


def _offered(status: int, headers: Any) -> tuple[int, int | None]:
    """From which byte on a reply sends, and the size of the whole file where it says so."""
    if status == 206:
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("Content-Range", ""))
        if match is None:
            raise _NoTransferError("sends a part and does not say which")
        return int(match[1]), None if match[2] == "*" else int(match[2])
    if status != 200:
        raise _NoTransferError(f"HTTP status {status}")
    length = headers.get("Content-Length", "")
    return 0, int(length) if length.isdecimal() else None


def _lock(stream: IO[bytes], file: DataFile) -> None:
    """Keep a second process from writing into the same file; a killed one holds nothing."""
    with suppress(ImportError):  # not on Windows
        import fcntl

        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DatasetError(
                f"{file.name} is being downloaded by another process; wait until it is done"
            ) from None
