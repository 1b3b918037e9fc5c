"""The ledger `data/survey/claims.yaml`: the review's claims, each with the test that decides it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

import yaml

from qnnlab.errors import DataError, unknown_name
from qnnlab.files import read_data, resource
from qnnlab.lab.claims.registry import CHECKS, parameter_problem
from qnnlab.tasks import PROFILES

LEDGER = "data/survey/claims.yaml"
SECTIONS: tuple[str, ...] = (
    "II",
    "III-A",
    "III-B",
    "III-C",
    "III-D",
    "III-E",
    "III-F",
    "IV",
    "V",
    "VI",
    "VII",
)
TABLE_ONLY = "none"
COMPARISONS: dict[str, str] = {
    "at_most": "at most",
    "at_least": "at least",
    "below": "below",
    "above": "above",
    "equals": "exactly",
    "between": "between",
}
_FIELDS = {
    "id",
    "section",
    "statement",
    "source",
    "metric",
    "expectation",
    "check",
    "parameters",
    "needs",
    "profile",
}
_NEEDS = ("tasks", "methods", "tables", "features")
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True)
class Expectation:
    """What the claim says of `measure`: a comparison with one bound, or a range with two."""

    measure: str
    unit: str
    comparison: str
    bounds: tuple[float, ...]

    def holds(self, value: float | Fraction) -> bool:
        """Whether `value` is as the claim says; exact, without a tolerance."""
        low, high = self.bounds[0], self.bounds[-1]
        return {
            "at_most": value <= high,
            "at_least": value >= low,
            "below": value < high,
            "above": value > low,
            "equals": value == low,
            "between": low <= value <= high,
        }[self.comparison]

    def side(self, value: float) -> int:
        """0 where `value` is as the claim says; else −1 (too low) or 1 (too high)."""
        if self.holds(value):
            return 0
        return -1 if value < self.bounds[0] or self.comparison == "above" else 1

    def __str__(self) -> str:
        numbers = " and ".join(f"{bound:g}" for bound in self.bounds)
        return f"{COMPARISONS[self.comparison]} {numbers}{f' {self.unit}' if self.unit else ''}"


@dataclass(frozen=True)
class Needs:
    """The names that must exist before a claim can be decided.

    No task means: every task with records. A feature is a module of qnnlab, by its dotted name.
    """

    tasks: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    features: tuple[str, ...] = ()


@dataclass(frozen=True)
class Claim:
    """One statement of the review or of its sources, and how it is tested.

    `profile` is the least that it is testable in; "none" for a claim about tables alone.
    """

    id: str
    section: str
    statement: str
    source: str
    metric: str
    expectation: Expectation
    check: str
    parameters: Mapping[str, Any]
    needs: Needs
    profile: str


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"expectation: {value!r} is not a number")
    return float(value)


def _expectation(fields: object) -> Expectation:
    if not isinstance(fields, dict) or not {"measure", "unit"} <= set(fields):
        raise ValueError("expectation needs a measure and a unit")
    comparisons = sorted(set(fields) - {"measure", "unit"})
    if len(comparisons) != 1 or comparisons[0] not in COMPARISONS:
        raise ValueError(f"expectation needs one of {', '.join(COMPARISONS)}")
    (comparison,) = comparisons
    given = fields[comparison]
    if comparison != "between":
        bounds: tuple[float, ...] = (_number(given),)
    elif isinstance(given, list) and len(given) == 2:
        bounds = (_number(given[0]), _number(given[1]))
        if not bounds[0] < bounds[1]:
            raise ValueError("expectation: the range is reversed or empty")
    else:
        raise ValueError("expectation: between takes [low, high]")
    for name in ("measure", "unit"):
        if not isinstance(fields[name], str):
            raise ValueError(f"expectation: {name} must be text")
    return Expectation(fields["measure"], fields["unit"], comparison, bounds)


def _needs(fields: object) -> Needs:
    if not isinstance(fields, dict) or set(fields) != set(_NEEDS):
        raise ValueError(f"needs must list {', '.join(_NEEDS)}")
    for name, entries in fields.items():
        if not isinstance(entries, list) or not all(isinstance(e, str) and e for e in entries):
            raise ValueError(f"needs: {name} must be a list of names")
    return Needs(**{name: tuple(entries) for name, entries in fields.items()})


def _names_in(parameters: Mapping[str, Any], keys: tuple[str, ...]) -> Iterator[str]:
    for key in keys:
        given = parameters.get(key, [])
        yield from [given] if isinstance(given, str) else given


def _check_parameters(row: Mapping[str, Any], needs: Needs) -> None:
    parameters = row["parameters"]
    if row["check"] not in CHECKS:
        raise ValueError(unknown_name("check", str(row["check"]), CHECKS))
    if not isinstance(parameters, dict):
        raise ValueError("parameters must be a mapping")
    problem = parameter_problem(row["check"], parameters)
    if problem:
        raise ValueError(problem)
    for name in _names_in(parameters, ("method", "reference", "methods")):
        if name not in needs.methods:
            raise ValueError(f"method {name!r} is in the parameters and not in needs")
    for name in _names_in(parameters, ("task", "than_task")):
        if name not in needs.tasks:
            raise ValueError(f"task {name!r} is in the parameters and not in needs")
    columns = _names_in(parameters, ("value", "minus_value"))
    for name in (*_names_in(parameters, ("table",)), *(c.split(".")[0] for c in columns)):
        if name not in needs.tables:
            raise ValueError(f"table {name!r} is in the parameters and not in needs")


def _claim(row: Mapping[str, Any], known: Mapping[str, Claim]) -> Claim:
    if set(row) != _FIELDS:
        wrong = ", ".join(sorted(map(str, set(row) ^ _FIELDS)))
        raise ValueError(f"its fields differ from the schema's in {wrong}")
    if row["id"] in known:
        raise ValueError("a claim above has the same id")
    for name in ("statement", "source", "metric"):
        if not isinstance(row[name], str) or not row[name].strip():
            raise ValueError(f"{name} must be text")
    if row["section"] not in SECTIONS:
        raise ValueError(unknown_name("section", str(row["section"]), SECTIONS))
    needs = _needs(row["needs"])
    _check_parameters(row, needs)
    if row["profile"] not in (TABLE_ONLY, *PROFILES):
        raise ValueError(unknown_name("profile", str(row["profile"]), (TABLE_ONLY, *PROFILES)))
    if (row["profile"] == TABLE_ONLY) == bool(needs.methods):
        raise ValueError("profile is 'none' for a claim that needs no method, and only there")
    texts: dict[str, Any] = {
        name: " ".join(row[name].split()) for name in ("statement", "source", "metric")
    }
    rest: dict[str, Any] = {
        name: row[name] for name in ("id", "section", "check", "parameters", "profile")
    }
    return Claim(**rest, **texts, expectation=_expectation(row["expectation"]), needs=needs)


def parse_claims(text: str, name: str = LEDGER) -> tuple[Claim, ...]:
    """Read a ledger; raises DataError with file, claim and the rule of the first wrong row."""
    try:
        rows = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise DataError(f"{name}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(rows, list):
        raise DataError(f"{name}: must be a list of claims")
    claims: dict[str, Claim] = {}
    for number, row in enumerate(rows, start=1):
        label = row.get("id") if isinstance(row, dict) else None
        if not isinstance(label, str) or not _ID.fullmatch(label):
            raise DataError(f"{name}: row {number}: {label!r} is no id like int8-near-float")
        try:
            claims[label] = _claim(row, claims)
        except ValueError as error:
            raise DataError(f"{name}: claim {label!r}: {error}") from None
    return tuple(claims.values())


@cache
def read_ledger() -> tuple[Claim, ...]:
    """The claims of `data/survey/claims.yaml`, in order. Raises DataError."""
    return parse_claims(read_data(resource(LEDGER)))
