"""Write an export: a new folder appears whole, files in an old one are replaced one by one."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from qnnlab.errors import SpecError
from qnnlab.files import scratch_folder


def check_folder(folder: Path, force: bool) -> None:
    """Raise SpecError where `folder` is a file, or holds something and `force` is not given."""
    try:
        if folder.exists() and not folder.is_dir():
            raise SpecError(f"{folder} is a file; --out wants a folder")
        if folder.is_dir() and any(folder.iterdir()) and not force:
            raise SpecError(
                f"{folder} is not empty; --force writes into it and keeps its other files"
            )
    except OSError as error:
        raise SpecError(f"{folder}: can't be read: {error.strerror}") from None


def write_folder(files: Mapping[str, str], folder: Path, force: bool = False) -> None:
    """Write `files` (relative path → text) below `folder`.

    They are made in a folder beside it, so that none is ever half there. Raises SpecError as
    check_folder, and where they can't be written.
    """
    folder = folder.absolute()
    check_folder(folder, force)
    scratch: Path | None = None
    try:
        scratch = scratch_folder(folder.parent)
        for name, text in files.items():
            path = scratch / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        if not folder.exists():
            scratch.rename(folder)
            return
        for name in files:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            (scratch / name).replace(path)
    except OSError as error:
        raise SpecError(f"{folder}: can't be written: {error.strerror}") from None
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)
