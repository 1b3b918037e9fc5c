"""Emulated rows of `qnnlab fit`: generated C runs on an emulated core, its cycles follow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from qnnlab.codegen import CORES
from qnnlab.graph.integer.reader import integer_graph
from qnnlab.lab.bench import CoreRun, bench_model, random_codes
from qnnlab.lab.fitting import Fitting
from qnnlab.targets.cost.emulated import emulated_cycles
from qnnlab.targets.cost.latency import Estimate
from qnnlab.targets.predict import with_latency
from qnnlab.targets.rank import Memory, Option, in_order, judge
from qnnlab.targets.target import Platform, Target, find_target

RUNTIME = "generated_c"
# Cores whose instructions are another's.
_SAME_INSTRUCTIONS = {"cortex-m0plus": "cortex-m0"}


def emulated_name(core: str) -> str | None:
    """The emulated core that stands for a core of the catalog; None where there is none."""
    name = _SAME_INSTRUCTIONS.get(core, core)
    return name if name in CORES and CORES[name].emulated else None


def with_emulation(found: Fitting, seed: int = 0) -> Fitting:
    """The answer with one more row a platform: C made for its core, counted in an emulator.

    Each core runs the model once on an input at random (`seed`). Raises UnsupportedModel where
    the model has no integer form; cores that can't be built for give no row.
    """
    chips = {o.target.platform.key: o.target for o in found.options if o.target.npu is None}
    cores = {key: _core(target.platform) for key, target in chips.items()}
    graph = integer_graph(found.subject.graph)
    names = sorted({name for name in map(emulated_name, cores.values()) if name})
    runs = {run.core: run for run in bench_model(graph, names, random_codes(graph, 1, seed))}
    added = [
        option
        for key, target in chips.items()
        for option in _option(target, cores[key], runs, found)
    ]
    options = in_order([*found.options, *added], found.question.by)
    return replace(found, options=tuple(options))


def _core(platform: Platform) -> str:
    return "" if platform.core is None else platform.core.key


def _option(
    like: Target, core: str, runs: Mapping[str, CoreRun], found: Fitting
) -> Iterable[Option]:
    """The row of one platform, at the clock and placement that the others have; or none."""
    name = emulated_name(core)
    run = None if name is None else runs[name]
    if run is None or run.firmware is None or like.clock_mhz is None:
        return
    latency = emulated_latency(core, run, like.clock_mhz)
    if latency is None:
        return
    target = find_target(like.platform.key, RUNTIME)
    target = replace(target, clock_mhz=like.clock_mhz, placement=like.placement)
    prediction = with_latency(target, latency, "emulated", "emulated")
    yield judge(prediction, _memories(target, run), found.question.limits)


def emulated_latency(core: str, run: CoreRun, clock_mhz: float) -> Estimate | None:
    """Latency in ms of a bench run on a core of the catalog; None for a core without timings."""
    counted = run.first.instructions, run.first.classes
    cycles = emulated_cycles(core, *counted) or emulated_cycles(run.core, *counted)
    if cycles is None:
        return None
    value, low, high, source = cycles
    factor = 1e-3 / clock_mhz
    return Estimate(value * factor, low * factor, high * factor, "ms", 0.0, "emulated", source)


def _memories(target: Target, run: CoreRun) -> tuple[Memory, ...]:
    assert run.firmware is not None
    flash = run.firmware.code_bytes + run.firmware.constant_bytes
    ram = run.firmware.static_bytes + run.first.stack_bytes
    there = Memory("RAM", target.platform.ram_bytes, ram)
    if target.placement == "external_flash":
        return (there,)
    return Memory("flash", target.platform.flash_bytes, flash), there
