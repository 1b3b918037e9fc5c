"""Cross-validation of the latency model beside simpler ones: who is closer on unseen results?"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from qnnlab.steps import shown
from qnnlab.targets.cost.observations import Observation, observations
from qnnlab.targets.cost.validation import SCHEMES, cross_validate, judged

DEFAULT = ("submitter", "core", "round")
SIMPLE: dict[str, Callable[[Observation], str]] = {
    "cycles for a MAC, core and runtimes": lambda row: row.levels["pair"],
    "cycles for a MAC, core": lambda row: row.levels["core"],
}


def by_macs(row: Observation, kept: Sequence[Observation], name: str) -> float | None:
    """Cycles of a row from the median cycles for a MAC of its like among `kept`."""
    group = SIMPLE[name]
    like = [other.cycles / other.work.macs for other in kept if group(other) == group(row)]
    return float(np.median(like)) * row.work.macs if like else None


def compare(scheme: str) -> pd.DataFrame:
    """One row a judged result: absolute error in percent of each model, None where it is silent."""
    rows = {row.key: row for row in observations()}
    quoted = [row for row in rows.values() if judged(row)]
    left_out = SCHEMES[scheme]
    found = []
    for line in cross_validate(scheme).to_dict("records"):
        row = rows[line["observation"]]
        kept = [other for other in quoted if left_out(other) != left_out(row)]
        errors = {"mixed effects": 100 * abs(line["predicted_cycles"] / row.cycles - 1)}
        for name in SIMPLE:
            cycles = by_macs(row, kept, name)
            errors[name] = np.nan if cycles is None else 100 * abs(cycles / row.cycles - 1)
        found.append(errors)
    return pd.DataFrame(found)


def main() -> None:
    """Print the table of the schemes asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schemes", nargs="+", default=DEFAULT, choices=sorted(SCHEMES))
    asked = parser.parse_args()
    lines = []
    with shown():
        for scheme in asked.schemes:
            errors = compare(scheme).dropna()
            for name in errors:
                lines.append(
                    {
                        "left out": scheme,
                        "model": name,
                        "rows": len(errors),
                        "median error (%)": errors[name].median(),
                        "nine in ten (%)": errors[name].quantile(0.9),
                        "ratio to mixed effects": errors[name].median()
                        / errors["mixed effects"].median(),
                    }
                )
    print(pd.DataFrame(lines).to_markdown(index=False, floatfmt=".1f"))


if __name__ == "__main__":
    main()
