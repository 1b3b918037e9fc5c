"""Published deployments replayed: what the models say for them, and which cells can't be right.

The checks know nothing of the table's own flags (`quality_flag`, `suspect_quantities`); how the
two agree is shown beside them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from qnnlab.survey import cell_value, load_table
from qnnlab.targets.cost.accelerators import peak_latency_ms
from qnnlab.targets.cost.latency import Estimate, predict_cycles, scaled
from qnnlab.targets.cost.workload import Workload, mac_workload
from qnnlab.targets.fit import KB
from qnnlab.targets.predict import fitted_power
from qnnlab.targets.target import Target, npus, platforms, targets_of

# Kinds that a network whose layers are not known may have most of its MACs in.
_MIXED = ("conv", "pointwise", "dense")
# MACs for one output element, and operators, of MLPerf Tiny's networks: 19 to 139 and 10 to 31.
_MACS_AN_OUTPUT = (200.0, 15.0)
_OPERATORS = (3, 60)
# The most MACs that a core can do in a cycle, by class: what its instructions allow.
_PEAK = {"armv6m": 1, "armv7m": 1, "dsp": 2, "mve": 8, "rvp": 4, "scalar": 1}
# What an inference of a microcontroller can draw (mW): less is a sleep current, more a board.
_LEAST_MW, _MOST_MW = 0.05, 3000.0
# Powers of chips never measured may lie this far outside the fitted interval.
_POWER_MARGIN = 3.0
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e-?\d+)?")


@dataclass(frozen=True)
class Replay:
    """One deployment on one device; latencies in ms, energies in mJ, None where not to be had.

    `verdict`: agrees, faster or slower than predicted, not contradicted (only a lower bound of
    its work is known), not comparable.
    """

    deployment: str
    platform_key: str
    platform: str
    macs_low: float | None
    macs_high: float | None
    basis: str
    latency_ms: float | None
    predicted_low_ms: float | None
    predicted_high_ms: float | None
    energy_mj: float | None
    predicted_low_mj: float | None
    predicted_high_mj: float | None
    verdict: str
    source: str


@dataclass(frozen=True)
class Finding:
    """A cell that can't be right as printed, or that can't be read: which, and why."""

    deployment: str
    quantity: str
    why: str


def _workloads(kind: str, macs: float, end: int) -> list[Workload]:
    """Networks of so many MACs, of the kind or of each that it may be; `end` 0: least besides."""
    kinds = _MIXED if kind == "mixed" else (kind,)
    outputs = macs / _MACS_AN_OUTPUT[end]
    return [mac_workload({name: macs}, outputs, _OPERATORS[end]) for name in kinds]


def _targets(row: Mapping[str, Any]) -> list[Target]:
    """The targets that a deployment may have run on: its runtime, or all of its engine."""
    everything = targets_of(str(row["platform_key"]))
    on_npu = row["engine"] == "npu"
    found = [t for t in everything if (t.npu is not None) == on_npu] or list(everything)
    named = [t for t in found if t.runtime_key == row["runtime"]]
    clock = cell_value(row["clock_mhz"])
    chosen = named or [t for t in found if t.runtime is None or t.runtime.weights == "int8"]
    return [t.at(float(clock)) for t in chosen] if clock is not None else chosen


def _latency(target: Target, work: Workload) -> Estimate | None:
    """Latency in ms of work that is known by its MACs only."""
    if target.clock_mhz is None:
        return None
    npu, levels = target.npu, target.levels()
    if npu is not None and npu.how != "fitted" and npu.macs_per_cycle is not None:
        return peak_latency_ms(work.macs, npu.macs_per_cycle, target.clock_mhz)
    if levels is None:
        return None
    cycles = predict_cycles(levels, work)
    return None if cycles is None else scaled(cycles, 1e-3 / target.clock_mhz, "ms")


def _bounds(row: Mapping[str, Any], targets: list[Target]) -> tuple[float | None, float | None]:
    """Least and most latency in ms that the models allow."""
    found: list[float | None] = []
    for end, name in enumerate(("macs_low", "macs_high")):
        macs = cell_value(row[name])
        values = [
            (estimate.low, estimate.high)[end]
            for target in targets
            for work in ([] if macs is None else _workloads(str(row["kind"]), float(macs), end))
            if (estimate := _latency(target, work)) is not None
        ]
        found.append((max if end else min)(values) if values else None)
    return found[0], found[1]


def _verdict(published: float | None, low: float | None, high: float | None) -> str:
    if published is None or (low is None and high is None):
        return "not comparable"
    if low is not None and published < low:
        return "faster than predicted"
    if high is not None and published > high:
        return "slower than predicted"
    return "not contradicted" if low is None or high is None else "agrees"


def replays() -> list[Replay]:
    """Every deployment and device whose work is stated or bounded, or the reason why not."""
    found = []
    for row in load_table("deployment_models").to_dict("records"):
        key = cell_value(row["platform_key"])
        targets = [] if key is None else _targets(row)
        low, high = _bounds(row, targets)
        powers = [found[0] for found in map(fitted_power, targets) if found is not None]
        published, energy = (
            cell_value(row["published_latency_ms"]),
            cell_value(row["published_energy_mj"]),
        )
        least = min((p.low for p in powers), default=None)
        most = max((p.high for p in powers), default=None)
        found.append(
            Replay(
                str(row["deployment"]),
                "" if key is None else str(key),
                "not in the catalog" if key is None else platforms()[str(key)].name,
                cell_value(row["macs_low"]),
                cell_value(row["macs_high"]),
                str(row["macs_basis"]),
                published,
                low,
                high,
                energy,
                _product(low, least),
                _product(high, most),
                _verdict(published, low, high),
                str(row["source"]),
            )
        )
    return found


def _product(ms: float | None, mw: float | None) -> float | None:
    return None if ms is None or mw is None else ms * mw / 1e3


def _values(text: Any) -> list[tuple[float, float]]:
    """The values of a cell: least and most of each, in the order printed."""
    if cell_value(text) is None:
        return []
    found = []
    for part in str(text).split(";"):
        numbers = [float(n) for n in _NUMBER.findall(part.split("+-")[0])]
        if numbers:
            found.append((min(numbers[:2]), max(numbers[:2])))
    return found


def findings() -> list[Finding]:
    """What the checks find in the 28 rows, on their own."""
    table = load_table("survey_deployments").to_dict("records")
    found = []
    for row in table:
        key = str(row["row_key"])
        chips = [str(k) for k in str(cell_value(row["platform_keys"]) or "").split(";") if k]
        for quantity, why in (
            *_count_checks(row, chips),
            *_speed_checks(row, chips),
            *_power_checks(row, chips),
            *_memory_checks(row, chips),
        ):
            found.append(Finding(key, quantity, why))
    found += _repeats(table)
    found += [
        Finding(r.deployment, "latency_ms", _beyond(r))
        for r in replays()
        if r.verdict in ("faster than predicted", "slower than predicted")
    ]
    return list(dict.fromkeys(found))


def _beyond(replay: Replay) -> str:
    side = "least" if replay.verdict.startswith("faster") else "most"
    limit = replay.predicted_low_ms if side == "least" else replay.predicted_high_ms
    return (
        f"{replay.latency_ms:,.4g} ms on {replay.platform}, the models allow at {side} "
        f"{limit:,.3g} ms for its work ({replay.verdict})"
    )


def _repeats(table: Iterable[Mapping[Any, Any]]) -> Iterator[Finding]:
    """A range that another row prints, too: measured on one device, copied to the other?"""
    seen: dict[tuple[str, tuple[float, float]], list[str]] = {}
    for row in table:
        for quantity, column in (("latency_ms", "latency_ms_text"), ("energy_mj", "power_energy")):
            for value in _values(row[column]):
                if value[0] != value[1]:
                    seen.setdefault((quantity, value), []).append(str(row["row_key"]))
    for (quantity, value), keys in seen.items():
        for key in dict.fromkeys(keys):
            others = sorted(set(keys) - {key})
            if others:
                span = f"{value[0]:g} to {value[1]:g}"
                yield Finding(key, quantity, f"{span} is printed for {', '.join(others)}, too")


def _count_checks(row: Mapping[str, Any], chips: list[str]) -> Iterator[tuple[str, str]]:
    """Values that can't be told apart: not as many as devices, and more than one."""
    devices = max(len(chips), len(str(row["devices"]).split(";")))
    for quantity, text in (
        ("latency_ms", row["latency_ms_text"]),
        ("power_mw", row["power_energy"]),
    ):
        values = _values(text)
        if len(values) not in (0, 1, devices):
            yield quantity, f"{len(values)} values for {devices} devices: which is whose?"


