"""Leave-one-out cross-validation of the latency model: by system, submitter, chip, core, round."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from qnnlab.files import resource, write_atomic
from qnnlab.steps import tell
from qnnlab.survey import load_table
from qnnlab.targets.cost.calibration import KNOWLEDGE, latency_calibration
from qnnlab.targets.cost.latency import EFFECTS, PRIOR, fit_rows, knowledge_of
from qnnlab.targets.cost.observations import Observation, observations

#: What is left out together, by scheme.
SCHEMES: Mapping[str, Callable[[Observation], str]] = {
    "system": lambda row: " ".join(row.group[name] for name in ("round", "submitter", "system_id")),
    "chip": lambda row: row.levels["platform"],
    "core": lambda row: row.levels["core"],
    "runtime": lambda row: row.levels["runtime"],
    "submitter": lambda row: row.group["submitter"],
    "round": lambda row: row.group["round"],
    "network": lambda row: row.benchmark,
    "chip_and_network": lambda row: f"{row.levels['platform']} {row.benchmark}",
}
# Schemes that leave a network out wholly; a fit without a chip and a network has neither.
_NEW_NETWORK = ("network", "chip_and_network")
# Left in, but for the network: counted, not published, and of no submitter.
_ALWAYS_IN = ("instructions",)


def judged(row: Observation) -> bool:
    """Whether a row is one that predictions are judged by: published, of a whole network."""
    return row.origin in ("mlperf", "edgemark", "tinymaix", "espnn_model")


def cross_validate(
    scheme: str, rows: Sequence[Observation] | None = None, step: Callable[[], None] | None = None
) -> pd.DataFrame:
    """Predict each judged row from a fit without its group; one row each.

    `log_error` is log(truth / prediction), `log_sd` the predicted spread, `knowledge` what the
    fit without the group knew of the target, `network` whether it knew the network. Rows of whose
    class of core nothing was left are not predicted. `step` is called after each fit.
    """
    rows = observations() if rows is None else rows
    group, found = SCHEMES[scheme], []
    whole = fit_rows(rows)
    for left_out in sorted({group(row) for row in rows if judged(row)}):
        kept = [row for row in rows if not _goes(scheme, row, left_out)]
        fit = fit_rows(kept, whole)
        for row in rows:
            knowledge = knowledge_of(fit, row.levels)
            if judged(row) and group(row) == left_out and knowledge != "nothing":
                mean, sd = fit.predict(row.levels, row.work.vector(row.live))
                found.append(
                    {
                        "row_key": f"{scheme}__{row.key}",
                        "scheme": scheme,
                        "left_out": left_out,
                        "observation": row.key,
                        "core": row.levels["core"],
                        "runtime": row.levels["runtime"],
                        "platform": row.levels["platform"],
                        "benchmark": row.benchmark,
                        "knowledge": knowledge,
                        "network": "new" if scheme in _NEW_NETWORK else "reference",
                        "cycles": row.cycles,
                        "predicted_cycles": float(np.exp(mean)),
                        "log_error": float(np.log(row.cycles) - mean),
                        "log_sd": sd,
                        "source": row.source,
                    }
                )
        if step is not None:
            step()
    return pd.DataFrame(found)


def _goes(scheme: str, row: Observation, left_out: str) -> bool:
    """Whether a row is left out of the fit that predicts the group `left_out`."""
    if scheme == "chip_and_network":
        platform, benchmark = left_out.rsplit(" ", 1)
        same = row.levels["platform"] == platform or row.benchmark == benchmark
        return same and (row.origin not in _ALWAYS_IN or row.benchmark == benchmark)
    if scheme == "network":
        return row.benchmark == left_out
    return SCHEMES[scheme](row) == left_out and row.origin not in _ALWAYS_IN


def cross_validation(
    schemes: Iterable[str] = SCHEMES, step: Callable[[], None] | None = None
) -> pd.DataFrame:
    """All schemes one below the other, with the digest of their evidence."""
    found = pd.concat([cross_validate(name, step=step) for name in schemes], ignore_index=True)
    return found.assign(evidence=evidence_digest())


def cross_validation_file() -> Path:
    """Where the table of all schemes is kept."""
    return resource("data/targets/latency_cv.csv")


def refresh() -> pd.DataFrame:
    """Cross-validate anew (minutes) and replace the table that intervals are stretched by."""
    total, done = _fits_needed(), 0

    def step() -> None:
        nonlocal done
        done += 1
        tell("cross-validation", done / total)

    found = cross_validation(step=step)
    figures = ("cycles", "predicted_cycles", "log_error", "log_sd")
    rounded = {name: [float(f"{value:.6g}") for value in found[name]] for name in figures}
    text = found.assign(**rounded).to_csv(index=False, lineterminator="\n")
    write_atomic(cross_validation_file(), text)
    return found


def _fits_needed() -> int:
    judged_rows = [row for row in observations() if judged(row)]
    return sum(len({group(row) for row in judged_rows}) for group in SCHEMES.values())


def summary() -> pd.DataFrame:
    """Errors by what was left out and what was still known, from the kept table.

    `coverage_pct` is the share of truths inside the intervals as they are given.
    """
    table = load_table("latency_cv")
    known = latency_calibration()
    reach = [
        known[row["knowledge"], row["network"] == "reference"].half_width(row["log_sd"])
        for row in table.to_dict("records")
    ]
    table = table.assign(
        ape_pct=(table["predicted_cycles"] / table["cycles"] - 1).abs() * 100,
        inside=table["log_error"].abs() <= np.array(reach),
    )
    order = [name for name in SCHEMES if name in set(table["scheme"])]
    grouped = table.groupby(["scheme", "knowledge"])
    found = pd.DataFrame(
        {
            "rows": grouped.size(),
            "median_ape_pct": grouped["ape_pct"].median(),
            "p90_ape_pct": grouped["ape_pct"].quantile(0.9),
            "coverage_pct": grouped["inside"].mean() * 100,
        }
    )
    places = [(s, k) for s in order for k in KNOWLEDGE if (s, k) in found.index]
    return found.loc[places].reset_index()


def is_stale() -> bool:
    """Whether rows or priors changed since the table was made."""
    return set(load_table("latency_cv")["evidence"]) != {evidence_digest()}


def evidence_digest() -> str:
    """A digest of the rows and priors that cross-validation depends on."""
    parts = [repr((EFFECTS, PRIOR.centre, PRIOR.sd))]
    for row in observations():
        amounts = row.work.vector(row.live).round(3).tolist()
        parts.append(
            f"{row.key} {sorted(row.levels.items())} {amounts} {row.cycles:.6g} {row.noise}"
        )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
