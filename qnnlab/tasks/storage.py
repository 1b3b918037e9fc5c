"""Where data sets live on disk, and generated ones kept so that they are made once."""

from __future__ import annotations

import hashlib
import io
import json
import os
import warnings
import zipfile
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import DatasetError
from qnnlab.files import write_atomic
from qnnlab.tasks.task import SPLITS, Split

_KEPT = ("x", "y", "groups", "clips")


def data_folder() -> Path:
    """`$QNNLAB_DATA`, else `qnnlab` in the user's cache folder."""
    named = os.environ.get("QNNLAB_DATA")
    if named:
        return Path(named).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "qnnlab"


def generated_key(
    modules: Sequence[str], libraries: Sequence[str], parameters: Mapping[str, Any]
) -> str:
    """Content address of generated data: source of `modules`, library versions, parameters."""
    digest = hashlib.sha256()
    for name in modules:
        digest.update(Path(str(import_module(name).__file__)).read_bytes())
    versions = {name: metadata.version(name) for name in libraries}
    digest.update(json.dumps([versions, dict(parameters)], sort_keys=True).encode())
    return digest.hexdigest()[:16]


def generated(
    name: str,
    make: Callable[[], Mapping[str, Split]],
    *,
    modules: Sequence[str],
    libraries: Sequence[str] = ("numpy",),
    **parameters: Any,
) -> dict[str, Split]:
    """The splits that `make` gives, made once and kept below the data folder.

    `modules` (dotted names) are those whose source decides the result, `libraries` the packages
    whose version does, `parameters` (JSON) the rest. `x` is kept in the type that `make` chose:
    uint8 images take a quarter of the room. A kept file that can't be read is made anew, with a
    warning; where nothing can be kept, that is a warning too.
    """
    key = generated_key(modules, libraries, parameters)
    path = data_folder() / "generated" / f"{name}-{key}.npz"
    try:
        return _read(path)
    except FileNotFoundError:
        pass
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        warnings.warn(f"{path}: made anew, it can't be read: {error}", stacklevel=2)
    splits = dict(make())
    try:
        write_atomic(path, _to_bytes(splits))
    except OSError as error:
        warnings.warn(f"{path}: not kept: {error.strerror or error}", stacklevel=2)
    return splits


def _to_bytes(splits: Mapping[str, Split]) -> bytes:
    stream = io.BytesIO()
    arrays: dict[str, NDArray[Any]] = {
        f"{name}.{part}": getattr(splits[name], part)
        for name in SPLITS
        for part in _KEPT
        if getattr(splits[name], part) is not None
    }
    np.savez(stream, allow_pickle=False, **arrays)
    return stream.getvalue()


def _read(path: Path) -> dict[str, Split]:
    # numpy leaves a file that it can't read open, so it is opened here.
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
        return {
            name: Split(
                **{p: archive[f"{name}.{p}"] for p in _KEPT if f"{name}.{p}" in archive.files}
            )
            for name in SPLITS
        }


def dataset_folder(dataset: str) -> Path:
    """The folder of a downloaded data set. Raises DatasetError where it is not there."""
    folder = data_folder() / dataset
    if not folder.is_dir():
        raise DatasetError(
            f"data set {dataset} is not in {data_folder()}; "
            f"`qnnlab data get {dataset}` downloads it"
        )
    return folder
