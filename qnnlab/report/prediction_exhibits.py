"""How good the predictions are: cross-validation, residuals by core, the worst named."""

from __future__ import annotations

import numpy as np
import pandas as pd

from qnnlab.report.atlas.axes import log_axis
from qnnlab.report.exhibits import Figure, Provenance, Ranked, Table, figure
from qnnlab.report.style import PALETTE, colour_map, use_style
from qnnlab.survey import load_table
from qnnlab.targets.cores import cores, find_runtime
from qnnlab.targets.cost.calibration import KNOWLEDGE, latency_calibration
from qnnlab.targets.cost.emulated import instruction_ratios
from qnnlab.targets.cost.energy import power_cross_validation
from qnnlab.targets.cost.latency import latency_fit, predict_cycles
from qnnlab.targets.cost.observations import (
    Observation,
    levels_of,
    observations,
    reference_workloads,
)
from qnnlab.targets.cost.validation import summary
from qnnlab.targets.cost.workload import KINDS
from qnnlab.targets.predict import METHODS
from qnnlab.targets.target import find_target, platforms

TABLE = "data/targets/latency_cv.csv, made by `qnnlab predictions refresh`"
ROWS = "data/survey: mlperf_results, edgemark, tinymaix, espnn"
MODEL = METHODS["fitted"]
#: What each level of knowledge means, in words.
KNOWN = {
    "pair": "the core with this family of runtimes",
    "core": "the core, with other runtimes",
    "class": "the class of the core only",
}
#: Ten chips whose MLPerf Tiny results were published, one of each kind of core and maker.
TEN_CHIPS = (
    ("stm32l4r5", "x_cube_ai_9_0"),
    ("stm32h7a3", "x_cube_ai_9_0"),
    ("stm32u575", "x_cube_ai_9_0"),
    ("stm32f746", "plumerai_2023"),
    ("nrf5340", "microtvm_cmsis_nn"),
    ("ra6m4", "tflm_cmsis_nn"),
    ("ra8d1", "tflm_cmsis_nn"),
    ("rx65n", "tflm_rx"),
    ("efr32mg24", "tflm_mvp"),
    ("gap9", "gapflow"),
)
_SOURCES = (
    Provenance("published", "ms", "quoted", ROWS),
    Provenance("predicted", "ms", "estimated", MODEL),
)

_HELD_OUT = (
    Provenance("published", "cycles", "quoted", ROWS),
    Provenance("predicted", "cycles", "estimated", TABLE),
)


def cv_table() -> Table:
    """Errors out of sample by what was left out and what was still known."""
    found = summary()
    shown = pd.DataFrame(
        {
            "left out together": found["scheme"].str.replace("_", " "),
            "still known": found["knowledge"].map(KNOWN),
            "rows": found["rows"],
            "median error": found["median_ape_pct"],
            "nine in ten below": found["p90_ape_pct"],
            "inside their interval": found["coverage_pct"],
        }
    )
    return Table(
        shown,
        caption=(
            "Published latencies predicted by a fit that did not see them, nor anything of the "
            "same system, chip, core, runtime, submitter, round or network. Error: |predicted / "
            "published − 1|."
        ),
        provenance=[
            Provenance("published", "cycles", "quoted", ROWS),
            Provenance("errors", "%", "estimated", TABLE),
        ],
        units=dict.fromkeys(("median error", "nine in ten below", "inside their interval"), "%"),
        digits=dict.fromkeys(("median error", "nine in ten below", "inside their interval"), 1),
        sortable=True,
    )


def _cv(scheme: str) -> pd.DataFrame:
    table = load_table("latency_cv")
    return table[table["scheme"] == scheme].reset_index(drop=True)


