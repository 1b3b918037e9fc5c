"""What the review says of a page's methods, and what the runs at hand make of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from qnnlab.errors import ReportError, unknown_name
from qnnlab.lab.claims import SECTIONS, Claim, Verdict, read_ledger, scorecard
from qnnlab.lab.record import Record
from qnnlab.report.exhibits import Table
from qnnlab.report.scorecard import counts_text, scorecard_table
from qnnlab.values import KINDS


def claims_of(names: Sequence[str]) -> list[Claim]:
    """The ledger's claims called by `names`, which are claim ids and sections, in its order.

    Raises ReportError on an unknown name and on no name.
    """
    ledger = read_ledger()
    known = (*SECTIONS, *(claim.id for claim in ledger))
    for name in names:
        if name not in known:
            raise ReportError(unknown_name("claim or section", name, known))
    if not names:
        raise ReportError("give the claims to show: their ids, or sections of the review")
    return [claim for claim in ledger if claim.id in names or claim.section in names]


def claims_table(
    names: Sequence[str], records: Iterable[Record], profile: str = "quick", caption: str = ""
) -> Table:
    """Claims with the verdict of `records` and the survey's tables, one row each.

    `names` are claim ids, sections of the review ("III-B"), or both. Runs of `profile` or a
    better one count; a claim without runs is "not testable here" and says what it lacks.
    `caption` goes before the count of verdicts. Raises ReportError on an unknown name.
    """
    verdicts = scorecard(records, profile, claims_of(names))
    table = scorecard_table(verdicts, f"{caption} {counts_text(verdicts)}".strip())
    frame = table.frame.copy()
    frame.insert(3, "rests on", [_kinds(verdict) for verdict in verdicts])
    return replace(table, frame=frame)


def _kinds(verdict: Verdict) -> str:
    """The kinds of the figures behind a verdict."""
    found = {figure.kind for figure in verdict.figures}
    return ", ".join(f"{kind} figures" for kind in KINDS if kind in found) or "no figures yet"
