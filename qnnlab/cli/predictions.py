"""`qnnlab predictions`: how good the cost models are, and cross-validating them anew."""

from __future__ import annotations

import click

from qnnlab.cli.console import examples


@click.group()
def predictions() -> None:
    """How far predicted latencies are off, by what was known of the target."""


@predictions.command(epilog=examples("qnnlab predictions show", "qnnlab predictions show --csv"))
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV instead of a table.")
def show(as_csv: bool) -> None:
    """Print errors out of sample: what was left out, what was still known, how far off."""
    from qnnlab.targets.cost.validation import is_stale, summary

    found = summary()
    if as_csv:
        click.echo(found.to_csv(index=False, float_format="%.1f"), nl=False)
    else:
        shown = found.set_axis(
            ["left out", "still known", "rows", "median error (%)", "nine in ten (%)",
             "inside intervals (%)"],
            axis=1,
        )  # fmt: skip
        click.echo(shown.to_markdown(index=False, floatfmt=".1f"))
    if is_stale():
        click.echo("rows changed since: run qnnlab predictions refresh", err=True)


@predictions.command(epilog=examples("qnnlab predictions refresh"))
def refresh() -> None:
    """Cross-validate anew after rows were added (two to three minutes on two cores).

    The table that intervals are stretched by, data/targets/latency_cv.csv, is replaced as a whole.
    """
    from qnnlab.steps import shown
    from qnnlab.targets.cost.validation import cross_validation_file
    from qnnlab.targets.cost.validation import refresh as refresh_table

    with shown():
        found = refresh_table()
    click.echo(f"{cross_validation_file()}: {len(found):,} predictions")
