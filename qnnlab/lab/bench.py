"""A network on the bench of emulated cores: answers, executed instructions, memory, cycles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.codegen import CORES, generate, operator_function
from qnnlab.errors import QnnlabError
from qnnlab.graph.integer.costs import graph_macs, op_macs
from qnnlab.graph.integer.execute import run_integer
from qnnlab.graph.integer.model import IntegerGraph
from qnnlab.steps import tell
from qnnlab.targets.bench import BenchRun, Firmware, build_firmware, run_firmware
from qnnlab.targets.bench.cycles import cycle_source, estimate_cycles
from qnnlab.values import Kind, Value

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class CoreRun:
    """One model on one core.

    `runs` has one entry an input; `differing` counts the inputs whose answer is not the integer
    executor's, byte for byte. Where the core could not run it, `reason` says why and the rest is
    empty.
    """

    core: str
    macs: int
    firmware: Firmware | None
    runs: tuple[BenchRun, ...]
    differing: int
    reason: str | None = None

    @property
    def first(self) -> BenchRun:
        """The run of the first input; counts vary little with the input."""
        return self.runs[0]

    def values(self) -> Iterator[Value]:
        """The figures, each with unit, kind and source."""
        if self.firmware is None:
            reason = self.reason or ""
            yield Value("instructions", None, "instructions", "emulated", self.core, reason)
            return
        model, source = self.firmware.model, f"{self.core}, {self.firmware.compiler}"
        count, macs = self.first.instructions, max(self.macs, 1)
        figures: tuple[tuple[str, float, str, Kind], ...] = (
            ("instructions", count, "instructions", "emulated"),
            ("instructions_per_mac", count / macs, "1", "emulated"),
            ("code_bytes", self.firmware.code_bytes, "B", "measured"),
            ("weight_bytes", model.weight_bytes, "B", "measured"),
            ("constant_bytes", self.firmware.constant_bytes, "B", "measured"),
            ("arena_bytes", model.arena_bytes, "B", "measured"),
            ("static_bytes", self.firmware.static_bytes, "B", "measured"),
            ("stack_bytes", max(run.stack_bytes for run in self.runs), "B", "emulated"),
            ("inputs", len(self.runs), "inputs", "emulated"),
            ("inputs_differing", self.differing, "inputs", "emulated"),
        )
        for name, value, unit, kind in figures:
            yield Value(name, value, unit, kind, source)
        for name, share in self.first.mix.items():
            yield Value(f"{name}_instructions", share, "instructions", "emulated", source)
        cycles = estimate_cycles(self.firmware.core, self.first)
        if cycles is not None:
            table = cycle_source(self.firmware.core)
            for name, value in zip(("cycles_low", "cycles_high"), cycles, strict=True):
                yield Value(name, value, "cycles", "estimated", table)


def emulated_cores() -> tuple[str, ...]:
    """The cores that an emulator is known for, installed or not."""
    return tuple(core.name for core in CORES.values() if core.emulated)


def random_codes(graph: IntegerGraph, count: int, seed: int = 0) -> NDArray[Any]:
    """Input codes at random over their whole range, (count, …)."""
    source = graph.activations[graph.input]
    rng = np.random.default_rng(seed)
    shape = (count, *source.shape)
    return rng.integers(source.code_low, source.code_high, shape, source.dtype, endpoint=True)


def bench_model(
    graph: IntegerGraph,
    cores: Iterable[str],
    codes: NDArray[Any],
    compiler: str = "zig",
) -> list[CoreRun]:
    """Generate, compile and run `graph` on each of `cores`, once for each of `codes` (n, …).

    A core that this computer cannot compile for or emulate is reported in its row, as is a model
    that cannot be generated; an unknown core is a SpecError.
    """
    expected = run_integer(graph, codes).reshape(len(codes), -1)
    names = [CORES[core].name for core in cores]
    made = []
    for position, name in enumerate(names):
        tell("bench", position / len(names))
        made.append(_run(graph, name, codes, expected, compiler))
    tell("bench", 1.0)
    return made


def _run(
    graph: IntegerGraph, core: str, codes: NDArray[Any], expected: NDArray[Any], compiler: str
) -> CoreRun:
    macs = graph_macs(graph)
    try:
        firmware = build_firmware(generate(graph, core), compiler=compiler)
        runs = tuple(run_firmware(firmware, codes))
    except QnnlabError as error:
        return CoreRun(core, macs, None, (), 0, str(error))
    differing = sum(
        not np.array_equal(run.outputs, answer) for run, answer in zip(runs, expected, strict=True)
    )
    return CoreRun(core, macs, firmware, runs, differing)


def bench_frame(runs: Sequence[CoreRun]) -> pd.DataFrame:
    """One row a core, one column a figure; `reason` where there is none."""
    import pandas as pd

    rows = [
        {"core": run.core, **{v.name: v.value for v in run.values()}, "reason": run.reason}
        for run in runs
    ]
    return pd.DataFrame(rows)


def operators_frame(runs: Iterable[CoreRun], graph: IntegerGraph) -> pd.DataFrame:
    """Executed instructions by core and operator, with MACs where the operator has any."""
    import pandas as pd

    rows = []
    for run in runs:
        counts = run.first.by_operator if run.runs else {}
        for position, op in enumerate(graph.ops):
            count = counts.get(operator_function(position, op))
            if count is None:
                continue
            macs = op_macs(graph, op)
            rows.append(
                {
                    "core": run.core,
                    "operator": position,
                    "kind": op.kind,
                    "name": op.name,
                    "instructions": count,
                    "share_pct": 100 * count / run.first.instructions,
                    "macs": macs,
                    "instructions_per_mac": count / macs if macs else None,
                }
            )
    return pd.DataFrame(rows)
