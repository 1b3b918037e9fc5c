"""The scorecard of the review's claims as exhibits, and as what the front page shows of it."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from qnnlab.lab.claims import Verdict, outcome_counts
from qnnlab.report.exhibits import Provenance, Table
from qnnlab.report.formatting import format_number, is_number
from qnnlab.report.site import ClaimLine, ClaimsSummary
from qnnlab.values import KINDS, Kind

RUNS = "the lab's runs"


def _provenance(verdicts: Sequence[Verdict]) -> list[Provenance]:
    """One line a kind of figure: which runs and tables the verdicts rest on.

    Each figure's own source stands in `figures_table`; a caption can't hold hundreds.
    """
    found: dict[Kind, dict[str, None]] = {}
    for verdict in verdicts:
        tables = [f"table {name}" for name in verdict.claim.needs.tables]
        for figure in verdict.figures:
            found.setdefault(figure.kind, {}).update(dict.fromkeys(tables or [RUNS]))
    lines = [
        Provenance("figures behind the verdicts", "", kind, ", ".join(found[kind]))
        for kind in sorted(found, key=KINDS.index)
    ]
    return lines or [Provenance("claims", "", "quoted", "the ledger; none is testable yet")]


def scorecard_table(verdicts: Sequence[Verdict], caption: str = "") -> Table:
    """One row a claim: what is said, by whom, the verdict and why."""
    frame = pd.DataFrame(
        {
            "section": [v.claim.section for v in verdicts],
            "claim": [v.claim.statement for v in verdicts],
            "verdict": [v.outcome for v in verdicts],
            "why": [v.why for v in verdicts],
            "source": [v.claim.source for v in verdicts],
        }
    )
    return Table(frame, caption=caption or counts_text(verdicts), provenance=_provenance(verdicts))


def counts_text(verdicts: Sequence[Verdict]) -> str:
    """How many claims there are, and how many of each outcome."""
    counts = [f"{n} {outcome}" for outcome, n in outcome_counts(verdicts).items() if n]
    return f"{len(verdicts)} claims: {', '.join(counts) or 'none'}."


def counts_table(verdicts: Sequence[Verdict]) -> Table:
    """How many claims of each section there are of each outcome."""
    sections = dict.fromkeys(v.claim.section for v in verdicts)
    rows = {
        section: outcome_counts(v for v in verdicts if v.claim.section == section)
        for section in sections
    }
    frame = pd.DataFrame.from_dict(rows, orient="index")
    frame["claims"] = frame.sum(axis=1)
    frame.index.name = "section"
    caption = f"Claims by section and verdict. {counts_text(verdicts)}"
    return Table(frame, caption=caption, provenance=_provenance(verdicts))


def figures_table(verdicts: Sequence[Verdict]) -> Table | None:
    """Every figure behind the verdicts with its kind and source; None where there is none."""
    decided = [verdict for verdict in verdicts if verdict.figures]
    rows = [
        {
            "claim": verdict.claim.id,
            "figure": figure.name,
            "value": format_number(figure.value) if is_number(figure.value) else figure.value,
            "unit": figure.unit or "–",
            "kind": figure.kind,
            "source": figure.source,
        }
        for verdict in decided
        for figure in verdict.figures
    ]
    if not rows:
        return None
    return Table(
        pd.DataFrame(rows),
        caption="The figures behind the verdicts: means, lowest and highest, and what they are of.",
        provenance=_provenance(decided),
    )


def claims_summary(verdicts: Sequence[Verdict], page: str) -> ClaimsSummary:
    """What the front page shows; `page` is the slug of the page that has the rest."""
    lines = [ClaimLine(v.claim.section, v.claim.statement, v.outcome, v.why) for v in verdicts]
    return ClaimsSummary({str(k): n for k, n in outcome_counts(verdicts).items()}, lines, page)
