"""The review's claims, and what the runs and the tables here say about each."""

from qnnlab.lab.claims.ledger import SECTIONS, Claim, Expectation, parse_claims, read_ledger
from qnnlab.lab.claims.registry import CHECKS, Evidence, Facts, Member, NotTestable, check
from qnnlab.lab.claims.verdict import (
    OUTCOMES,
    Outcome,
    Verdict,
    decide,
    judge,
    missing_names,
    outcome_counts,
    scorecard,
)

__all__ = [
    "CHECKS",
    "OUTCOMES",
    "SECTIONS",
    "Claim",
    "Evidence",
    "Expectation",
    "Facts",
    "Member",
    "NotTestable",
    "Outcome",
    "Verdict",
    "check",
    "decide",
    "judge",
    "missing_names",
    "outcome_counts",
    "parse_claims",
    "read_ledger",
    "scorecard",
]
