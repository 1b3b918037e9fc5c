"""A figure never travels alone: its unit, its kind and its source go with it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from qnnlab.errors import DataError

Kind = Literal["measured", "emulated", "estimated", "quoted"]
KINDS: tuple[str, ...] = get_args(Kind)


@dataclass(frozen=True)
class Value:
    """One figure of a result.

    `value` is None where the figure could not be had; `reason` then says why.
    """

    name: str
    value: float | int | str | bool | None
    unit: str
    kind: Kind
    source: str
    reason: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise DataError(f"value {self.name!r}: kind {self.kind!r} is not one of {KINDS}")
        if isinstance(self.value, float) and not math.isfinite(self.value):
            raise DataError(f"value {self.name!r} is not finite; give None and a reason")
        if (self.value is None) != (self.reason is not None):
            raise DataError(f"value {self.name!r}: a reason belongs to an absent value, only")

    def to_dict(self) -> dict[str, Any]:
        """The value as a JSON object."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Value:
        """The inverse of `to_dict`; raises DataError on unknown or missing fields."""
        try:
            return cls(**fields)
        except TypeError as error:
            raise DataError(f"not a value: {error}") from None