def cv_figure(scheme: str = "chip") -> Figure:
    """Predicted over published cycles, each point predicted without its group."""
    from matplotlib import pyplot as plt

    rows = _cv(scheme)
    colours = dict(zip(KNOWLEDGE, PALETTE, strict=False))
    ends = rows["cycles"].min() / 2, rows["cycles"].max() * 2
    with use_style():
        fig, axes = plt.subplots(figsize=(6.4, 5.2))
        axes.plot(ends, ends, color="#333333", lw=1)
        for factor in (0.5, 2):
            axes.plot(ends, [end * factor for end in ends], color="#BBBBBB", lw=1, ls="--")
        for level in KNOWLEDGE:
            part = rows[rows["knowledge"] == level]
            axes.plot(part["cycles"], part["predicted_cycles"], "o", ms=4, alpha=0.7,
                      color=colours[level], label=f"{KNOWN[level]} ({len(part)})")  # fmt: skip
        axes.set_xlabel("published (cycles)")
        axes.set_ylabel("predicted (cycles)")
        log_axis(axes)
        log_axis(axes, "y")
        axes.legend(title="still known", title_fontsize=9)
        return figure(
            fig,
            caption=(
                f"Left out by {scheme.replace('_', ' ')}: {len(rows)} published results and what "
                "the fit without them says; dashed: off by a factor of two."
            ),
            provenance=_HELD_OUT,
            alt=f"Scatter of predicted over published cycles for {len(rows)} results",
        )


def residuals_figure(scheme: str = "system") -> Figure:
    """Ratio of prediction and publication by core."""
    from matplotlib import pyplot as plt

    rows = _cv(scheme)
    rows = rows.assign(ratio=rows["predicted_cycles"] / rows["cycles"])
    order = rows.groupby("core")["ratio"].median().sort_values().index
    counts = rows.groupby("core").size()
    networks = sorted(reference_workloads())
    colours = colour_map(networks, baselines=())
    with use_style():
        fig, axes = plt.subplots(figsize=(7.4, 1.2 + 0.34 * len(order)))
        for place, core in enumerate(order):
            part = rows[rows["core"] == core]
            spread = np.linspace(-0.25, 0.25, len(networks))
            for offset, network in zip(spread, networks, strict=True):
                points = part.loc[part["benchmark"] == network, "ratio"]
                axes.plot(points, [place + offset] * len(points), "o", ms=4, alpha=0.7,
                          color=colours[network])  # fmt: skip
        for network in networks:
            axes.plot([], [], "o", color=colours[network], label=network)
        axes.axvline(1, color="#333333", lw=1)
        names = [f"{cores()[core].title} ({counts[core]})" for core in order]
        axes.set_yticks(range(len(order)), names, fontsize=8)
        axes.set_xlabel("predicted / published")
        log_axis(axes)
        axes.legend(ncols=2)
        return figure(
            fig,
            caption=(
                f"Residuals by core, left out by {scheme.replace('_', ' ')}: right of the line "
                "the model is too slow, left of it too fast. In brackets: rows."
            ),
            provenance=_HELD_OUT,
            alt=f"Ratios of predicted to published latency for {len(order)} cores",
        )


def worst_table(scheme: str = "system", most: int = 15) -> Table:
    """The largest errors, named, with what the fit knew of them."""
    rows = _cv(scheme)
    rows = rows.assign(size=rows["log_error"].abs()).sort_values("size", ascending=False)
    rows = rows.head(most)
    known = {row.key: row for row in observations()}
    clocks = np.array([known[name].clock_mhz for name in rows["observation"]])
    shown = pd.DataFrame(
        {
            "network": rows["benchmark"],
            "platform": [_platform_name(key) for key in rows["platform"]],
            "runtime": [find_runtime(key).title for key in rows["runtime"]],
            "from": [known[name].group["submitter"] for name in rows["observation"]],
            "round": [known[name].group["round"] for name in rows["observation"]],
            "published": rows["cycles"].to_numpy() / clocks / 1e3,
            "predicted": rows["predicted_cycles"].to_numpy() / clocks / 1e3,
            "predicted / published": rows["predicted_cycles"] / rows["cycles"],
            "still known": rows["knowledge"].map(KNOWN),
        }
    ).reset_index(drop=True)
    return Table(
        shown,
        caption=f"The {most} worst predictions when a {scheme.replace('_', ' ')} is left out.",
        provenance=[
            Provenance("published", "ms", "quoted", ROWS),
            Provenance("predicted", "ms", "estimated", TABLE),
        ],
        units={"published": "ms", "predicted": "ms"},
        digits={"predicted / published": 2, "published": 2, "predicted": 2},
        sortable=True,
    )


