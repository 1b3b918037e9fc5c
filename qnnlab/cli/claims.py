"""`qnnlab claims`: the scorecard of the review's claims."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from qnnlab.cli.console import PROFILES, examples
from qnnlab.errors import DataError, unknown_name

if TYPE_CHECKING:
    from qnnlab.lab.claims import Verdict

_STYLES = {
    "reproduced": "green",
    "partly": "yellow",
    "not reproduced": "red",
    "not testable here": "dim",
}


def _show(verdicts: list[Verdict]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from qnnlab.cli.console import console

    table = Table(show_lines=True)
    table.add_column("section", no_wrap=True)
    table.add_column("claim", ratio=4)
    table.add_column("verdict", no_wrap=True)
    table.add_column("why", ratio=5)
    for verdict in verdicts:
        claim = verdict.claim
        table.add_row(
            claim.section,
            f"{escape(claim.statement)}\n[dim]{claim.id}[/dim]",
            f"[{_STYLES[verdict.outcome]}]{verdict.outcome}[/]",
            escape(verdict.why),
        )
    console().print(table)


def _markdown(verdicts: list[Verdict]) -> str:
    lines = ["| section | claim | verdict | why | source |", "| --- | --- | --- | --- | --- |"]
    for verdict in verdicts:
        claim = verdict.claim
        cells = (claim.section, claim.statement, verdict.outcome, verdict.why, claim.source)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def _counts(verdicts: list[Verdict]) -> str:
    from qnnlab.lab.claims import outcome_counts

    counts = ", ".join(f"{n} {outcome}" for outcome, n in outcome_counts(verdicts).items())
    return f"{len(verdicts)} claims: {counts}"


@click.command(
    epilog=examples(
        "qnnlab claims",
        "qnnlab claims --section II --profile full",
        "qnnlab claims --json | jq '.[] | select(.outcome == \"partly\") | .why'",
    )
)
@click.option(
    "--profile",
    type=PROFILES,
    default="quick",
    show_default=True,
    help="Least profile of the runs that count.",
)
@click.option("--section", help="A section of the review: II, III-A …; III is all of III.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list with all figures.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print a Markdown table.")
def claims(profile: str, section: str | None, as_json: bool, as_markdown: bool) -> None:
    """Say which claims of the review the runs and tables here reproduce.

    Reads the run store ($QNNLAB_RUNS, else ./runs) and runs nothing.
    """
    from qnnlab.lab import RunStore
    from qnnlab.lab.claims import SECTIONS, read_ledger, scorecard

    if as_json and as_markdown:
        raise click.UsageError("give --json or --markdown, not both")
    wanted = [s for s in SECTIONS if section in (None, s, s.partition("-")[0])]
    if not wanted:
        raise DataError(unknown_name("section", str(section), SECTIONS))
    chosen = [claim for claim in read_ledger() if claim.section in wanted]
    verdicts = scorecard(RunStore(), profile, chosen)
    if as_json:
        click.echo(json.dumps([v.to_dict() for v in verdicts], indent=2, ensure_ascii=False))
    elif as_markdown:
        click.echo(f"{_markdown(verdicts)}\n\n{_counts(verdicts)}")
    else:
        _show(verdicts)
        click.echo(_counts(verdicts))
