"""Checks: functions that gather what a claim is judged by; a new file in `checks/` adds its own."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from qnnlab.errors import DataError, QnnlabError, unknown_name
from qnnlab.lab.record import Record
from qnnlab.registry import LazyNames, modules_of
from qnnlab.tasks import PROFILES
from qnnlab.values import Value

if TYPE_CHECKING:
    import pandas as pd

    from qnnlab.lab.claims.ledger import Claim

Tables = Callable[[str], "pd.DataFrame"]


class NotTestable(QnnlabError):
    """A check lacks what it needs: no finished run, or a figure that could not be had."""


@dataclass(frozen=True)
class Member:
    """One comparison: the measured quantity for one seed of a task or one row of a table.

    Members of one `case` are averaged; cases are tasks, or groups of a table's rows.
    """

    case: str
    value: Value

    @property
    def number(self) -> float:
        """The value as a number."""
        if not isinstance(self.value.value, int | float):
            raise DataError(f"value {self.value.name!r} of a comparison is not a number")
        return float(self.value.value)


@dataclass(frozen=True)
class Evidence:
    """What a check found: the comparisons, and the figures behind them.

    Ratios (`ratio`) are averaged geometrically, differences and levels arithmetically. `noun`
    names what the members of a case are.
    """

    members: tuple[Member, ...]
    figures: tuple[Value, ...] = ()
    ratio: bool = False
    noun: str = "comparisons"


@dataclass(frozen=True)
class Facts:
    """What a check may look at: the records of a profile or better, and the survey's tables."""

    claim: Claim
    records: Sequence[Record]
    profile: str
    tables: Tables

    def runs(self, methods: Sequence[str]) -> dict[str, list[dict[str, Record]]]:
        """By task, a list (one entry a seed) of the finished record of each of `methods`.

        Only seeds that all the methods finished with count, and of the profiles only the best
        that has one: figures are compared within a task, a profile and a seed. Raises NotTestable.
        """
        wanted = PROFILES[PROFILES.index(self.profile) :]
        groups: dict[tuple[str, int, int], dict[str, Record]] = {}
        for record in self.records:
            spec = record.spec
            if (
                record.ok
                and spec.target == "host"
                and spec.method in methods
                and spec.profile in wanted
                and (not self.claim.needs.tasks or spec.task in self.claim.needs.tasks)
            ):
                key = (spec.task, PROFILES.index(spec.profile), spec.seed)
                groups.setdefault(key, {})[spec.method] = record
        whole = {key: group for key, group in groups.items() if set(group) == set(methods)}
        best = {task: max(p for t, p, _ in whole if t == task) for task, _, _ in whole}
        absent = [task for task in self.claim.needs.tasks if task not in best]
        if absent or not best:
            where = f" on {', '.join(absent)}" if absent else ""
            names = ", ".join(dict.fromkeys(methods))
            raise NotTestable(
                f"no finished runs of {names} with one seed{where} "
                f"in profile {self.profile} or better"
            )
        return {
            task: [whole[key] for key in sorted(whole) if key[:2] == (task, profile)]
            for task, profile in sorted(best.items())
        }


CheckFunction = Callable[..., Evidence]
F = TypeVar("F", bound=CheckFunction)
_NAME = "_qnnlab_check"


def check(name: str) -> Callable[[F], F]:
    """Register a function of `Facts` and keyword parameters as the check `name`."""

    def mark(function: F) -> F:
        setattr(function, _NAME, name)
        return function

    return mark


def _find_checks() -> dict[str, CheckFunction]:
    found: dict[str, CheckFunction] = {}
    for module in modules_of("qnnlab.lab.claims.checks"):
        for entry in vars(module).values():
            name = getattr(entry, _NAME, None)
            # A check that another module imports is still its own module's.
            if name is None or entry.__module__ != module.__name__:
                continue
            if name in found:
                raise DataError(f"two checks are called {name!r}")
            found[name] = entry
    return found


CHECKS: LazyNames[CheckFunction] = LazyNames("check", _find_checks, DataError)


def parameter_problem(name: str, parameters: Mapping[str, Any]) -> str | None:
    """What is wrong with a check's parameters: one missing, or one that it doesn't know."""
    accepted = {
        p.name: p.default is inspect.Parameter.empty
        for p in inspect.signature(CHECKS[name]).parameters.values()
        if p.kind is inspect.Parameter.KEYWORD_ONLY
    }
    for given in parameters:
        if given not in accepted:
            return unknown_name(f"parameter of check {name}", str(given), accepted)
    missing = [p for p, required in accepted.items() if required and p not in parameters]
    return f"check {name} needs the parameter {', '.join(missing)}" if missing else None