def _platform_name(key: str) -> str:
    return platforms()[key].name if key in platforms() else key


def costs_table() -> Table:
    """Cycles for one unit of each kind of work, by core and runtime, as fitted."""
    rows = []
    for core_key, runtime_key in _pairs():
        core, runtime = cores()[core_key], find_runtime(runtime_key)
        levels = levels_of(core, runtime, "any", "internal_flash")
        costs = latency_fit().cost_by_kind(levels)
        rows.append({"core": core.title, "runtime": runtime.title}
                    | dict(zip(_KIND_TITLES, costs, strict=True)))  # fmt: skip
    return Table(
        pd.DataFrame(rows).sort_values(_KIND_TITLES[0], ignore_index=True),
        caption=(
            "Cycles for one MAC of each kind, one output element and one operator, as fitted, "
            "without what a chip adds. Few results tell the kinds apart: four networks each."
        ),
        provenance=[Provenance("cycles", "", "estimated", f"{MODEL}; {ROWS}")],
        digits=dict.fromkeys(_KIND_TITLES, 2) | {_KIND_TITLES[-1]: 0},
        sortable=True,
    )


_KIND_TITLES = tuple(
    {"outputs": "an output", "operators": "an operator"}.get(kind, f"a MAC, {kind}")
    for kind in KINDS
)


def _pairs() -> list[tuple[str, str]]:
    """Cores with runtimes that are offered and of which rows were published."""
    seen = {
        (row.levels["core"], row.levels["runtime"])
        for row in observations()
        if row.kind == "quoted" and row.benchmark != "kernel"
    }
    return sorted(pair for pair in seen if find_runtime(pair[1]).offered)


def beside_table() -> Table:
    """MLPerf Tiny's networks on ten chips: predicted with and without the chip, and published."""
    held = load_table("latency_cv")
    held = held[held["scheme"] == "chip"].set_index("observation")
    rows = [
        _beside_row(platform, runtime, network, held)
        for platform, runtime in TEN_CHIPS
        for network in reference_workloads()
    ]
    return Table(
        pd.DataFrame(rows),
        caption=(
            "The four networks of MLPerf Tiny on ten chips: published latency (its best, at its "
            "clock), what the model says with its 90 % interval, and what a fit says that saw "
            "nothing of that chip. The networks: anomaly detection (ad), image classification "
            "(ic), keyword spotting (kws), visual wake words (vww)."
        ),
        provenance=_SOURCES,
        units=dict.fromkeys(("published", "predicted", "without the chip"), "ms"),
        digits={"predicted / published": 2},
        reasons={
            (place, "without the chip"): "without it nothing of its core is left to go by"
            for place in range(len(rows))
        },
        sortable=True,
    )


def _beside_row(platform: str, runtime: str, network: str, held: pd.DataFrame) -> dict[str, object]:
    """A network on a chip: published, predicted, and by the fit in `held` that left it out."""
    target, work = find_target(platform, runtime), reference_workloads()[network]
    levels, published = target.levels(), _published(platform, runtime, network)
    assert levels is not None
    assert target.runtime is not None
    assert published is not None
    found = predict_cycles(levels, work, target.runtime.removes_dead_channels)
    assert found is not None
    ms = 1 / published.clock_mhz / 1e3
    blind = held["predicted_cycles"].get(published.key)
    return {
        "platform": target.platform.name,
        "runtime": target.runtime.title,
        "network": network,
        "published": Ranked.of(published.cycles * ms),
        "predicted": Ranked.within(*(x * ms for x in (found.value, found.low, found.high))),
        "predicted / published": found.value / published.cycles,
        "without the chip": None if blind is None else Ranked.of(blind * ms),
    }


def _published(platform: str, runtime: str, network: str) -> Observation | None:
    rows = [
        row
        for row in observations()
        if row.origin == "mlperf"
        and (row.levels["platform"], row.levels["runtime"]) == (platform, runtime)
        and row.benchmark == network
    ]
    return min(rows, key=lambda row: row.cycles / row.clock_mhz, default=None)


