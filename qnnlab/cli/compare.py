"""`qnnlab compare`: methods side by side on several tasks and seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from qnnlab.cli.console import PROFILES, examples

if TYPE_CHECKING:
    import pandas as pd


@click.command(
    epilog=examples(
        "qnnlab compare ecg",
        "qnnlab compare ecg kws ic --seeds 3",
        "qnnlab compare har -m ptq_w4a8_pc_mse -m qat_lsq_w4a4 --seeds 5 --csv > har.csv",
    )
)
@click.argument("tasks", nargs=-1, required=True)
@click.option(
    "-m", "--method", "methods", multiple=True, help="As often as needed (default: 8 bits to 1)."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="First seed.")
@click.option("--seeds", type=click.IntRange(1), default=1, show_default=True, help="How many.")
@click.option("--profile", type=PROFILES, default="quick", show_default=True)
@click.option("--jobs", type=click.IntRange(1), help="Worker processes (default: one a core).")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV instead of a table.")
def compare(
    tasks: tuple[str, ...],
    methods: tuple[str, ...],
    seed: int,
    seeds: int,
    profile: str,
    jobs: int | None,
    as_csv: bool,
) -> None:
    """Run methods on TASKS, float32 too, and print mean, spread and loss over the seeds.

    Finished runs are kept and reused; interrupt it and it goes on where it was.
    """
    from qnnlab.lab import sweep
    from qnnlab.lab.comparison import COMPARED, comparison_frame, comparison_specs

    span = range(seed, seed + seeds)
    specs = comparison_specs(tasks, methods or COMPARED, span, profile)
    records = sweep(specs, jobs=jobs).records
    frame = comparison_frame(records)
    if as_csv:
        click.echo(frame.to_csv(index=False, float_format="%.3f"), nl=False)
    else:
        _print(frame)
    if not all(record.ok for record in records):
        raise click.exceptions.Exit(1)


def _print(frame: pd.DataFrame) -> None:
    import pandas as pd
    from rich.table import Table

    from qnnlab.cli.console import console

    def number(value: float, form: str) -> str:
        return "" if pd.isna(value) else format(value, form)

    for task, rows in frame.groupby("task", sort=False):
        metric, origin = rows.iloc[0][["metric", "origin"]]
        title = f"{task}: {metric} (%), measured, {origin} data"
        table = Table("method", title=title, title_justify="left")
        headers = ("runs", "mean", "deviation", "points above float", "integer - fake_quant")
        for header in headers:
            table.add_column(header, justify="right")
        for row in rows.itertuples():
            low, high = number(row.gap_low, "+.2f"), number(row.gap_high, "+.2f")
            table.add_row(
                row.method,
                f"{row.runs}",
                number(row.mean, ".1f") or "failed",
                number(row.deviation, ".1f"),
                number(row.above_float, "+.1f"),
                low if low == high else f"{low} to {high}",
            )
        console().print(table)