def _speed_checks(row: Mapping[str, Any], chips: list[str]) -> Iterator[tuple[str, str]]:
    """More MACs in a cycle than any of the chips can do, each stored weight used once."""
    memory = _values(row["memory_kb_text"])
    at_most = str(cell_value(row["memory_kb_text"]) or "").startswith("<")
    if not memory or at_most or not chips:
        return
    macs = min(low for low, _ in memory) * KB
    peak = max(_peak_macs_per_ms(chip) for chip in chips)
    for low, _ in _values(row["latency_ms_text"]):
        if low * peak < macs:
            yield (
                "latency_ms",
                f"{macs:,.0f} B of weights used once each need {macs / peak:,.2g} ms at the "
                f"engine's peak, {low:g} ms are printed",
            )


def _peak_macs_per_ms(chip: str) -> float:
    platform = platforms()[chip]
    clock = platform.clock_mhz or 0.0
    core = 0.0 if platform.core is None else _PEAK.get(platform.core.core_class, 2) * clock
    npu = npus().get(chip)
    engine = 0.0 if npu is None else (npu.macs_per_cycle or 512.0) * npu.clock_mhz
    return max(core, engine) * 1e3 or math.inf


def _power_checks(row: Mapping[str, Any], chips: list[str]) -> Iterator[tuple[str, str]]:
    """Power that none of the chips draws while it computes, stated or energy over latency."""
    text = str(cell_value(row["power_energy"]) or "")
    latencies = _values(row["latency_ms_text"])
    for part, value in zip(text.split(";"), _values(text), strict=False):
        in_mj = "mJ" in part
        if in_mj and len(latencies) != len(_values(text)):
            continue
        position = text.split(";").index(part)
        over = latencies[position][1] if in_mj and latencies else 1.0
        power = value[1] * 1e3 / over if in_mj else value[1]
        quantity = "energy_mj" if in_mj else "power_mw"
        if not _LEAST_MW <= power <= _MOST_MW:
            yield quantity, f"{power:.2g} mW while it computes: no microcontroller does"
        elif (limits := _power_limits(chips)) and not limits[0] <= power <= limits[1]:
            board = ": the whole board's?" if power > limits[1] else ""
            yield (
                quantity,
                f"{power:,.3g} mW while it computes, published powers of such chips allow "
                f"{limits[0]:,.2g} to {limits[1]:,.2g} mW{board}",
            )


