"""Checks over the lab's records: methods compared within a task, a profile and a seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from qnnlab.lab.claims.registry import Evidence, Facts, Member, NotTestable, check
from qnnlab.lab.record import Record
from qnnlab.values import Kind, Value


def subtract(a: float, b: float) -> float:
    """`a` − `b` as decimals, so that 70.95 − 69.95 is 1 and not a hair more."""
    return float(Decimal(str(a)) - Decimal(str(b)))


def common_kind(kinds: Sequence[Kind]) -> Kind:
    """The kind of a figure computed from others: theirs where they agree, else estimated."""
    return kinds[0] if len(set(kinds)) == 1 else "estimated"


def figure_of(record: Record, name: str) -> Value:
    """The figure `name` of a record; raises NotTestable with the reason where there is none."""
    try:
        value = record[name]
    except KeyError:
        raise NotTestable(f"{record.spec} has no figure {name!r}") from None
    if value.value is None:
        raise NotTestable(f"{record.spec} has no {name}: {value.reason}")
    return value


def _number(value: Value) -> float:
    if not isinstance(value.value, int | float):
        raise NotTestable(f"{value.name} is {value.value!r}, not a number")
    return float(value.value)


def _pairs(
    facts: Facts,
    sides: Sequence[tuple[str, str]],
    join: Callable[[float, float], float],
    sign: str,
    unit: str | None,
) -> Evidence:
    """Join the figures of two (method, figure) sides for every task and seed."""
    (method, figure), (reference, other) = sides
    members, figures = [], []
    for task, seeds in facts.runs(list(dict.fromkeys((method, reference)))).items():
        for runs in seeds:
            a, b = figure_of(runs[method], figure), figure_of(runs[reference], other)
            spec = runs[method].spec
            name = f"{figure} of {method} {sign} {other} of {reference}, {task}, seed {spec.seed}"
            kind = common_kind([a.kind, b.kind])
            source = f"profile {spec.profile}; {a.source}"
            shown = a.unit if unit is None else unit
            number = join(_number(a), _number(b))
            members.append(Member(task, Value(name, number, shown, kind, source)))
        for which, what in sides:
            found = [figure_of(runs[which], what) for runs in seeds]
            mean = sum(map(_number, found)) / len(found)
            label = f"{what} of {which}, {task}"
            source = f"mean of {len(found)} seeds; {found[0].source}"
            figures.append(Value(label, mean, found[0].unit, found[0].kind, source))
    return Evidence(tuple(members), tuple(figures), noun="seeds")


@check("figure_difference")
def figure_difference(
    facts: Facts, *, figure: str, method: str, reference: str, unit: str | None = None
) -> Evidence:
    """`figure` of `method` minus that of `reference`."""
    sides = ((method, figure), (reference, figure))
    return _pairs(facts, sides, subtract, "−", unit)


@check("figure_ratio")
def figure_ratio(
    facts: Facts, *, figure: str, method: str, reference: str, over: str | None = None
) -> Evidence:
    """`figure` of `method` over that (or the figure `over`) of `reference`."""
    sides = ((method, figure), (reference, over or figure))

    def divide(a: float, b: float) -> float:
        if b == 0:
            raise NotTestable(f"{over or figure} of {reference} is zero")
        return a / b

    found = _pairs(facts, sides, divide, "/", "×")
    return Evidence(found.members, found.figures, ratio=True, noun=found.noun)


@check("figure_level")
def figure_level(facts: Facts, *, figure: str, method: str) -> Evidence:
    """`figure` of `method` itself."""
    members = []
    for task, seeds in facts.runs([method]).items():
        for runs in seeds:
            value, spec = figure_of(runs[method], figure), runs[method].spec
            name = f"{figure} of {method}, {task}, seed {spec.seed}"
            source = f"profile {spec.profile}; {value.source}"
            shown = Value(name, _number(value), value.unit, value.kind, source)
            members.append(Member(task, shown))
    return Evidence(tuple(members), noun="seeds")


@check("figure_refused")
def figure_refused(facts: Facts, *, figure: str, method: str, because: str) -> Evidence:
    """1 where `figure` is absent for a reason that holds the text `because`, else 0."""
    members = []
    for task, seeds in facts.runs([method]).items():
        for runs in seeds:
            record = runs[method]
            try:
                value = record[figure]
            except KeyError:
                raise NotTestable(f"{record.spec} has no figure {figure!r}") from None
            refused = value.reason is not None and because in value.reason
            name = f"{figure} of {method} refused, {task}, seed {record.spec.seed}"
            source = value.reason or value.source
            members.append(Member(task, Value(name, int(refused), "", value.kind, source)))
    return Evidence(tuple(members), noun="seeds")


@check("figure_spread")
def figure_spread(facts: Facts, *, figure: str, methods: list[str]) -> Evidence:
    """The largest minus the smallest `figure` among `methods`."""
    members = []
    for task, seeds in facts.runs(methods).items():
        for runs in seeds:
            found = [figure_of(runs[method], figure) for method in methods]
            numbers = [_number(value) for value in found]
            spec = runs[methods[0]].spec
            name = f"spread of {figure} over {len(methods)} methods, {task}, seed {spec.seed}"
            kind = common_kind([value.kind for value in found])
            source = f"profile {spec.profile}; {found[0].source}"
            spread = subtract(max(numbers), min(numbers))
            members.append(Member(task, Value(name, spread, found[0].unit, kind, source)))
    return Evidence(tuple(members), noun="seeds")


@check("gain_by_task")
def gain_by_task(
    facts: Facts, *, figure: str, method: str, reference: str, task: str, than_task: str
) -> Evidence:
    """How much more `method` gains over `reference` on `task` than on `than_task`."""
    gains: dict[str, dict[int, Value]] = {}
    for name, seeds in facts.runs([method, reference]).items():
        for runs in seeds:
            a, b = figure_of(runs[method], figure), figure_of(runs[reference], figure)
            gain = subtract(_number(a), _number(b))
            seed = runs[method].spec.seed
            label = f"{figure} of {method} − {reference}, {name}, seed {seed}"
            kind = common_kind([a.kind, b.kind])
            gains.setdefault(name, {})[seed] = Value(label, gain, a.unit, kind, a.source)
    members = []
    for seed in sorted(set(gains[task]) & set(gains[than_task])):
        first, second = gains[task][seed], gains[than_task][seed]
        difference = subtract(_number(first), _number(second))
        label = f"gain on {task} − gain on {than_task}, seed {seed}"
        value = Value(label, difference, first.unit, first.kind, first.source)
        members.append(Member(f"{task} against {than_task}", value))
    figures = tuple(value for by_seed in gains.values() for value in by_seed.values())
    return Evidence(tuple(members), figures, noun="seeds")
