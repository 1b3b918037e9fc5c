"""The models that are compared: MLPerf Tiny's four, and files of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from qnnlab.errors import ModelFormatError
from qnnlab.files import resource
from qnnlab.lab.firmware_peers import PEER_MODELS
from qnnlab.lab.frameworks.framework import Case, make_case

_FOLDER = "data/mlperf_tiny/models"


def reference_cases(
    names: Sequence[str] = tuple(PEER_MODELS), inputs: int = 16, seed: int = 0
) -> list[Case]:
    """MLPerf Tiny's int8 models by their short names: ic, kws, vww, ad."""
    return [make_case(name, _contents()[name], inputs, seed) for name in names]


def file_cases(paths: Sequence[Path], inputs: int = 16, seed: int = 0) -> list[Case]:
    """Models of one's own; files of one name are told apart by their folder.

    Raises ModelFormatError that names the file that can't be read.
    """
    stems = [path.stem for path in paths]
    cases = []
    for path, stem in zip(paths, stems, strict=True):
        name = stem if stems.count(stem) == 1 else str(path)
        try:
            cases.append(make_case(name, path.read_bytes(), inputs, seed))
        except OSError as error:
            raise ModelFormatError(f"{path}: can't be read: {error.strerror}") from None
        except ModelFormatError as error:
            raise ModelFormatError(f"{path}: {error}") from None
    return cases


def reference_model(content: bytes) -> str | None:
    """The short name of a file that is one of MLPerf Tiny's four, byte for byte."""
    return next((name for name, held in _contents().items() if held == content), None)


@lru_cache(maxsize=1)
def _contents() -> dict[str, bytes]:
    folder = resource(_FOLDER)
    return {name: (folder / file).read_bytes() for name, file in PEER_MODELS.items()}
