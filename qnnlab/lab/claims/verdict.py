"""From a claim to a verdict: what the runs and tables here say of it, and by which figures."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, get_args

from qnnlab.errors import DataError, unknown_name
from qnnlab.lab.claims.ledger import TABLE_ONLY, Claim, Expectation, read_ledger
from qnnlab.lab.claims.registry import CHECKS, Evidence, Facts, Member, NotTestable, Tables
from qnnlab.lab.record import Record
from qnnlab.methods import RECIPES
from qnnlab.survey import load_table, table_names
from qnnlab.tasks import PROFILES, TASKS
from qnnlab.values import Value

Outcome = Literal["reproduced", "partly", "not reproduced", "not testable here"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


@dataclass(frozen=True)
class Verdict:
    """What is to be said of a claim here, why, and the figures that led to it."""

    claim: Claim
    outcome: Outcome
    why: str
    figures: tuple[Value, ...]

    def to_dict(self) -> dict[str, Any]:
        """The verdict as a JSON object."""
        return {
            "id": self.claim.id,
            "section": self.claim.section,
            "statement": self.claim.statement,
            "source": self.claim.source,
            "metric": self.claim.metric,
            "expectation": f"{self.claim.expectation.measure} {self.claim.expectation}",
            "outcome": self.outcome,
            "why": self.why,
            "figures": [figure.to_dict() for figure in self.figures],
        }


def _has_module(feature: str) -> bool:
    try:
        return importlib.util.find_spec(f"qnnlab.{feature}") is not None
    except ModuleNotFoundError:
        return False


def missing_names(
    claim: Claim, has_table: Callable[[str], bool] | None = None
) -> dict[str, list[str]]:
    """What the claim needs and qnnlab doesn't have (yet), by kind of thing."""
    exists: dict[str, Callable[[str], bool]] = {
        "method": lambda name: name in RECIPES,
        "task": lambda name: name in TASKS,
        "table": has_table or (lambda name: name in table_names()),
        "feature": _has_module,
    }
    needed = {
        kind: [name for name in getattr(claim.needs, f"{kind}s") if not present(name)]
        for kind, present in exists.items()
    }
    return {kind: names for kind, names in needed.items() if names}


def _mean(values: Sequence[float], ratio: bool) -> Fraction:
    """Exact for differences; a geometric mean is rounded and kept within its values."""
    if not ratio or min(values) <= 0:
        return sum(map(Fraction, values), Fraction(0)) / len(values)
    mean = math.exp(math.fsum(map(math.log, values)) / len(values))
    return Fraction(min(max(mean, min(values)), max(values)))


def _judge_case(expectation: Expectation, values: Sequence[float], ratio: bool) -> Outcome:
    sides = {expectation.side(value) for value in values}
    if sides == {0}:
        return "reproduced"
    # Values too low and too high would cancel in a mean that says nothing of either.
    if {-1, 1} <= sides:
        return "not reproduced"
    return "partly" if expectation.holds(_mean(values, ratio)) else "not reproduced"


def judge(
    expectation: Expectation, cases: Mapping[str, Sequence[float]], ratio: bool = False
) -> Outcome:
    """Compare every value of every case.

    All hold: reproduced. In at least one case all or the mean hold: partly. Else: not reproduced.
    """
    found = [_judge_case(expectation, values, ratio) for values in cases.values()]
    if not found:
        return "not testable here"
    if all(outcome == "reproduced" for outcome in found):
        return "reproduced"
    return "not reproduced" if set(found) == {"not reproduced"} else "partly"


def _by_case(members: Iterable[Member]) -> dict[str, list[Member]]:
    cases: dict[str, list[Member]] = {}
    for member in members:
        cases.setdefault(member.case, []).append(member)
    return cases


def _number(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")


def _summary(claim: Claim, evidence: Evidence) -> tuple[str, tuple[Value, ...]]:
    """The sentence, and by case the mean with the lowest and highest comparison."""
    expectation = claim.expectation
    parts, figures = [], []
    for case, members in _by_case(evidence.members).items():
        numbers = [member.number for member in members]
        if len(members) == 1:
            parts.append(f"{case}: {_number(numbers[0])}")
            figures.append(members[0].value)
            continue
        low, high = min(members, key=lambda m: m.number), max(members, key=lambda m: m.number)
        mean = float(_mean(numbers, evidence.ratio))
        held = sum(expectation.holds(number) for number in numbers)
        parts.append(
            f"{case}: mean {_number(mean)} ({_number(low.number)} to {_number(high.number)}), "
            f"holds for {held} of {len(members)} {evidence.noun}"
        )
        kind = "geometric mean" if evidence.ratio else "mean"
        source = f"{kind} of {len(members)} {evidence.noun}; {low.value.source}"
        unit = low.value.unit
        figures.append(Value(f"{expectation.measure}, {case}", mean, unit, low.value.kind, source))
        figures += [low.value] if low is high else [low.value, high.value]
    measure = expectation.measure.replace("_", " ")
    return f"expected {measure} {expectation}; {'; '.join(parts)}", (*figures, *evidence.figures)


def decide(
    claim: Claim,
    records: Iterable[Record],
    profile: str = "quick",
    tables: Tables | None = None,
) -> Verdict:
    """The verdict on `claim` from records of `profile` or better and the survey's tables.

    `tables` replaces the survey's own (for tests). Raises DataError where the claim's parameters
    don't fit its tables, SpecError never.
    """
    if profile not in PROFILES:
        raise DataError(unknown_name("profile", profile, PROFILES))
    missing = missing_names(claim, None if tables is None else lambda _: True)
    if missing:
        names = "; ".join(f"{kind} {', '.join(names)}" for kind, names in missing.items())
        return Verdict(claim, "not testable here", f"does not exist yet: {names}", ())
    least = profile
    if claim.profile != TABLE_ONLY:
        least = max(profile, claim.profile, key=PROFILES.index)
    facts = Facts(claim, tuple(records), least, tables or load_table)
    try:
        evidence = CHECKS[claim.check](facts, **claim.parameters)
    except NotTestable as error:
        return Verdict(claim, "not testable here", str(error), ())
    except DataError as error:
        raise DataError(f"claim {claim.id!r}: {error}") from None
    if not evidence.members:
        return Verdict(claim, "not testable here", "nothing to compare was found", ())
    cases = {c: [m.number for m in ms] for c, ms in _by_case(evidence.members).items()}
    why, figures = _summary(claim, evidence)
    return Verdict(claim, judge(claim.expectation, cases, evidence.ratio), why, figures)


def scorecard(
    records: Iterable[Record],
    profile: str = "quick",
    claims: Sequence[Claim] | None = None,
    tables: Tables | None = None,
) -> list[Verdict]:
    """The verdict on every claim of the ledger, in its order."""
    known = tuple(records)
    return [
        decide(claim, known, profile, tables)
        for claim in (read_ledger() if claims is None else claims)
    ]


def outcome_counts(verdicts: Iterable[Verdict]) -> dict[Outcome, int]:
    """How many verdicts there are of each outcome, none left out."""
    found = [verdict.outcome for verdict in verdicts]
    return {outcome: found.count(outcome) for outcome in OUTCOMES}
