"""Which chip for a model: measure its arena, ask Arm's compiler, rank the targets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from qnnlab.errors import QnnlabError, SpecError
from qnnlab.graph.tflite import read_tflite
from qnnlab.lab.measure import arena_value, try_runtime
from qnnlab.steps import tell
from qnnlab.targets.cost.duty import DutyCycle, batteries, busy_share, duty_cycle, sleep_power
from qnnlab.targets.cost.observations import observations
from qnnlab.targets.rank import Limits, Option, candidates, rank
from qnnlab.targets.subject import Subject, read_subject
from qnnlab.targets.target import Target
from qnnlab.targets.vela import NpuEstimate, kept_estimate

_AT_ONCE = 2


@dataclass(frozen=True)
class Question:
    """What is asked: limits, and which targets at which clock and placement (None: as they are)."""

    limits: Limits = field(default_factory=Limits)
    platforms: tuple[str, ...] = ()
    runtime: str | None = None
    clock_mhz: float | None = None
    placement: str | None = None
    by: str = "latency"

    def targets(self) -> list[Target]:
        """The targets that are asked about; raises SpecError."""
        found = candidates(self.limits, self.platforms, self.runtime)
        if self.clock_mhz is not None:
            found = [_clocked(target, self.clock_mhz) for target in found]
        if self.placement is not None:
            found = [replace(target, placement=self.placement) for target in found]
        return found


def _clocked(target: Target, clock_mhz: float) -> Target:
    most = target.clock_mhz
    if not clock_mhz > 0 or (most is not None and clock_mhz > most):
        limit = "" if most is None else f", {target.platform.name} reaches {most:g}"
        raise SpecError(f"a clock of {clock_mhz:g} MHz can't be had: more than 0{limit}")
    return target.at(clock_mhz)


@dataclass(frozen=True)
class Fitting:
    """The answer: the model and every target in order."""

    subject: Subject
    question: Question
    options: tuple[Option, ...]

    def to_dict(self, inferences_an_hour: float | None = None) -> dict[str, Any]:
        """A JSON object; with a rate, each target's average power and battery life are in it."""
        subject, options = self.subject, [found.to_dict() for found in self.options]
        if inferences_an_hour is not None:
            for row, found in zip(options, self.options, strict=True):
                lives = duty_cycles(found, inferences_an_hour)
                row["duty_cycle"] = {name: asdict(life) for name, life in lives.items()}
        return {
            "file": subject.path.name,
            "file_bytes": subject.file_bytes,
            "arena_bytes": subject.arena_bytes,
            "arena_source": subject.arena_source,
            "macs": subject.work.macs,
            "benchmark": subject.benchmark,
            "options": options,
            "published": self.published().to_dict("records"),
        }

    def published(self) -> pd.DataFrame:
        """Published latencies (quoted) of this same network, where it is one of MLPerf Tiny."""
        rows = [
            {
                "platform": row.levels["platform"],
                "runtime": row.levels["runtime"],
                "latency_ms": row.cycles / row.clock_mhz / 1e3,
                "clock_mhz": row.clock_mhz,
                "round": row.group["round"],
                "submitter": row.group["submitter"],
                "kind": "quoted",
                "source": row.source,
            }
            for row in observations()
            if row.origin == "mlperf" and row.benchmark == self.subject.benchmark
        ]
        return pd.DataFrame(rows, columns=None if rows else _PUBLISHED)


_PUBLISHED = ["platform", "runtime", "latency_ms", "clock_mhz", "round", "submitter", "kind",
              "source"]  # fmt: skip


def subject_of(path: Path | str) -> Subject:
    """Read a .tflite file and let TFLM measure its arena.

    Raises ModelFormatError where it is no model, NoEstimate where an operator can't be counted.
    """
    path = Path(path)
    read_tflite(path)
    arena = arena_value(try_runtime(path.read_bytes(), None, "tflm"))
    found = None if arena.value is None else int(arena.value)
    return read_subject(path, found, arena.source)


def compile_for(path: Path, targets: Iterable[Target]) -> dict[str, NpuEstimate | str]:
    """Vela's answer for each configuration that `targets` need: an estimate or its refusal."""
    wanted = {t.npu.config for t in targets if t.npu is not None and t.npu.how == "vela"}
    done = 0

    def ask(config: str) -> tuple[str, NpuEstimate | str]:
        nonlocal done
        try:
            answer: NpuEstimate | str = kept_estimate(path, config)
        except QnnlabError as error:
            answer = str(error)
        done += 1
        tell("Arm's NPU compiler", done / len(wanted))
        return config, answer

    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        return dict(pool.map(ask, sorted(wanted)))


def fit_subject(subject: Subject, question: Question) -> Fitting:
    """Rank the targets of a question for a model that was read."""
    targets = question.targets()
    if not subject.in_float and question.runtime is None:
        targets = [t for t in targets if t.runtime is None or t.runtime.weights != "float32"]
    compiled = {} if subject.in_float else compile_for(subject.path, targets)
    options = rank(targets, subject, question.limits, compiled, question.by)
    return Fitting(subject, question, tuple(options))


def fit_model(path: Path | str, question: Question | None = None) -> Fitting:
    """Rank targets for the .tflite file at `path`; see `subject_of` and `Question` for errors."""
    asked = question or Question()
    asked.targets()
    return fit_subject(subject_of(path), asked)


def duty_cycles(option: Option, inferences_an_hour: float) -> dict[str, DutyCycle]:
    """Average power and battery life of a target at a rate, by battery.

    Empty where its energy or its chip's sleep current is not known, or where so many inferences
    do not fit into an hour.
    """
    latency, joules = option.prediction.latency_ms, option.prediction.energy_mj
    sleep = sleep_power(option.target.platform.key)
    if latency is None or joules is None or sleep is None:
        return {}
    if busy_share(inferences_an_hour, latency.value) > 1:
        return {}
    return {
        name: duty_cycle(joules.value, latency.value, sleep[0], inferences_an_hour, name)
        for name in batteries()
    }


def options_frame(options: Sequence[Option]) -> pd.DataFrame:
    """One row a target: what `qnnlab fit` shows, sizes in bytes, figures with their intervals."""
    rows = []
    for found in options:
        p, target = found.prediction, found.target
        row: dict[str, Any] = {
            "platform_key": target.platform.key,
            "platform": target.platform.name,
            "engine": target.engine,
            "family": target.family,
            "runtime": target.runtime_title,
            "clock_mhz": target.clock_mhz,
            "price": target.platform.price,
            "verdict": found.verdict,
            "limited_by": found.limited_by,
            "method": p.method,
            "kind": p.kind,
        }
        for name, figure in (("latency_ms", p.latency_ms), ("energy_mj", p.energy_mj)):
            row[name] = None if figure is None else figure.value
            row[f"{name}_low"] = None if figure is None else figure.low
            row[f"{name}_high"] = None if figure is None else figure.high
        rows.append(row)
    return pd.DataFrame(rows)
