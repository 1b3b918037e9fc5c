"""Published deployments beside what the models say, and the cells that can't be right."""

from __future__ import annotations

import pandas as pd

from qnnlab.lab.deployments import Finding, Replay, findings, known_suspects, replays
from qnnlab.report.atlas.axes import log_axis
from qnnlab.report.exhibits import Figure, Provenance, Ranked, Table, figure
from qnnlab.report.formatting import three_digits
from qnnlab.report.style import PALETTE, use_style
from qnnlab.survey import load_table

_PUBLISHED = "Tables IV to VI of arXiv:2508.15008, data/survey/survey_deployments.csv"
_WORK = "data/survey/deployment_models.csv, each row with its source"
_MODEL = "cost models of qnnlab, 90 % intervals over the bounds of the work"
_SOURCES = (
    Provenance("published latency, energy", "ms, mJ", "quoted", _PUBLISHED),
    Provenance("MACs", "", "quoted", _WORK),
    Provenance("predicted latency, energy", "ms, mJ", "estimated", _MODEL),
)
_COLOURS = {
    "agrees": PALETTE[2],
    "not contradicted": PALETTE[5],
    "faster than predicted": PALETTE[1],
    "slower than predicted": PALETTE[3],
    "not comparable": "#999999",
}


def _one(value: float | None) -> Ranked | None:
    return None if value is None else Ranked.of(value)


def _range(low: float | None, high: float | None) -> Ranked | None:
    if low is None and high is None:
        return None
    if high is None:
        assert low is not None
        return Ranked(f"at least {three_digits(low)}", low)
    if low is None:
        return Ranked(f"at most {three_digits(high)}", high)
    return Ranked(f"{three_digits(low)} – {three_digits(high)}", low)


def _macs(replay: Replay) -> Ranked | None:
    low, high = replay.macs_low, replay.macs_high
    million = [None if value is None else value / 1e6 for value in (low, high)]
    if low is not None and low == high:
        return Ranked.of(low / 1e6)
    return _range(million[0], million[1])


def replay_table() -> Table:
    """One row a deployment and device: published and predicted, or why they can't be compared."""
    rows = replays()
    titles = _titles()
    frame = pd.DataFrame(
        {
            "deployment": [titles[row.deployment] for row in rows],
            "device": [row.platform for row in rows],
            "verdict": [row.verdict for row in rows],
            "latency, published": [_one(row.latency_ms) for row in rows],
            "latency, predicted": [
                _range(row.predicted_low_ms, row.predicted_high_ms) for row in rows
            ],
            "energy, published": [_one(row.energy_mj) for row in rows],
            "energy, predicted": [
                _range(row.predicted_low_mj, row.predicted_high_mj) for row in rows
            ],
            "MACs": [_macs(row) for row in rows],
        }
    )
    no_model = "no runtime, clock or power of that device to go by"
    reasons: dict[tuple[object, str], str] = {}
    for place, row in enumerate(rows):
        reasons |= {
            (place, "MACs"): row.basis,
            (place, "latency, published"): "not printed, or which is whose can't be told",
            (place, "energy, published"): "not printed, or a power",
            (place, "latency, predicted"): row.basis if row.macs_low is None else no_model,
            (place, "energy, predicted"): row.basis if row.macs_low is None else no_model,
        }
    return Table(
        frame,
        caption=(
            f"{len(rows)} devices of 28 deployments. Where only the memory is printed, every "
            "stored weight is used at least once: that bounds the work from below only, and a "
            "published latency above the bound is not contradicted, which is little."
        ),
        provenance=_SOURCES,
        units={
            "MACs": "million",
            "latency, published": "ms",
            "latency, predicted": "ms",
            "energy, published": "mJ",
            "energy, predicted": "mJ",
        },
        reasons=reasons,
        sortable=True,
    )


