"""Targets ranked for one model: the table, the intervals, what a battery gives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from qnnlab.lab.fitting import Fitting, duty_cycles, options_frame
from qnnlab.report.atlas.axes import log_axis
from qnnlab.report.exhibits import Figure, Provenance, Ranked, Table, figure
from qnnlab.report.style import colour_map, use_style
from qnnlab.targets.cost.duty import batteries, sleep_power
from qnnlab.targets.cost.latency import Estimate
from qnnlab.targets.cost.workload import KINDS, MAC_KINDS
from qnnlab.targets.predict import METHODS
from qnnlab.targets.rank import Option, best_of_each
from qnnlab.targets.subject import Subject
from qnnlab.targets.target import FAMILIES

_CATALOG = "data/survey/platforms.csv, each row with its source"
_INTERVAL = "interval: nine truths in ten out of sample"
_REASONS = {"latency": "nothing published to go by", "energy": "no power was published"}
_Point = tuple[Option, Estimate, Estimate]
_SLEEP = "data/targets/platform_sleep.csv, each row with its source"


def sources_of(options: Iterable[Option]) -> list[Provenance]:
    """Where the figures of ranked targets are from."""
    methods = dict.fromkeys(option.prediction.method for option in options)
    found = [
        Provenance(
            "latency", "ms", "emulated" if name == "emulated" else "estimated", METHODS[name]
        )
        for name in methods
    ]
    return [
        *found,
        Provenance("energy", "mJ", "estimated", f"latency × power; {_INTERVAL}"),
        Provenance("flash, RAM, clock, price", "", "quoted", _CATALOG),
        Provenance("file and arena", "B", "measured", "the .tflite file; TFLM on this machine"),
    ]


_KIND_TITLES = {
    "conv": "MACs of convolutions",
    "pointwise": "MACs of 1 × 1 convolutions",
    "depthwise": "MACs of depthwise convolutions",
    "dense": "MACs of matrix products",
    "outputs": "output elements",
    "operators": "operators called",
}


def work_table(subject: Subject) -> Table:
    """What one inference asks for, by kind of work, and the bytes that must be held."""
    work = subject.work
    rows: list[dict[str, object]] = [
        {
            "quantity": _KIND_TITLES[kind],
            "amount": round(work.work[kind]),
            "share of MACs": 100 * work.work[kind] / work.macs
            if kind in MAC_KINDS and work.macs
            else None,
            "without dead channels": round(work.live_work[kind]),
        }
        for kind in KINDS
    ]
    sizes = {"bytes of the file": subject.file_bytes, "bytes of the arena": subject.arena_bytes}
    rows += [{"quantity": name, "amount": size} for name, size in sizes.items()]
    reasons = {
        (place, column): "not MACs" if column == "share of MACs" else "not work"
        for place in range(len(rows))
        for column in ("share of MACs", "without dead channels")
    }
    return Table(
        pd.DataFrame(rows).astype({"without dead channels": "Int64"}),
        caption=(
            f"{subject.path.name}: work of one inference. Some runtimes leave out channels that "
            "can be shown to be constant."
        ),
        provenance=[
            Provenance("amounts", "", "measured", "counted in the .tflite file"),
            Provenance("arena", "B", "measured", subject.arena_source),
        ],
        units={"share of MACs": "%"},
        digits={"share of MACs": 1},
        reasons=reasons,
    )


def ranking_table(found: Fitting, every_runtime: bool = False) -> Table:
    """Platforms in order: verdict, latency, energy, what limits them. Sortable."""
    options = found.options if every_runtime else best_of_each(found.options)
    rows = []
    reasons: dict[tuple[object, str], str] = {}
    for place, option in enumerate(options):
        p, target = option.prediction, option.target
        rows.append(
            {
                "platform": target.platform.name,
                "runtime": target.runtime_title,
                "latency": _ranked(p.latency_ms),
                "energy": _ranked(p.energy_mj),
                "verdict": option.verdict,
                "limited by": option.limited_by,
                "price": target.platform.price,
                "clock": target.clock_mhz,
                "runs on": target.engine,
            }
        )
        why = p.refusal or p.note
        reasons |= {
            (place, "latency"): why or _REASONS["latency"],
            (place, "energy"): why or _REASONS["energy"],
            (place, "price"): "not in the catalog",
            (place, "clock"): "not in the catalog",
        }
    return Table(
        pd.DataFrame(rows),
        caption=(
            f"{found.subject.path.name} on {len(options)} targets, best first. Intervals hold nine "
            "truths in ten, as cross-validation found."
        ),
        provenance=sources_of(options),
        units={"clock": "MHz", "latency": "ms", "energy": "mJ"},
        reasons=reasons,
        sortable=True,
    )


def _ranked(figure_: Estimate | None) -> Ranked | None:
    return None if figure_ is None else Ranked.within(figure_.value, figure_.low, figure_.high)


def ranking_figure(found: Fitting, most: int = 30) -> Figure:
    """Latency with its interval on the best platforms, what was published beside it."""
    from matplotlib import pyplot as plt

    known = [o for o in best_of_each(found.options) if o.prediction.latency_ms is not None]
    shown = [o for o in known if o.verdict != "refused"][:most]
    colours = colour_map(FAMILIES, baselines=())
    published = found.published()
    with use_style():
        fig, axes = plt.subplots(figsize=(7.6, 1.4 + 0.24 * max(len(shown), 4)))
        for place, option in enumerate(shown):
            _interval_row(axes, place, option, colours[option.target.family])
            rows = published[published["platform"] == option.target.platform.key]
            axes.plot(rows["latency_ms"], [place] * len(rows), "k|", ms=7, mew=1.2, zorder=3)
        limit = found.question.limits.latency_ms
        if limit is not None:
            axes.axvline(limit, ls="--", lw=1, color="#333333")
        names = [_label(option) for option in shown]
        axes.set_yticks(range(len(shown)), names, fontsize=8)
        axes.invert_yaxis()
        axes.set_xlabel("latency of one inference (ms)")
        log_axis(axes)
        families = dict.fromkeys(option.target.family for option in shown)
        for family in families:
            axes.plot([], [], "o", color=colours[family], label=family)
        if len(published):
            axes.plot([], [], "k|", ms=7, mew=1.2, ls="none", label="published (any runtime)")
        axes.legend(loc="best")
        return figure(
            fig,
            caption=(
                f"{found.subject.path.name}: predicted latency with its 90 % interval on the "
                f"{len(shown)} best platforms; hollow: does not fit or unsure."
            ),
            provenance=[
                *sources_of(shown),
                *([Provenance("published latency", "ms", "quoted", "MLPerf Tiny")]
                  if len(published) else []),
            ],
            alt=f"Intervals of latency on {len(shown)} platforms, logarithmic axis",
        )  # fmt: skip


def _label(option: Option) -> str:
    return f"{option.target.platform.name} · {option.target.runtime_title}"


def _interval_row(axes: Any, place: int, option: Option, colour: str) -> None:
    latency = option.prediction.latency_ms
    assert latency is not None
    face = colour if option.verdict == "fits" else "white"
    axes.plot([latency.low, latency.high], [place, place], color=colour, lw=1.6)
    axes.plot(latency.value, place, "o", color=colour, mfc=face, ms=5)


def landscape_figure(found: Fitting) -> Figure:
    """Latency against energy, one point a platform whose energy can be said."""
    from matplotlib import pyplot as plt

    options = [o for o in best_of_each(found.options) if o.verdict != "refused"]
    known = _placed(options)
    colours = colour_map(FAMILIES, baselines=())
    with use_style():
        fig, axes = plt.subplots(figsize=(7.2, 4.8))
        for option, latency, joules in known:
            colour = colours[option.target.family]
            face = colour if option.verdict == "fits" else "white"
            axes.plot([latency.low, latency.high], [joules.value] * 2, color=colour, lw=0.6)
            axes.plot([latency.value] * 2, [joules.low, joules.high], color=colour, lw=0.6)
            axes.plot(latency.value, joules.value, "o", color=colour, mfc=face)
        for option, latency, joules in _best_of_families(known):
            axes.annotate(option.target.platform.name, (latency.value, joules.value),
                          xytext=(5, 5), textcoords="offset points", fontsize=8)  # fmt: skip
        for family in dict.fromkeys(option.target.family for option, _, _ in known):
            axes.plot([], [], "o", color=colours[family], label=family)
        axes.set_xlabel("latency of one inference (ms)")
        axes.set_ylabel("energy of one inference (mJ)")
        log_axis(axes)
        log_axis(axes, "y")
        axes.legend()
        return figure(
            fig,
            caption=(
                f"{found.subject.path.name}: latency and energy on {len(known)} platforms; lines "
                "are 90 % intervals, hollow points do not fit or are unsure; named are the fastest "
                "and the most frugal of each family."
            ),
            provenance=sources_of(options),
            alt=f"Scatter of energy over latency for {len(known)} platforms",
        )


def _placed(options: Iterable[Option]) -> list[_Point]:
    """The options whose latency and energy can be said, with both."""
    figures = ((o, o.prediction.latency_ms, o.prediction.energy_mj) for o in options)
    return [(o, a, b) for o, a, b in figures if a is not None and b is not None]


def _best_of_families(points: Sequence[_Point]) -> list[_Point]:
    """Of each family the fastest and the most frugal."""
    named: dict[str, _Point] = {}
    for family in FAMILIES:
        own = [point for point in points if point[0].target.family == family]
        if own:
            fastest = min(own, key=lambda point: point[1].value)
            frugal = min(own, key=lambda point: point[2].value)
            named |= {point[0].target.key: point for point in (fastest, frugal)}
    return list(named.values())


def battery_table(found: Fitting, inferences_an_hour: float, most: int = 20) -> Table:
    """Average power and battery life at a rate, on platforms whose sleep is sourced."""
    options = best_of_each(found.options)
    rows = [row for o in options if (row := _battery_row(o, inferences_an_hour)) is not None]
    rows.sort(key=lambda row: float(str(row["average"])))
    silent = sum(sleep_power(option.target.platform.key) is None for option in options)
    cells = batteries().values()
    titles = [cell.title for cell in cells]
    columns = ["platform", "runtime", "asleep", "inference", "busy", "average", *titles]
    return Table(
        pd.DataFrame(rows[:most], columns=columns),
        caption=(
            f"{inferences_an_hour:g} inferences an hour, asleep between them: average power and "
            "life. Losses of regulators, self-discharge, sensors and radio are not in it. "
            f"{silent} platforms are left out: no sleep current of theirs is sourced."
        ),
        provenance=[
            Provenance("energy, average power, life", "", "estimated", "energy model above"),
            Provenance("power asleep", "µW", "quoted", _SLEEP),
            *[Provenance("capacity", "mAh", "quoted", cell.source) for cell in cells],
        ],
        units={"asleep": "µW", "inference": "mJ", "busy": "%", "average": "µW"}
        | dict.fromkeys(titles, "days"),
        digits={"asleep": 1, "busy": 3, "average": 1} | dict.fromkeys(titles, 0),
        sortable=True,
    )


def _battery_row(option: Option, inferences_an_hour: float) -> dict[str, object] | None:
    """One platform's row; None where it does not fit or a figure of it is not to be had."""
    joules, lives = option.prediction.energy_mj, duty_cycles(option, inferences_an_hour)
    if joules is None or not lives or option.verdict == "does not fit":
        return None
    row: dict[str, object] = {
        "platform": option.target.platform.name,
        "runtime": option.target.runtime_title,
        "inference": joules.value,
    }
    for name, life in lives.items():
        row |= {"asleep": life.sleep_uw, "busy": 100 * life.busy_share, "average": life.average_uw}
        row[batteries()[name].title] = life.life_days
    return row


