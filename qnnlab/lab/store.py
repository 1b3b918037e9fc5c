"""The run store: one folder a run, written whole or not at all, found again by its key."""

from __future__ import annotations

import io
import os
import shutil
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import DataError, StoreError
from qnnlab.files import remove_orphans, replacing_folder
from qnnlab.lab.record import Record

_RECORD = "record.json"
_DAMAGED = ".damaged-"


class RunStore:
    """Runs below a folder (default: `$QNNLAB_RUNS`, else `runs/` in the current folder)."""

    def __init__(self, root: Path | str | None = None) -> None:
        self.root = Path(root or os.environ.get("QNNLAB_RUNS") or "runs").absolute()

    def path(self, key: str, artifact: str = _RECORD) -> Path:
        """Where a run keeps its record or one of its artifacts."""
        return self.root / key / artifact

    def progress_path(self, key: str) -> Path:
        """Where a run that is under way says how far it is."""
        return self.root / ".progress" / key

    def get(self, key: str) -> Record | None:
        """The record under `key`; None where there is none.

        A record that can't be read is set aside under `.damaged-<key>` with a warning, and the
        run counts as not done.
        """
        try:
            record = Record.from_json(self.path(key).read_text(encoding="utf-8"))
            if record.key != key:
                raise DataError(f"it carries the key {record.key}")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (DataError, UnicodeDecodeError) as error:
            aside = self.root / f"{_DAMAGED}{key}"
            shutil.rmtree(aside, ignore_errors=True)
            (self.root / key).rename(aside)
            warnings.warn(f"{aside}: set aside, {error}", stacklevel=2)
            return None
        except OSError as error:
            raise StoreError(f"{self.path(key)}: can't be read: {error.strerror}") from None
        return record

    def put(self, record: Record, artifacts: Mapping[str, bytes] | None = None) -> None:
        """Store a record with its files. A finished run is never replaced, a failed one is.

        Raises StoreError (disk full, no permission); the store is then as it was before.
        """
        if self._has_finished(record.key):
            return
        try:
            with replacing_folder(self.root / record.key) as folder:
                for name, content in (artifacts or {}).items():
                    (folder / name).write_bytes(content)
                (folder / _RECORD).write_text(record.to_json(), encoding="utf-8")
        except OSError as error:
            if self._has_finished(record.key):  # another process was quicker
                return
            raise StoreError(f"{self.root}: run not stored: {error.strerror or error}") from None

    def _has_finished(self, key: str) -> bool:
        record = self.get(key)
        return record is not None and record.ok

    def __iter__(self) -> Iterator[Record]:
        """Every record, by key."""
        if not self.root.is_dir():
            return
        for folder in sorted(self.root.iterdir()):
            if folder.is_dir() and not folder.name.startswith("."):
                record = self.get(folder.name)
                if record is not None:
                    yield record

    def clean(self) -> int:
        """Remove what killed processes left behind; returns how many folders."""
        return remove_orphans(self.root)


def weights_to_bytes(weights: list[NDArray[np.generic]]) -> bytes:
    """Weights as an .npz without pickle, in order."""
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **{f"w{i:04d}": w for i, w in enumerate(weights)})
    return stream.getvalue()


def weights_from_file(path: Path) -> list[NDArray[np.generic]]:
    """The inverse of `weights_to_bytes`; raises StoreError."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return [archive[name] for name in sorted(archive.files)]
    except (OSError, ValueError, EOFError) as error:
        raise StoreError(f"{path}: weights can't be read: {error}") from None
