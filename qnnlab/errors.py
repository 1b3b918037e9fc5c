"""The errors a user can meet. Each is one line: what was wrong, where, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_LISTED = 16


class QnnlabError(Exception):
    """Base of every error raised on purpose; the command line prints it and exits with 2."""


class SpecError(QnnlabError):
    """A run was asked for that does not exist: an unknown name or a value out of range."""


class StoreError(QnnlabError):
    """The run store can't be read or written."""


class ModelFormatError(QnnlabError):
    """A file is not a model that can be read: corrupt, truncated or of another format."""


class UnsupportedModel(ModelFormatError):
    """A model without an integer form here; `reasons` says each thing that stands in its way."""

    def __init__(self, reasons: tuple[str, ...], file: str | None = None) -> None:
        self.reasons = reasons
        more = f" (and {len(reasons) - 1} more reasons)" if len(reasons) > 1 else ""
        where = "" if file is None else f"{file}: "
        super().__init__(f"{where}no integer form: {reasons[0]}{more}")


class NoEstimate(QnnlabError):
    """A cost model has nothing to go by, or a target can't take the model: why, and what would."""


class CodegenError(QnnlabError):
    """A graph can't be made into C: an operator, a width or a scale that no template covers."""


class FirmwareFault(QnnlabError):
    """Firmware was not built, or went wrong while it ran: where, and in which operator."""


class RuntimeUnavailable(QnnlabError):
    """An interpreter is not installed on this machine."""


class RuntimeFault(QnnlabError):
    """An interpreter refused a model, crashed on it or ran past its limit."""


class DataError(QnnlabError):
    """A data file that a person edits breaks its schema: file, line, column and rule."""


class DatasetError(QnnlabError):
    """A data set is not on this machine, damaged, or not in the format that it should have."""


class MethodError(QnnlabError):
    """A method can't take a model: a layer has no integer form, or a setting does not fit it."""


class MissingExtra(QnnlabError):
    """An optional dependency is not installed; the message names the extra that brings it."""


class ReportError(QnnlabError):
    """A notebook failed or a report can't be rendered."""


def unknown_name(what: str, name: str, known: Iterable[str]) -> str:
    """One line that says that `name` is unknown and which names are nearest."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    listed = ", ".join(names[:_LISTED]) + (f", … ({len(names)})" if len(names) > _LISTED else "")
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {listed}"
    return f"unknown {what} {name!r}; {hint}"
