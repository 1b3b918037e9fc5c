"""A Spec names one run; its text form reads `task/method/target/s<seed>/profile`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from qnnlab.errors import SpecError, unknown_name
from qnnlab.methods import RECIPES
from qnnlab.tasks import PROFILES, TASKS

TARGETS: tuple[str, ...] = ("host",)
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")
_MAX_SEED = 2**31 - 1


@dataclass(frozen=True, order=True)
class Spec:
    """Task × method × target, with the seed and the profile (how much training is paid for).

    `target` is where results are read off; `host` runs the interpreters on this machine. Raises
    SpecError when a field is malformed; whether the names exist is `check`'s question.
    """

    task: str
    method: str
    target: str = "host"
    seed: int = 0
    profile: str = "quick"

    def __post_init__(self) -> None:
        for field in ("task", "method", "target"):
            name = getattr(self, field)
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                raise SpecError(f"{field} {name!r} is not a name of a-z, 0-9, '_', '.' and '-'")
        if type(self.seed) is not int or not 0 <= self.seed <= _MAX_SEED:
            raise SpecError(f"seed {self.seed!r} is not a whole number from 0 to {_MAX_SEED}")
        if self.profile not in PROFILES:
            raise SpecError(unknown_name("profile", str(self.profile), PROFILES))

    def __str__(self) -> str:
        return f"{self.task}/{self.method}/{self.target}/s{self.seed}/{self.profile}"

    @classmethod
    def parse(cls, text: str) -> Spec:
        """The inverse of `str`. Raises SpecError."""
        parts = text.split("/")
        if len(parts) != 5 or not re.fullmatch(r"s(0|[1-9][0-9]{0,9})", parts[3], re.ASCII):
            raise SpecError(f"{text!r} does not read task/method/target/s<seed>/profile")
        return cls(parts[0], parts[1], parts[2], int(parts[3][1:]), parts[4])

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Spec:
        """A Spec from a JSON or YAML mapping. Raises SpecError on unknown or missing fields."""
        try:
            return cls(**fields)
        except TypeError as error:
            raise SpecError(f"not a spec: {error}") from None

    def to_dict(self) -> dict[str, Any]:
        """The spec as a JSON object."""
        return asdict(self)

    def check(self) -> Spec:
        """This spec, if its names exist; else SpecError with the nearest names."""
        for what, name, known in (
            ("task", self.task, TASKS),
            ("method", self.method, RECIPES),
            ("target", self.target, TARGETS),
        ):
            if name not in known:
                raise SpecError(unknown_name(what, name, known))
        return self

    def parent(self) -> Spec | None:
        """The run whose weights this one starts from, if any."""
        method = RECIPES[self.method].parent
        return None if method is None else Spec(self.task, method, "host", self.seed, self.profile)