def _titles() -> dict[str, str]:
    table = load_table("survey_deployments")
    return {
        str(row["row_key"]): f"{row['ref_key']} ({row['category']}, {row['family']})"
        for row in table.to_dict("records")
    }


def replay_figure() -> Figure:
    """Published latency on the interval that the models allow."""
    from matplotlib import pyplot as plt

    compared = [row for row in replays() if row.verdict != "not comparable"]
    rows = sorted(compared, key=lambda row: row.latency_ms or 0)
    ends = [v for r in rows for v in (r.predicted_low_ms, r.predicted_high_ms, r.latency_ms) if v]
    floor, ceiling = min(ends) / 2, max(ends) * 2
    with use_style():
        fig, axes = plt.subplots(figsize=(7.6, 1.3 + 0.27 * len(rows)))
        for place, row in enumerate(rows):
            colour = _COLOURS[row.verdict]
            span = (row.predicted_low_ms or floor, row.predicted_high_ms or ceiling)
            axes.plot(span, [place, place], color=colour, lw=5, alpha=0.45, solid_capstyle="butt")
            axes.plot([row.latency_ms or 0], [place], "D", color="#222222", ms=4)
        for verdict, colour in _COLOURS.items():
            if any(row.verdict == verdict for row in rows):
                axes.plot([], [], color=colour, lw=5, alpha=0.45, label=verdict)
        axes.plot([], [], "D", color="#222222", ms=4, label="published")
        names = [f"{row.deployment.split('__')[0]} · {row.platform}" for row in rows]
        axes.set_yticks(range(len(rows)), names, fontsize=8)
        axes.set_xlim(floor, ceiling)
        axes.set_xlabel("latency of one inference (ms)")
        log_axis(axes)
        fig.legend(loc="outside lower center", ncols=5)
        return figure(
            fig,
            caption=(
                f"Published latency of {len(rows)} deployments on the interval that the models "
                "allow; bars that reach an edge have no bound on that side."
            ),
            provenance=_SOURCES,
            alt=f"Intervals of predicted latency with the published value for {len(rows)} rows",
        )


def findings_table() -> Table:
    """What the checks found, and whether the table's own flags know it."""
    known = known_suspects()
    titles = _titles()
    rows = [
        {
            "deployment": titles[found.deployment],
            "quantity": found.quantity,
            "finding": found.why,
            "flagged before": found.quantity in known.get(found.deployment, ()),
        }
        for found in findings()
    ]
    return Table(
        pd.DataFrame(rows),
        caption=(
            "Cells that can't be right as printed, or can't be read, found by the checks: work "
            "against the engine's peak and the models' intervals, power against published powers, "
            "memory against the chip, values against devices. They know nothing of earlier flags."
        ),
        provenance=[
            Provenance("cells", "", "quoted", _PUBLISHED),
            Provenance("limits", "", "estimated", _MODEL),
        ],
        sortable=True,
    )


def suspects_table() -> Table:
    """The suspect cells that were known: found by the checks, or why not."""
    found = findings()
    titles = _titles()
    rows = [
        {
            "deployment": titles[key],
            "quantity": quantity,
            "found": _found(found, key, quantity) is not None,
            "why": _found(found, key, quantity) or _missed(key),
        }
        for key, quantities in known_suspects().items()
        for quantity in quantities
    ]
    count = sum(bool(row["found"]) for row in rows)
    return Table(
        pd.DataFrame(rows),
        caption=f"{count} of {len(rows)} cells that readers had flagged are found by the checks.",
        provenance=[Provenance("cells and flags", "", "quoted", _PUBLISHED)],
    )


def _found(found: list[Finding], key: str, quantity: str) -> str | None:
    return next((f.why for f in found if (f.deployment, f.quantity) == (key, quantity)), None)


def _missed(key: str) -> str:
    rows = [row for row in replays() if row.deployment == key]
    if all(row.macs_low is None for row in rows):
        return "the work is not bounded from below: no latency can be called too long for it"
    return "inside what the models allow"