def _power_limits(chips: list[str]) -> tuple[float, float] | None:
    """Least and most power in mW of any of the chips, from fitted powers (not from these rows)."""
    targets = [target for chip in chips for target in targets_of(chip)]
    powers = [found[0] for found in map(fitted_power, targets) if found is not None]
    npu = any(chip in npus() for chip in chips)
    if not powers or npu:
        return None
    return min(p.low for p in powers) / _POWER_MARGIN, max(p.high for p in powers) * _POWER_MARGIN


def _memory_checks(row: Mapping[str, Any], chips: list[str]) -> Iterator[tuple[str, str]]:
    """More memory than the chips have, or than an engine holds weights."""
    values = _values(row["memory_kb_text"])
    held = [size for chip in chips if (size := _largest_memory(chip)) is not None]
    if values and held and len(held) == len(chips):
        most = max(high for _, high in values) * KB
        if most > min(held):
            yield (
                "memory_kb",
                f"{most / KB:,.0f} kB printed, the smallest device holds {min(held) / KB:,.0f} kB "
                "in one memory: part of it lies outside, or it is a sum",
            )


def _largest_memory(chip: str) -> int | None:
    """The largest memory of a chip; None where its board decides."""
    platform, npu = platforms()[chip], npus().get(chip)
    if npu is not None and npu.weight_memory_bytes is not None:
        return npu.weight_memory_bytes
    if not platform.flash_bytes:
        return None
    return max(platform.flash_bytes, platform.ram_bytes or 0)


def known_suspects() -> dict[str, tuple[str, ...]]:
    """What the table itself flags: quantities by deployment (accuracy left out)."""
    table = load_table("survey_deployments")
    table = table[table["suspect_quantities"].notna()]
    found = {
        str(row["row_key"]): tuple(
            q for q in str(row["suspect_quantities"]).split(";") if q != "metric"
        )
        for row in table.to_dict("records")
    }
    return {key: names for key, names in found.items() if names}