def published_table(found: Fitting) -> Table | None:
    """What was published of this same network beside what is predicted there; None if nothing."""
    shown = _published_beside(found)
    if shown is None:
        return None
    return Table(
        shown,
        caption=(
            f"Published latencies of this network ({found.subject.benchmark}) beside what the "
            "models say, at the clock of the publication. These rows are among those that the "
            "model was fitted on: how it does without them is on the page on predictions."
        ),
        provenance=[
            Provenance("published", "ms", "quoted", "MLPerf Tiny, data/survey/mlperf_results.csv"),
            Provenance("predicted", "ms", "estimated", METHODS["fitted"]),
        ],
        units={"published": "ms", "predicted": "ms", "clock": "MHz"},
        digits={"predicted / published": 2},
        sortable=True,
    )


def _published_beside(found: Fitting) -> pd.DataFrame | None:
    published = found.published()
    frame = options_frame(found.options)
    if published.empty or frame.empty:
        return None
    keys = [option.target.runtime_key for option in found.options]
    here = frame.assign(runtime_key=keys).drop_duplicates(["platform_key", "runtime_key"])
    both = published.merge(
        here, left_on=["platform", "runtime"], right_on=["platform_key", "runtime_key"],
        suffixes=("_published", ""),
    )  # fmt: skip
    if both.empty:
        return None
    at_clock = both["clock_mhz"] / both["clock_mhz_published"]
    scaled = {
        f"latency_ms{end}": both[f"latency_ms{end}"] * at_clock for end in ("", "_low", "_high")
    }
    shown = pd.DataFrame(
        {
            "platform": both["platform"],
            "runtime": both["runtime"],
            "published": [Ranked.of(value) for value in both["latency_ms_published"]],
            "predicted": list(map(Ranked.within, *scaled.values())),
            "predicted / published": scaled["latency_ms"] / both["latency_ms_published"],
            "round": both["round"],
            "submitter": both["submitter"],
            "clock": both["clock_mhz_published"],
        }
    )
    return shown.loc[both["latency_ms_published"].sort_values().index].reset_index(drop=True)