def calibration_table() -> Table:
    """How far intervals are stretched, by what is known."""
    rows = [
        {
            "known": KNOWN[level],
            "network": "one of the fitted" if reference else "another",
            "rows": found.rows,
            "median error": found.median_ape_pct,
            "stretch": found.stretch,
        }
        for (level, reference), found in latency_calibration().items()
    ]
    return Table(
        pd.DataFrame(rows),
        caption=(
            "The model's own spread is too small; it is multiplied by what the strictest "
            "cross-validation asks for so that nine truths in ten lie inside (split conformal)."
        ),
        provenance=[Provenance("errors, stretch", "", "estimated", TABLE)],
        units={"median error": "%"},
        digits={"median error": 1, "stretch": 2},
    )


def power_table() -> Table:
    """Active power predicted without the system, or without the chip."""
    table = power_cross_validation()
    table = table.assign(ape=(table["predicted_mw"] / table["power_mw"] - 1).abs() * 100)
    grouped = table.groupby(["scheme", "knowledge"])["ape"]
    order = [(scheme, level) for scheme in ("system", "chip") for level in KNOWLEDGE]
    known = {"pair": "the chip", "core": "the core", "class": "the class of the core"}
    rows = [
        {
            "left out together": scheme,
            "still known": known[knowledge],
            "rows": len(part),
            "median error": part.median(),
            "nine in ten below": part.quantile(0.9),
        }
        for scheme, knowledge in order
        if (scheme, knowledge) in grouped.groups
        and len(part := grouped.get_group((scheme, knowledge)))
    ]
    return Table(
        pd.DataFrame(rows),
        caption=(
            "Active power out of sample, from published energies with a stated supply voltage "
            "(k in µA/MHz; without a voltage an energy is quoted and not fitted)."
        ),
        provenance=[
            Provenance("published energy", "µJ", "quoted", "data/survey/mlperf_results.csv"),
            Provenance("errors", "%", "estimated", "mixed-effects model of k"),
        ],
        units=dict.fromkeys(("median error", "nine in ten below"), "%"),
        digits=dict.fromkeys(("median error", "nine in ten below"), 1),
    )


def instructions_table() -> Table:
    """Published cycles for one instruction counted in an emulator, by core."""
    ratios = instruction_ratios()
    grouped = ratios.groupby("core")["cycles_per_instruction"]
    others = [_without_itself(ratios, core) for core in grouped.groups]
    shown = pd.DataFrame(
        {
            "core": [cores()[core].title for core in grouped.groups],
            "rows": grouped.size().to_numpy(),
            "chips": ratios.groupby("core")["platform"].nunique().to_numpy(),
            "cycles for an instruction": grouped.median().to_numpy(),
            "least": grouped.min().to_numpy(),
            "most": grouped.max().to_numpy(),
            "median error": others,
        }
    )
    return Table(
        shown,
        caption=(
            "Cycles that chips were published to need over instructions that TFLM with CMSIS-NN "
            "executes on the same network in an emulator: flash wait states and stalls are in it. "
            "Error: each chip predicted from the others of its core."
        ),
        provenance=[
            Provenance("instructions", "", "emulated", "data/runtimes/firmware_peers.csv"),
            Provenance("published latency", "ms", "quoted", ROWS),
        ],
        units={"median error": "%"},
        digits=dict.fromkeys(("cycles for an instruction", "least", "most"), 2)
        | {"median error": 1},
        reasons={(place, "median error"): "one chip only" for place in range(len(shown))},
    )


def _without_itself(ratios: pd.DataFrame, core: object) -> float | None:
    rows = ratios[ratios["core"] == core]
    errors = []
    for platform, part in rows.groupby("platform"):
        others = rows.loc[rows["platform"] != platform, "cycles_per_instruction"]
        if len(others):
            errors += list((others.median() / part["cycles_per_instruction"] - 1).abs() * 100)
    return float(np.median(errors)) if errors else None
