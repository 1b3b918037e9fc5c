"""A target: platform × core or NPU × runtime × clock × memory placement."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from qnnlab.errors import SpecError, unknown_name
from qnnlab.survey import cell_value, load_table
from qnnlab.targets.cores import Core, Runtime, core_of, cores, find_runtime, runtimes
from qnnlab.targets.cost.observations import levels_of, placement_of

FAMILIES = ("arm", "risc-v", "xtensa", "npu", "other")
PRICES = ("low", "mid", "high")
_KB = 1024


@dataclass(frozen=True)
class Platform:
    """A chip of the catalog; sizes in bytes, clock in MHz, None where unknown.

    `flash_bytes` is 0 where the chip has none of its own.
    """

    key: str
    name: str
    vendor: str
    core: Core | None
    clock_mhz: float | None
    flash_bytes: int | None
    ram_bytes: int | None
    price: str | None
    verified: str
    source: str


@dataclass(frozen=True)
class Npu:
    """An accelerator of a platform, and how its latency is had.

    `how`: fitted (published rows of it), vela (the vendor's compiler), ai8x (an analytic model)
    or peak (its peak and how much of theirs others reach). `config` is what `how` needs to know.
    """

    key: str
    platform_key: str
    title: str
    how: str
    config: str
    clock_mhz: float
    macs_per_cycle: float | None
    weight_types: tuple[str, ...]
    weight_memory_bytes: int | None
    data_memory_bytes: int | None
    runtime: str
    runtime_title: str
    source: str


@dataclass(frozen=True)
class Target:
    """Where a network would run. `runtime` is None for NPUs outside the table of runtimes."""

    platform: Platform
    runtime_key: str
    runtime_title: str
    runtime: Runtime | None
    npu: Npu | None
    clock_mhz: float | None
    placement: str

    @property
    def key(self) -> str:
        """Its name: platform and runtime."""
        return f"{self.platform.key}:{self.runtime_key}"

    @property
    def family(self) -> str:
        """The platform's family as the command line has it."""
        if self.npu is not None:
            return "npu"
        return "other" if self.platform.core is None else self.platform.core.family

    @property
    def engine(self) -> str:
        """What computes."""
        if self.npu is not None:
            return self.npu.title
        return "unknown core" if self.platform.core is None else self.platform.core.title

    @property
    def computing_core(self) -> Core | None:
        """The core whose published rows speak for this target; None for other NPUs."""
        if self.npu is None:
            return self.platform.core
        return cores()[self.npu.config] if self.npu.how == "fitted" else None

    def levels(self) -> dict[str, str] | None:
        """The target's levels in the latency model; None where it has no say."""
        core = self.computing_core
        if core is None or self.runtime is None:
            return None
        return levels_of(core, self.runtime, self.platform.key, self.placement)

    def at(self, clock_mhz: float) -> Target:
        """The same target at another clock: cycles are taken as the same."""
        return replace(self, clock_mhz=clock_mhz)


@lru_cache(maxsize=1)
def platforms() -> Mapping[str, Platform]:
    """The catalog by key."""
    found = {}
    for row in load_table("platforms").to_dict("records"):
        key, flash, ram = str(row["key"]), cell_value(row["flash_kb"]), cell_value(row["sram_kb"])
        clock = cell_value(row["clock_mhz"])
        found[key] = Platform(
            key=key,
            name=str(row["name"]),
            vendor=str(row["vendor"]),
            core=core_of(key, cell_value(row["core"])),
            clock_mhz=None if clock is None else float(clock),
            flash_bytes=None if flash is None else round(float(flash) * _KB),
            ram_bytes=None if ram is None else round(float(ram) * _KB),
            price=cell_value(row["price_class"]),
            verified=str(row["verified"]),
            source=str(row["source"]),
        )
    return found


@lru_cache(maxsize=1)
def npus() -> Mapping[str, Npu]:
    """Accelerators by platform key."""
    found = {}
    for row in load_table("npus").to_dict("records"):
        peak, weights, data = (
            cell_value(row[n]) for n in ("macs_per_cycle", "weight_memory_kb", "data_memory_kb")
        )
        found[str(row["platform_key"])] = Npu(
            key=str(row["row_key"]),
            platform_key=str(row["platform_key"]),
            title=str(row["title"]),
            how=str(row["how"]),
            config=str(cell_value(row["config"]) or ""),
            clock_mhz=float(row["clock_mhz"]),
            macs_per_cycle=None if peak is None else float(peak),
            weight_types=tuple(str(row["weight_types"]).split(";")),
            weight_memory_bytes=None if weights is None else round(float(weights) * _KB),
            data_memory_bytes=None if data is None else round(float(data) * _KB),
            runtime=str(row["runtime"]),
            runtime_title=str(row["runtime_title"]),
            source=str(row["source"]),
        )
    return found


def find_platform(key: str) -> Platform:
    """A platform by key; raises SpecError with the nearest names."""
    if key not in platforms():
        raise SpecError(unknown_name("platform", key, platforms()))
    return platforms()[key]


def _cpu_targets(platform: Platform) -> Iterator[Target]:
    if platform.core is None:
        return
    place = placement_of(None if platform.flash_bytes is None else float(platform.flash_bytes))
    for runtime in runtimes().values():
        if runtime.offered and runtime.runs_on(platform.core, platform.vendor):
            yield Target(
                platform, runtime.key, runtime.title, runtime, None, platform.clock_mhz, place
            )


def targets_of(platform_key: str) -> tuple[Target, ...]:
    """Every way to run a network on a platform: its NPU's first, then its core's runtimes."""
    platform = find_platform(platform_key)
    found: list[Target] = []
    npu = npus().get(platform_key)
    if npu is not None:
        runtime = runtimes().get(npu.runtime)
        title, clock = npu.runtime_title, npu.clock_mhz
        found.append(Target(platform, npu.runtime, title, runtime, npu, clock, "internal_flash"))
    return (*found, *_cpu_targets(platform))


def find_target(platform_key: str, runtime_key: str) -> Target:
    """One target, of any runtime that a core can take, offered or not; raises SpecError."""
    for target in targets_of(platform_key):
        if target.runtime_key == runtime_key:
            return target
    platform = find_platform(platform_key)
    runtime = find_runtime(runtime_key)
    if platform.core is None or not runtime.runs_on(platform.core, platform.vendor):
        able = ", ".join(target.runtime_key for target in targets_of(platform_key)) or "none known"
        raise SpecError(f"{runtime.title} does not run on {platform.name}; it takes: {able}")
    place = placement_of(None if platform.flash_bytes is None else float(platform.flash_bytes))
    return Target(platform, runtime.key, runtime.title, runtime, None, platform.clock_mhz, place)
