"""Time on this computer: all frameworks in one process, taking turns, as ratios to LiteRT.

Timings stay apart from results: they differ from run to run and say nothing of a microcontroller.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qnnlab.lab.frameworks.compare import Cell, Comparison
from qnnlab.steps import tell
from qnnlab.values import Value

BASE = "litert_reference"
WARNING = "host time is no time of a microcontroller"
_REPEATS = 15
_TIMEOUT_S = 300
_REASON_LENGTH = 200


@dataclass(frozen=True)
class Timing:
    """Median seconds of one inference and its ratio to LiteRT's reference kernels.

    Both None with a `reason`. Calls from Python are part of each time.
    """

    framework: str
    model: str
    seconds: float | None
    ratio: float | None
    repeats: int
    cpu: str
    reason: str | None = None

    def values(self) -> Iterator[Value]:
        """host_seconds, and host_ratio to BASE, measured."""
        source = f"{self.cpu}, median of {self.repeats} alternated rounds; {WARNING}"
        for name, value, unit in (
            ("host_seconds", self.seconds, "s"),
            ("host_ratio", self.ratio, ""),
        ):
            reason = None if value is not None else self.reason or f"{BASE} was not timed"
            yield Value(name, value, unit, "measured", source, reason)


def time_frameworks(found: Comparison, repeats: int = _REPEATS) -> tuple[Timing, ...]:
    """Time every accepted cell that can run, model by model; the base is BASE."""
    timings: list[Timing] = []
    for place, model in enumerate(found.models):
        tell("timing", place / len(found.models))
        cells = [found[name, model] for name in found.frameworks]
        timings += _timed([cell for cell in cells if _runs(cell)], repeats)
    tell("timing", 1.0)
    return tuple(timings)


def _runs(cell: Cell) -> bool:
    trial = cell.trial
    return trial is not None and trial.artifact is not None and trial.feed is not None


def _timed(cells: Sequence[Cell], repeats: int) -> Iterable[Timing]:
    if not cells:
        return []
    with tempfile.TemporaryDirectory(prefix="qnnlab-", ignore_cleanup_errors=True) as name:
        for place, cell in enumerate(cells):
            assert cell.trial is not None
            assert cell.trial.artifact is not None
            assert cell.trial.feed is not None
            (Path(name) / f"{place}.artifact").write_bytes(cell.trial.artifact)
            np.save(Path(name) / f"{place}.npy", cell.trial.feed[0], allow_pickle=False)
        request = {"frameworks": [cell.framework for cell in cells], "repeats": repeats}
        (Path(name) / "request.json").write_text(json.dumps(request))
        medians = _child(Path(name), len(cells))
    told = dict(zip((cell.framework for cell in cells), medians, strict=True))
    base = told.get(BASE)
    return [_timing(cell, told[cell.framework], base, repeats) for cell in cells]


def _timing(cell: Cell, told: float | str, base: float | str | None, repeats: int) -> Timing:
    if isinstance(told, str):
        reason = " ".join(told.split())[:_REASON_LENGTH]
        return Timing(cell.framework, cell.model, None, None, repeats, host_cpu(), reason)
    ratio = told / base if isinstance(base, float) else None
    return Timing(cell.framework, cell.model, told, ratio, repeats, host_cpu())


def _child(folder: Path, count: int) -> list[float | str]:
    """The medians in seconds, or why there are none."""
    command = [sys.executable, "-m", "qnnlab.lab.frameworks.timing_child", str(folder)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return [f"timing took more than {_TIMEOUT_S} s"] * count
    try:
        found: list[float | str] = json.loads((folder / "result.json").read_text())
    except (OSError, ValueError):
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        return [f"timing failed: {lines[-1]}"] * count
    return found


def host_cpu() -> str:
    """The name of this computer's processor, as far as the system tells it."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    names = [line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line]
    return next(filter(None, names), platform.processor() or platform.machine() or "unknown CPU")
