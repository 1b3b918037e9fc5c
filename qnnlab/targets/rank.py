"""Targets in order: where a model fits, meets its limits, and what stands in its way."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from qnnlab.errors import SpecError
from qnnlab.targets.cost.latency import Estimate
from qnnlab.targets.fit import KB, runtime_reserve
from qnnlab.targets.predict import METHODS, Compiled, Prediction, predict
from qnnlab.targets.subject import Subject
from qnnlab.targets.target import FAMILIES, PRICES, Target, platforms, targets_of

#: What can be said of a model on a target, best first.
VERDICTS = ("fits", "unsure", "does not fit", "refused")
#: What targets can be ordered by.
ORDERS = ("latency", "energy", "price", "memory")
#: Whose runtimes are proposed unless one is named: those that anybody can get.
FREELY_HAD = ("open", "vendor")


@dataclass(frozen=True)
class Limits:
    """What the user asks for; None where anything goes. `price` is the dearest class allowed."""

    family: str | None = None
    latency_ms: float | None = None
    energy_mj: float | None = None
    price: str | None = None

    def __post_init__(self) -> None:
        for name, value, known in (
            ("family", self.family, FAMILIES),
            ("price", self.price, PRICES),
        ):
            if value is not None and value not in known:
                raise SpecError(f"{name} {value!r} is none of {', '.join(known)}")
        for name, limit in (("latency", self.latency_ms), ("energy", self.energy_mj)):
            if limit is not None and not (limit > 0 and math.isfinite(limit)):
                raise SpecError(f"a limit of {limit:g} on {name} can't be met: give more than 0")

    def admits(self, target: Target) -> bool:
        """Whether family and price let a target in; a price that is unknown does not."""
        if self.family is not None and target.family != self.family:
            return False
        price = target.platform.price
        return self.price is None or (
            price is not None and PRICES.index(price) <= PRICES.index(self.price)
        )


@dataclass(frozen=True)
class Memory:
    """One memory of a target in bytes: there, needed; None where unknown."""

    name: str
    size: int | None
    needed: int | None

    @property
    def left(self) -> int | None:
        """What is left (negative: missing)."""
        return None if self.size is None or self.needed is None else self.size - self.needed

    @property
    def share(self) -> float:
        """Share that is taken; 0 where unknown."""
        if self.size is None or self.needed is None:
            return 0.0
        return self.needed / self.size if self.size else math.inf


@dataclass(frozen=True)
class Option:
    """One target for a model: its prediction, its memories, the verdict and what limits it."""

    prediction: Prediction
    memories: tuple[Memory, ...]
    verdict: str
    limited_by: str

    @property
    def target(self) -> Target:
        """The target."""
        return self.prediction.target

    def to_dict(self) -> dict[str, Any]:
        """A JSON object: figures with unit, kind, interval and method."""
        p, target = self.prediction, self.target
        figures = {"latency": p.latency_ms, "power": p.power_mw, "energy": p.energy_mj}
        return {
            "platform": target.platform.key,
            "name": target.platform.name,
            "engine": target.engine,
            "family": target.family,
            "runtime": target.runtime_key,
            "clock_mhz": target.clock_mhz,
            "placement": target.placement,
            "price": target.platform.price,
            "verdict": self.verdict,
            "limited_by": self.limited_by,
            "refusal": p.refusal,
            "note": p.note,
            "memories": [asdict(m) | {"left": m.left, "unit": "B"} for m in self.memories],
            "voltage_v": p.voltage_v,
            "method": METHODS[p.method],
            **{name: _figure(found, p) for name, found in figures.items()},
            "source": target.platform.source,
        }


def _figure(found: Estimate | None, prediction: Prediction) -> dict[str, Any] | None:
    if found is None:
        return None
    kind = prediction.kind if found.unit == "ms" else "estimated"
    if found.knowledge == "quoted":
        kind = "quoted"
    return asdict(found) | {"kind": kind}


def memories_of(prediction: Prediction, subject: Subject) -> tuple[Memory, ...]:
    """What a target has and the model needs: flash and RAM, or an engine's own memories.

    Code, static data and stack of the interpreter are those of the largest firmware built for the
    core (table runtime_code); where it has none, those of Cortex-M4. A chip without flash of its
    own has what its board gives it: there only RAM is judged.
    """
    target, npu = prediction.target, prediction.target.npu
    if npu is not None and npu.weight_memory_bytes is not None:
        return (
            Memory("weight memory", npu.weight_memory_bytes, subject.weight_bytes),
            Memory("data memory", npu.data_memory_bytes, subject.peak_live_bytes),
        )
    core = target.platform.core
    reserve = runtime_reserve(None if core is None else core.key)
    flash, ram = subject.file_bytes, subject.arena_bytes
    if prediction.compiled is not None:
        ram = max(prediction.compiled.sram_bytes, 1)
    ram_there = Memory("RAM", target.platform.ram_bytes, ram + reserve.ram_bytes)
    if target.placement == "external_flash":
        return (ram_there,)
    return (
        Memory("flash", target.platform.flash_bytes, flash + reserve.flash_bytes),
        ram_there,
    )


def judge(prediction: Prediction, memories: tuple[Memory, ...], limits: Limits) -> Option:
    """The verdict on one prediction, and what limits it."""
    if prediction.refusal:
        return Option(prediction, memories, "refused", prediction.refusal)
    short = [m for m in memories if m.left is not None and m.left < 0]
    if short:
        worst = min(short, key=lambda memory: memory.left or 0)
        missing = -(worst.left or 0) / KB
        return Option(
            prediction, memories, "does not fit", f"{worst.name}: {missing:,.0f} kB short"
        )
    verdict, why = _against(limits, prediction)
    unknown = [m for m in memories if m.left is None]
    if verdict == "fits" and unknown:
        verdict = "unsure"
        why = f"{unknown[0].name}: size not in the catalog"
    if why:
        return Option(prediction, memories, verdict, why)
    tightest = max(memories, key=lambda memory: memory.share)
    return Option(prediction, memories, verdict, f"{tightest.name}: {tightest.share:.0%} taken")


def _against(limits: Limits, prediction: Prediction) -> tuple[str, str]:
    """The verdict on latency and energy: a limit inside the interval leaves it open."""
    found = "fits", ""
    for name, limit, figure in (
        ("latency", limits.latency_ms, prediction.latency_ms),
        ("energy", limits.energy_mj, prediction.energy_mj),
    ):
        if limit is None:
            continue
        if figure is None:
            found = "unsure", f"{name}: not known"
        elif figure.low > limit:
            return "does not fit", f"{name}: at least {figure.low:,.3g} {figure.unit}"
        elif figure.high > limit:
            found = "unsure", f"{name}: up to {figure.high:,.3g} {figure.unit}"
    return found


def candidates(
    limits: Limits, platform_keys: Sequence[str] = (), runtime: str | None = None
) -> list[Target]:
    """Targets that are let in: of all platforms or those named, with runtimes that can be had.

    A `runtime` that is named is taken whoever may get it. Raises SpecError on unknown names.
    """
    found = []
    for key in platform_keys or platforms():
        for target in targets_of(key):
            had = target.runtime is None or target.runtime.availability in FREELY_HAD
            named = target.runtime_key == runtime
            if limits.admits(target) and (named if runtime else had):
                found.append(target)
    if not found:
        raise SpecError("no target is left: allow more of family, price, platform or runtime")
    return found


def rank(
    targets: Iterable[Target], subject: Subject, limits: Limits, compiled: Compiled, by: str
) -> list[Option]:
    """All targets, best first: by verdict, then by `by` (one of ORDERS)."""
    if by not in ORDERS:
        raise SpecError(f"order {by!r} is none of {', '.join(ORDERS)}")
    predictions = [predict(target, subject, compiled) for target in targets]
    options = [judge(found, memories_of(found, subject), limits) for found in predictions]
    return in_order(options, by)


def in_order(options: Iterable[Option], by: str) -> list[Option]:
    """Options, best first: by verdict, then by `by` (one of ORDERS)."""
    return sorted(options, key=lambda found: _place(found, by))


def _place(found: Option, by: str) -> tuple[Any, ...]:
    latency = _or_last(found.prediction.latency_ms)
    price = found.target.platform.price
    first = {
        "latency": latency,
        "energy": _or_last(found.prediction.energy_mj),
        "price": len(PRICES) if price is None else PRICES.index(price),
        "memory": max(memory.share for memory in found.memories),
    }[by]
    return VERDICTS.index(found.verdict), first, latency, found.target.key


def _or_last(figure: Estimate | None) -> float:
    return math.inf if figure is None else figure.value


def best_of_each(options: Sequence[Option]) -> list[Option]:
    """The best target of each platform, in the order given."""
    seen: dict[str, Option] = {}
    for found in options:
        seen.setdefault(found.target.platform.key, found)
    return list(seen.values())
