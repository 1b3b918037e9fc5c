"""`qnnlab fit`: which chip for a model, how fast, how much energy, and what limits it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qnnlab.cli.console import console, examples
from qnnlab.errors import SpecError

if TYPE_CHECKING:
    from rich.table import Table

    from qnnlab.lab.fitting import Fitting
    from qnnlab.targets.cost.duty import Battery
    from qnnlab.targets.cost.latency import Estimate
    from qnnlab.targets.rank import Option

_SHOWN = 25
_COLOURS = {"fits": "green", "unsure": "yellow", "does not fit": "red", "refused": "red"}


@click.command(
    epilog=examples(
        "qnnlab fit model.tflite",
        "qnnlab fit model.tflite --family arm --latency-ms 50 --energy-mj 1 --price low",
        "qnnlab fit model.tflite --platform stm32l4r5 --platform nrf52840 --all",
        "qnnlab fit model.tflite --platform nrf52840 --runtime tflm_cmsis_nn --clock-mhz 32",
        "qnnlab fit model.tflite --platform nrf52840 --emulate",
        "qnnlab fit model.tflite --per-hour 60 --by energy",
        "qnnlab fit model.tflite --json | jq '.options[] | {platform, verdict, latency}'",
        "qnnlab fit model.tflite --html fit.html",
    )
)
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--family", help="arm, risc-v, xtensa, npu or other.")
@click.option("--latency-ms", type=float, help="At most so long an inference.")
@click.option("--energy-mj", type=float, help="At most so much energy an inference.")
@click.option("--price", help="low, mid or high: at most this class.")
@click.option("--platform", "platforms", multiple=True, help="Only this one (repeatable).")
@click.option("--runtime", help="Only this one, such as tflm_cmsis_nn.")
@click.option("--clock-mhz", type=float, help="Another clock than the chip's highest.")
@click.option(
    "--placement",
    type=click.Choice(["internal_flash", "external_flash"]),
    help="Where weights lie (default: in the chip's own flash where it has one).",
)
@click.option("--by", default="latency", show_default=True, help="latency, energy, price, memory.")
@click.option("--per-hour", type=click.FloatRange(0), help="Inferences an hour: battery life.")
@click.option("--all", "show_all", is_flag=True, help="Every runtime of every platform.")
@click.option("--emulate", is_flag=True, help="Also count the instructions of generated C.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object instead of a table.")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write a page.")
def fit(
    model: Path,
    per_hour: float | None,
    show_all: bool,
    emulate: bool,
    as_json: bool,
    html: Path | None,
    **asked: Any,
) -> None:
    """Rank platforms for MODEL (.tflite): does it fit, how fast, how much energy, what limits it.

    Latencies and energies are estimated from published results, with an interval that held the
    truth nine times in ten when results were predicted without their like.
    """
    from qnnlab.lab.fitting import Question, fit_model
    from qnnlab.steps import shown
    from qnnlab.targets.rank import Limits

    limits = {field.name: asked.pop(field.name) for field in fields(Limits)}
    question = Question(Limits(**limits), **asked)
    with shown():
        found = fit_model(model, question)
        if emulate:
            from qnnlab.lab.emulated_fit import with_emulation

            found = with_emulation(found)
    _one_target_refused(found)
    if html is not None:
        from qnnlab.report.fit_page import write_fit_page

        write_fit_page(found, html)
        click.echo(html)
    elif as_json:
        click.echo(json.dumps(found.to_dict(per_hour), indent=2, allow_nan=False))
    else:
        _show(found, show_all or question.runtime is not None, per_hour)


def _one_target_refused(found: Fitting) -> None:
    """Where targets were named and every one refuses, that is the answer: one line, code 2."""
    asked = found.question
    refusals = {option.limited_by for option in found.options if option.verdict == "refused"}
    if (asked.platforms or asked.runtime) and all(o.verdict == "refused" for o in found.options):
        raise SpecError(f"{found.subject.path.name}: {sorted(refusals)[0]}")


def _show(found: Fitting, show_all: bool, per_hour: float | None) -> None:
    from qnnlab.targets.rank import best_of_each

    options = found.options if show_all else best_of_each(found.options)
    out, subject = console(), found.subject
    out.print(
        f"{subject.path.name}: {subject.work.macs:,} MACs, {subject.file_bytes:,} B file, "
        f"{subject.arena_bytes:,} B arena ({subject.arena_source})"
    )
    if per_hour is not None:
        out.print(f"{per_hour:g} inferences an hour, asleep between them; ?: not known")
    out.print(_table(options if show_all else options[:_SHOWN], per_hour))
    hidden = 0 if show_all else len(options) - _SHOWN
    if hidden > 0:
        out.print(f"{hidden} more platforms: --all shows every platform and runtime")
    for line in _legend(found):
        out.print(line)


def _table(options: Sequence[Option], per_hour: float | None) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from qnnlab.targets.cost.duty import batteries

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("platform", no_wrap=True, max_width=26)
    table.add_column("runtime", no_wrap=True, max_width=23)
    for column in ("MHz", "latency (ms)", "energy (mJ)"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    cells = list(batteries().values())
    if per_hour is None:
        table.add_column("price", no_wrap=True)
        table.add_column("limited by", min_width=24)
    else:
        for cell in cells:
            table.add_column(f"days, {cell.title}", justify="right", min_width=10)
    for found in options:
        p, target = found.prediction, found.target
        colour = _COLOURS[found.verdict]
        table.add_row(
            target.platform.name,
            target.runtime_title,
            "" if target.clock_mhz is None else f"{target.clock_mhz:g}",
            _figure(p.latency_ms),
            _figure(p.energy_mj),
            f"[{colour}]{found.verdict}[/]",
            *(
                (target.platform.price or "?", found.limited_by)
                if per_hour is None
                else _days(found, cells, per_hour)
            ),
        )
    return table


def _days(found: Option, cells: Sequence[Battery], per_hour: float) -> list[str]:
    from qnnlab.lab.fitting import duty_cycles

    lives = duty_cycles(found, per_hour)
    return [f"{lives[cell.key].life_days:,.0f}" if lives else "?" for cell in cells]


def _figure(found: Estimate | None) -> str:
    if found is None:
        return "?"
    return f"{_short(found.value)} ({_short(found.low)} to {_short(found.high)})"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _legend(found: Fitting) -> list[str]:
    from qnnlab.targets.predict import METHODS

    used = dict.fromkeys(option.prediction.method for option in found.options)
    lines = [f"latency of {name}: {METHODS[name]}" for name in used]
    published = found.published()
    lines.append("latency and energy: estimated (interval: nine truths in ten); sizes: quoted; "
                 "file, arena: measured")  # fmt: skip
    if found.subject.benchmark and len(published):
        lines.append(f"this network is MLPerf Tiny's {found.subject.benchmark}: {len(published)} "
                     "published latencies lie beside it (--json, --html)")  # fmt: skip
    return lines
