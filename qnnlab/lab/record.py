"""A Record is one finished run: the spec, the figures, and how they came about."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from qnnlab.errors import DataError, QnnlabError
from qnnlab.lab.spec import Spec
from qnnlab.values import Value

SCHEMA_VERSION = 1
_FIELDS = {
    "schema_version",
    "key",
    "spec",
    "status",
    "reason",
    "results",
    "provenance",
    "started",
    "seconds",
}


@dataclass(frozen=True)
class Record:
    """One run. A failed one has a `reason` and no results.

    `started` (UTC, ISO 8601) and `seconds` say when and how long; the same spec gives the same
    `results`, whatever they are.
    """

    key: str
    spec: Spec
    status: Literal["ok", "failed"]
    reason: str | None
    results: tuple[Value, ...]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    started: str = ""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether the run finished."""
        return self.status == "ok"

    def __getitem__(self, name: str) -> Value:
        for value in self.results:
            if value.name == name:
                return value
        raise KeyError(name)

    def to_json(self) -> str:
        """The record as a JSON document."""
        document = {
            "schema_version": SCHEMA_VERSION,
            "key": self.key,
            "spec": self.spec.to_dict(),
            "status": self.status,
            "reason": self.reason,
            "results": [value.to_dict() for value in self.results],
            "provenance": dict(self.provenance),
            "started": self.started,
            "seconds": self.seconds,
        }
        return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Record:
        """The inverse of `to_json`; raises DataError on anything that is not a record."""
        try:
            document = json.loads(text)
        except ValueError as error:
            raise DataError(f"not a record: {error}") from None
        if not isinstance(document, dict) or set(document) != _FIELDS:
            raise DataError("not a record: its fields differ from the schema's")
        if document.pop("schema_version") != SCHEMA_VERSION:
            raise DataError(f"not a record of schema version {SCHEMA_VERSION}")
        if document["status"] not in ("ok", "failed"):
            raise DataError(f"not a record: status {document['status']!r}")
        try:
            document["spec"] = Spec.from_dict(document["spec"])
            document["results"] = tuple(Value.from_dict(value) for value in document["results"])
        except (QnnlabError, TypeError) as error:
            raise DataError(f"not a record: {error}") from None
        return cls(**document)
