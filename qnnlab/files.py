"""Files: whole or not at all, and found both in a checkout and in an installed package."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qnnlab.errors import DataError

_PACKAGE = Path(__file__).parent


def resource(relative: str) -> Path:
    """Path of a file or folder that ships with qnnlab, such as `data/survey`.

    A checkout holds it at its top; a wheel holds a copy inside the package.
    """
    bundled = _PACKAGE / "_bundled" / relative
    return bundled if bundled.exists() else _PACKAGE.parent / relative


def read_data(path: Path) -> str:
    """The text of a data file; raises DataError where it can't be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: can't be read: {error}") from None


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write `content` so that `path` holds either its old or its new content, never a part."""
    data = content.encode() if isinstance(content, str) else content
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


_SCRATCH = ".scratch-"


def scratch_folder(parent: Path) -> Path:
    """A new empty folder below `parent` whose name carries this process."""
    parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=parent, prefix=f"{_SCRATCH}{os.getpid()}-"))
    scratch.chmod(0o755)
    return scratch


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def remove_orphans(parent: Path) -> int:
    """Remove the scratch folders of processes that are no more; returns how many."""
    orphans = [
        folder
        for folder in parent.glob(f"{_SCRATCH}*")
        if not _alive(int(folder.name.removeprefix(_SCRATCH).split("-")[0]))
    ]
    for folder in orphans:
        shutil.rmtree(folder, ignore_errors=True)
    return len(orphans)


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty scratch folder beside `folder`; on success it takes `folder`'s place.

    On an error the scratch folder is removed and `folder` is left as it was.
    """
    scratch = scratch_folder(folder.parent)
    try:
        yield scratch
        if folder.exists():
            old = scratch_folder(folder.parent)
            folder.rename(old / "old")
            scratch.rename(folder)
            shutil.rmtree(old, ignore_errors=True)
        else:
            scratch.rename(folder)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
