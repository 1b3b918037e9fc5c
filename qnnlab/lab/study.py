"""A study: methods side by side on one task, over several seeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from qnnlab.errors import SpecError
from qnnlab.lab.frame import records_frame
from qnnlab.lab.record import Record
from qnnlab.lab.spec import Spec
from qnnlab.methods import RECIPES
from qnnlab.tasks import PROFILES, TASKS, Metric

# Seeds that a profile runs each method with.
REPEATS = dict(zip(PROFILES, (1, 3, 5), strict=True))
ALL = "all"


def study_specs(
    task: str, methods: str | Sequence[str] = ALL, seed: int = 0, profile: str = "quick"
) -> list[Spec]:
    """One spec a method and seed: `seed`, `seed + 1`, … as many as the profile repeats.

    `methods` is a list of names, or "all". Raises SpecError on unknown names and on no method.
    """
    names = list(RECIPES) if methods == ALL else list(methods)
    if isinstance(methods, str) and methods != ALL:
        raise SpecError(f"methods is {methods!r}; give a list of names, or {ALL!r}")
    if not names:
        raise SpecError("no methods were given")
    first = Spec(task, names[0], seed=seed, profile=profile)
    return [
        Spec(task, name, seed=first.seed + i, profile=profile).check()
        for name in dict.fromkeys(names)
        for i in range(REPEATS[profile])
    ]


def metric_of(records: Sequence[Record]) -> Metric:
    """The metric that the task of `records` is scored by. Raises SpecError where tasks differ."""
    tasks = {record.spec.task for record in records}
    if len(tasks) != 1:
        raise SpecError(
            f"records of one task are needed, not of {', '.join(sorted(tasks)) or 'none'}"
        )
    return TASKS[tasks.pop()].metric


def summarise(records: Iterable[Record]) -> pd.DataFrame:
    """One row a method, in the order of the records: each figure's mean over the seeds.

    Beside a figure `f` stand `f_min` and `f_max`; `runs` counts the finished runs. Methods of
    which no run finished are left out.
    """
    finished = [record for record in records if record.ok]
    frame = records_frame(finished)
    names = list(dict.fromkeys(v.name for r in finished for v in r.results))
    rows = []
    for method, group in frame.groupby("method", sort=False) if len(frame) else ():
        numbers = group[names].apply(pd.to_numeric)
        statistics = pd.concat(
            [numbers.mean(), numbers.min().add_suffix("_min"), numbers.max().add_suffix("_max")]
        )
        head = {"method": method, "title": group["title"].iloc[0], "runs": len(group)}
        rows.append({**head, **statistics.to_dict()})
    return pd.DataFrame(rows).set_index("method", drop=False) if rows else pd.DataFrame()


def absent_reasons(records: Iterable[Record], name: str) -> dict[str, str]:
    """Why the figure `name` is absent, by method."""
    return {
        record.spec.method: value.reason
        for record in records
        for value in record.results
        if value.name == name and value.reason is not None
    }


def pareto_front(frame: pd.DataFrame, cost: str, gain: str) -> pd.DataFrame:
    """The rows that no other beats: none costs as little and gains as much, with one better.

    Sorted by cost; rows in which either is missing are left out.
    """
    known = frame.dropna(subset=[cost, gain])
    best = float("-inf")
    kept = []
    for label, row in known.sort_values([cost, gain], ascending=[True, False]).iterrows():
        if row[gain] > best:
            kept.append(label)
            best = row[gain]
    return known.loc[kept]
