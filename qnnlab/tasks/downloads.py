"""Real data sets: which there are, what is here, getting them, and what identifies them.

Nothing is downloaded unless `get_dataset` is called. Below `data_folder()` lie the archives in
`downloads/`, and each data set in a folder of its name with a manifest of what it was made from.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal

from qnnlab.errors import DatasetError, unknown_name
from qnnlab.files import remove_orphans, replacing_folder, write_atomic
from qnnlab.tasks.archives import extract
from qnnlab.tasks.storage import data_folder, dataset_folder
from qnnlab.tasks.transfers import (
    DataFile,
    Verified,
    fetch,
    part_of,
    remember,
    set_aside,
    verify,
)

State = Literal["here", "by hand", "not here"]
Files = Sequence[DataFile] | None

MANIFEST = ".qnnlab.json"
# Where the catalog does not say what an archive unpacks to: room that is asked for, and the limit.
_USUAL_RATIO, _MOST_RATIO = 3, 20
_TOLERANCE = 2  # on what the catalog says, which is an estimate
_SLACK = 64 << 20


@contextmanager
def _disk_errors() -> Iterator[None]:
    """What the disk refuses, as one line."""
    try:
        yield
    except OSError as error:
        where = error.filename or data_folder()
        raise DatasetError(
            f"{where}: {error.strerror or error}; $QNNLAB_DATA names another folder for data sets"
        ) from None


@dataclass(frozen=True)
class Dataset:
    """A data set and its state on this machine.

    `size` is what the archives have in bytes, `to_download` what of them is not on this machine,
    `room` what has to be free on the disk to get and extract them. `verified` is "catalog", "first
    use", or "" for data that is not here or was put here by hand.
    """

    name: str
    files: tuple[DataFile, ...]
    folder: Path
    state: State
    verified: str
    size: int
    to_download: int
    room: int
    licence: str
    licence_url: str
    homepage: str
    citation: str


@cache
def _catalog() -> Mapping[str, tuple[DataFile, ...]]:
    from qnnlab.survey import load_table

    found: dict[str, tuple[DataFile, ...]] = {}
    table = load_table("datasets").drop(columns=["source", "verified"])
    table = table.rename(columns={"file": "name", "bytes": "size"}).astype(object)
    for row in table.where(table.notna(), None).to_dict("records"):
        file = DataFile(**row)
        found[file.dataset] = (*found.get(file.dataset, ()), file)
    return found


def dataset_names() -> list[str]:
    """The data sets of `data/datasets.csv`."""
    return list(_catalog())


def _files(dataset: str, files: Files) -> tuple[DataFile, ...]:
    if files is not None:
        return tuple(files)
    if dataset not in _catalog():
        raise DatasetError(unknown_name("data set", dataset, _catalog()))
    return _catalog()[dataset]


def downloads_folder() -> Path:
    """Where archives lie: those downloaded, and those that a person puts there."""
    return data_folder() / "downloads"


@_disk_errors()
def describe(dataset: str, files: Files = None) -> Dataset:
    """What the catalog says of a data set, and what of it is here. Raises DatasetError."""
    rows = _files(dataset, files)
    folder = data_folder() / dataset
    manifest = _manifest(folder)
    state: State = "here" if manifest else "by hand" if _holds_something(folder) else "not here"
    made_from = manifest["files"] if manifest else []
    missing = sum(map(_missing, rows))
    unpacked = sum(row.extracted_bytes or _USUAL_RATIO * row.size for row in rows)
    return Dataset(
        name=dataset,
        files=rows,
        folder=folder,
        state=state,
        verified=" + ".join(sorted({entry["verified"] for entry in made_from})),
        size=sum(row.size for row in rows),
        to_download=missing,
        room=missing + unpacked,
        licence=rows[0].licence,
        licence_url=rows[0].licence_url,
        homepage=rows[0].homepage,
        citation=rows[0].citation,
    )


def _missing(file: DataFile) -> int:
    path = downloads_folder() / file.name
    if path.exists():
        return 0
    part = part_of(path)
    return file.size - min(file.size, part.stat().st_size if part.exists() else 0)


def still_to_download(dataset: str, files: Files = None) -> int:
    """The bytes that `get_dataset` would download now; 0 where the data is here."""
    found = describe(dataset, files)
    return 0 if _is_ready(found) else found.to_download


def _is_ready(found: Dataset) -> bool:
    return found.state == "by hand" or (found.state == "here" and _is_whole(found.folder))


def _holds_something(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


@_disk_errors()
def get_dataset(
    dataset: str,
    *,
    confirm: Callable[[Dataset], bool] | None = None,
    files: Files = None,
) -> Path:
    """The folder of a data set, downloaded, verified and extracted unless it is here.

    Archives that lie in `downloads_folder()` are used, so that a machine without a connection can
    be served by hand; so are broken downloads, which go on. `confirm` is asked before anything is
    downloaded; without it, the call is the consent. A folder that a person filled is left as it
    is; one of ours that lost files is made anew. Raises DatasetError.
    """
    found = describe(dataset, files)
    if _is_ready(found):
        return found.folder
    if found.to_download and confirm is not None and not confirm(found):
        raise DatasetError(f"data set {dataset} is not downloaded: it was not agreed to")
    _check_room(found)
    downloads = downloads_folder()
    downloads.mkdir(parents=True, exist_ok=True)
    remove_orphans(data_folder())
    verified = [fetch(row, downloads / row.name) for row in found.files]
    with replacing_folder(found.folder) as scratch:
        for row, witness in zip(found.files, verified, strict=True):
            _unpack(row, downloads / row.name, witness, scratch)
        write_atomic(scratch / MANIFEST, _manifest_text(found, verified, scratch))
    return found.folder


def _unpack(file: DataFile, archive: Path, verified: Verified, into: Path) -> None:
    limit = _TOLERANCE * (file.extracted_bytes or 0) or _MOST_RATIO * file.size
    try:
        extract(archive, file.archive, into, limit + _SLACK)
    except DatasetError as error:
        if verified.how == "catalog":
            raise
        bad = set_aside(file, archive)
        raise DatasetError(f"{error}; the archive is set aside as {bad.name}") from None
    remember(file, archive, verified)


def _check_room(found: Dataset) -> None:
    place = found.folder.parent
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < found.room:
        raise DatasetError(
            f"data set {found.name} needs {found.room:,} bytes in {data_folder()}, {free:,} are "
            "free; make room, or name another folder in $QNNLAB_DATA"
        )


def _manifest_text(found: Dataset, verified: Sequence[Verified], tree: Path) -> str:
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    entries = [
        {
            "file": row.name,
            "url": row.url,
            "bytes": row.size,
            "sha256": witness.sha256,
            "identity": row.identity or witness.sha256,
            "verified": witness.how,
            "date": today,
        }
        for row, witness in zip(found.files, verified, strict=True)
    ]
    document = {"dataset": found.name, "files": entries, "tree": _tree_digest(tree)}
    return json.dumps(document, indent=1) + "\n"


def _manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of a folder; None where there is none that can be read: then it is by hand."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        told = [manifest["tree"]]
        for entry in manifest["files"]:
            told += [entry[key] for key in ("file", "sha256", "identity", "verified")]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return manifest if len(told) > 1 and all(isinstance(text, str) for text in told) else None


def _walk(folder: Path) -> Iterator[tuple[str, int]]:
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if name in (MANIFEST, ".DS_Store"):  # the second is left by a Mac that looks inside
                continue
            path, size = Path(place, name), 0
            with suppress(FileNotFoundError):  # a link to nowhere
                size = path.stat().st_size
            yield path.relative_to(folder).as_posix(), size


def _tree_digest(folder: Path) -> str:
    """Digest of the names and sizes of all files in a folder; cheap, and blind to their bytes."""
    digest = hashlib.sha256()
    for name, size in _walk(folder):
        digest.update(f"{name}\0{size}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:16]


def _is_whole(folder: Path) -> bool:
    manifest = _manifest(folder)
    return manifest is not None and _tree_digest(folder) == manifest["tree"]


@_disk_errors()
def fingerprint(dataset: str, files: Files = None) -> str:
    """What identifies a data set in the key of a run: its name and its files' checksums.

    From the manifest, or from the catalog where the data is not here, so that a machine without
    the data finds the runs of one that has it. Data put here by hand is "unverified", with a
    digest of its names and sizes. "absent" where neither tells.
    """
    folder = data_folder() / dataset
    manifest = _manifest(folder)
    if manifest is not None:
        return f"{dataset}:{'+'.join(entry['identity'] for entry in manifest['files'])}"
    if _holds_something(folder):
        return f"{dataset}:unverified:{_digest_once(folder, _stamp(folder))}"
    rows = files if files is not None else _catalog().get(dataset, ())
    known = [row.identity for row in rows if row.identity]
    return f"{dataset}:{'+'.join(known)}" if known and len(known) == len(rows) else "absent"


def _stamp(folder: Path) -> tuple[int, ...]:
    """Changes when files come or go in a folder or in those directly in it."""
    inside = sorted(path for path in folder.iterdir() if path.is_dir())
    return tuple(path.stat().st_mtime_ns for path in (folder, *inside))


@lru_cache(maxsize=32)
def _digest_once(folder: Path, stamp: tuple[int, ...]) -> str:
    return _tree_digest(folder)


@_disk_errors()
def check_dataset(dataset: str, files: Files = None) -> list[str]:
    """Compare a data set with what it was made from; a line for each thing that is right.

    The extracted files are compared by name and size, the archive, where it still lies here, byte
    by byte. Raises DatasetError with the first thing that is wrong.
    """
    rows = _files(dataset, files)
    folder = dataset_folder(dataset)
    manifest = _manifest(folder)
    if manifest is None:
        sizes = [size for _, size in _walk(folder)]
        return [f"{folder}: {len(sizes):,} files, {sum(sizes):,} bytes, by hand: not verified"]
    if not _is_whole(folder):
        raise DatasetError(
            f"{folder}: files are missing, changed in size or added since it was made; "
            f"`qnnlab data get {dataset}` makes it anew"
        )
    lines = [f"{folder}: all files as they were extracted"]
    made_from = {entry["file"]: entry for entry in manifest["files"]}
    for row in rows:
        path = downloads_folder() / row.name
        if not path.exists():
            lines.append(f"{path}: not kept")
            continue
        found = verify(row, path)
        if row.name in made_from and made_from[row.name]["sha256"] != found.sha256:
            raise DatasetError(f"{path}: not the archive that {folder} was made from")
        lines.append(f"{path}: SHA-256 {found.sha256}, as {_witness(found)} says")
    return lines


def _witness(verified: Verified) -> str:
    return "the catalog" if verified.how == "catalog" else "the first download"


@_disk_errors()
def remove_dataset(dataset: str, *, archives_only: bool = False, files: Files = None) -> list[Path]:
    """Delete a data set and its archives; returns what was deleted.

    What the first download of a file without a published checksum was stays noted, so that the
    next one is compared with it.
    """
    downloads = downloads_folder()
    doomed = [] if archives_only else [data_folder() / dataset]
    for row in _files(dataset, files):
        path = downloads / row.name
        doomed += [path, part_of(path), path.with_name(f"{row.name}.bad")]
    deleted = []
    for path in doomed:
        if path.is_symlink() or path.is_file():
            path.unlink()
        elif path.is_dir():
            shutil.rmtree(path)
        else:
            continue
        deleted.append(path)
    return deleted
