"""Before flashing: will this model run on that chip, and will it answer the same?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from qnnlab.graph.memory import plan_memory
from qnnlab.graph.model import Graph, Operator
from qnnlab.graph.parameters import dequantized_constants, weight_of
from qnnlab.graph.runtimes import RuntimeRun
from qnnlab.graph.tflite import read_tflite
from qnnlab.lab.inputs import Samples, load_samples, random_samples
from qnnlab.lab.measure import Outcome, try_runtime
from qnnlab.lab.rosetta import CONTENDERS, Answer, rosetta
from qnnlab.numerics.agreement import agreement
from qnnlab.targets import KB, check_fit, ruling, scheme_of
from qnnlab.values import Kind

Light = Literal["green", "yellow", "red"]
_LIGHTS: tuple[Light, ...] = ("green", "yellow", "red")

RUN = "will it run"
SAME = "will it answer the same"

# Compared with TFLM, and why one would.
_OTHERS = {
    "litert_reference": "LiteRT's reference kernels",
    "litert_optimized": "LiteRT without a delegate",
    "litert_xnnpack": "LiteRT as it comes, with XNNPACK; X-CUBE-AI rounds like it",
    "ours_float_rescale": "TinyEngine and TinyMaix, which rescale in floating point",
}
_SAMPLES = 64
# Codes that follow from rounding alone move a few answers; more than this is another model.
_FLIPS_PCT = 25.0
_FLOAT_PCT = 5.0


@dataclass(frozen=True)
class Check:
    """One thing looked at: its `light`, what was found, and what to do about it.

    `question` is RUN or SAME. `kind` says whether the finding was measured here, quoted from the
    table that `source` names, or estimated.
    """

    question: str
    name: str
    light: Light
    finding: str
    kind: Kind
    source: str
    remedy: str = ""


@dataclass(frozen=True)
class Verdict:
    """The answer for one model and target; `target` is None where none was named."""

    file: str
    target: str | None
    checks: tuple[Check, ...]

    def light(self, question: str | None = None) -> Light:
        """The worst light of all checks, or of those of one question."""
        found = [c.light for c in self.checks if question in (None, c.question)]
        return max(found, key=_LIGHTS.index, default="yellow")

    def to_dict(self) -> dict[str, Any]:
        """The verdict as a JSON object."""
        return {
            "file": self.file,
            "target": self.target,
            "light": self.light(),
            "run": self.light(RUN),
            "same": self.light(SAME),
            "checks": [asdict(check) for check in self.checks],
        }


def verdict(path: Path | str, target: str | None = None, data: Path | str | None = None) -> Verdict:
    """Judge the .tflite model at `path` for a platform of Table II, with samples of `data`.

    Without `data`, answers are compared on random inputs. Raises ModelFormatError for a file that
    can't be read, SpecError for an unknown target and DataError for data that do not fit.
    """
    path = Path(path)
    graph = read_tflite(path)
    model = path.read_bytes()
    if target is not None:
        check_fit(target, 0, 0)
    samples = _samples(graph, data)
    inputs = None if samples is None else samples.inputs[:1]
    run = try_runtime(model, inputs, "tflm")
    checks = [
        _scheme_check(graph, path.stem),
        *_operator_checks(graph),
        _trial(run),
        *_kernel_checks(graph),
        *_memory_checks(graph, model, run, target),
    ]
    if samples is not None:
        checks += _answer_checks(model, samples)
    return Verdict(path.name, target, tuple(checks))


def _samples(graph: Graph, data: Path | str | None) -> Samples | None:
    if data is not None:
        return load_samples(data, graph)
    if len(graph.inputs) != 1:
        return None
    kind = graph.tensors[graph.inputs[0]].dtype
    return (
        random_samples(graph, _SAMPLES) if kind in ("int8", "int16", "uint8", "float32") else None
    )


def _grouped(found: Sequence[tuple[Operator, str]]) -> Iterator[tuple[str, str]]:
    """Which operators, for each reason: "operators 0, 2 and 4"."""
    by_reason: dict[str, list[int]] = {}
    for operator, reason in found:
        by_reason.setdefault(reason, []).append(operator.index)
    for reason, indices in by_reason.items():
        shown = ", ".join(map(str, indices[:6])) + (", …" if len(indices) > 6 else "")
        yield f"operator{'s' if len(indices) > 1 else ''} {shown}", reason


def _scheme_check(graph: Graph, name: str) -> Check:
    """What the weights and activations really are, whatever the file is called."""
    sources = dequantized_constants(graph)
    weights = {w.dtype for op in graph.operators if (w := weight_of(graph, op, sources))}
    outputs = {graph.tensors[i].dtype for op in graph.operators for i in op.outputs}
    data = outputs & {"int8", "int16", "uint8", "float32"}
    text = f"weights {_listed(weights)}, activations {_listed(data)}"
    mixed = "float32" in data and bool(weights - {"float32"})
    claims = any(part in name.lower() for part in ("float32", "fp32"))
    if mixed and claims:
        text += ": its name says float32, and it is not"
    remedy = "convert to full-integer int8" if mixed else ""
    light: Light = "yellow" if mixed else "green"
    return Check(RUN, "scheme", light, text, "measured", "the .tflite file", remedy)


def _listed(names: set[str]) -> str:
    return " and ".join(sorted(names)) or "none"


def _operator_checks(graph: Graph) -> Iterator[Check]:
    """TFLM's policy, operator by operator."""
    problems: dict[tuple[str, str, str], list[tuple[Operator, str]]] = {}
    for operator in graph.operators:
        row = ruling(graph, operator, "tflm")
        if row is not None and row.status == "runs":
            continue
        reason = row.reason if row else "TFLM does not register this operator"
        key = (
            "wrong" if row and row.status == "wrong" else "refused",
            row.remedy if row else "replace the operator, or write a kernel for it",
            row.source if row else "data/runtimes/policy.csv: no row",
        )
        text = f"{scheme_of(graph, operator)}: {reason}"
        problems.setdefault(key, []).append((operator, text))
    for (status, remedy, source), found in problems.items():
        for where, text in _grouped(found):
            question, word = (
                (SAME, "silently wrong on TFLM") if status == "wrong" else (RUN, "refused by TFLM")
            )
            yield Check(question, word, "red", f"{where}: {text}", "quoted", source, remedy)
    if not problems:
        count = len(graph.operators)
        yield Check(
            RUN, "operators", "green", f"TFLM accepts all {count}", "quoted", "runtime policy"
        )


def _trial(run: Outcome) -> Check:
    if isinstance(run, RuntimeRun):
        return Check(RUN, "trial on TFLM", "green", "it ran", "measured", f"tflm {run.version}")
    absent = "not installed" in run
    return Check(
        RUN,
        "trial on TFLM",
        "yellow" if absent else "red",
        run,
        "measured",
        "tflm",
        "install qnnlab[runtimes]" if absent else "see the operators above",
    )


def _kernel_checks(graph: Graph) -> Iterator[Check]:
    """CMSIS-NN: what it speeds up, and where it is stricter than TFLM's own kernels."""
    rows = [(operator, ruling(graph, operator, "cmsis_nn")) for operator in graph.operators]
    refused = [
        (op, f"{scheme_of(graph, op)}: {r.reason}") for op, r in rows if r and r.status == "refused"
    ]
    for where, text in _grouped(refused):
        remedy = next(r.remedy for _, r in rows if r and r.status == "refused")
        yield Check(
            RUN,
            "refused by CMSIS-NN",
            "red",
            f"{where}: {text}",
            "quoted",
            "runtime policy",
            remedy,
        )
    heavy = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV", "BATCH_MATMUL")
    slow = [op.name for op, r in rows if r is None and op.name in heavy]
    fast = sum(r is not None and r.status == "runs" for _, r in rows)
    light: Light = "yellow" if slow else "green"
    yield Check(
        RUN,
        "CMSIS-NN kernels",
        light,
        f"{fast} of {len(rows)} operators have one"
        + (f"; {', '.join(sorted(set(slow)))} run in TFLM's portable code" if slow else ""),
        "quoted",
        "runtime policy",
        "quantize weights and activations to int8" if slow else "",
    )


def _memory_checks(graph: Graph, model: bytes, run: Outcome, target: str | None) -> Iterator[Check]:
    plan = plan_memory(graph)
    taken = run.activation_bytes if isinstance(run, RuntimeRun) else None
    if taken is None:
        text = f"our plan needs {plan.peak_bytes:,} B for activations; TFLM's is not known"
    else:
        text = f"activations: TFLM plans {taken:,} B, we {plan.peak_bytes:,} B"
    saves = taken is not None and plan.peak_bytes < taken
    yield Check(
        RUN,
        "arena",
        "green",
        text,
        "estimated" if taken is None else "measured",
        "memory planner" if taken is None else "TFLM and memory planner",
        "qnnlab plan --out writes ours into the file for TFLM" if saves else "",
    )
    if target is None:
        return
    arena = run.arena_bytes if isinstance(run, RuntimeRun) else None
    planned = plan.peak_bytes
    if arena is not None and taken is not None:
        planned += arena - taken
    yield from _fit_checks(target, len(model), arena, planned)


def _fit_checks(target: str, file_bytes: int, arena: int | None, planned: int) -> Iterator[Check]:
    """`arena`: as TFLM takes it; `planned`: the same with our plan of the activations."""
    fit = check_fit(target, file_bytes, planned if arena is None else arena)
    for name, size, needed, room in (
        ("flash", fit.flash_bytes, fit.flash_needed_bytes, fit.flash_headroom_bytes),
        ("RAM", fit.ram_bytes, fit.ram_needed_bytes, fit.ram_headroom_bytes),
    ):
        if size is None or needed is None or room is None:
            yield Check(RUN, name, "yellow", f"not known for {fit.platform}", "quoted", fit.note)
            continue
        sure = name == "flash" or arena is not None
        light: Light = "red" if room < 0 else "green" if sure else "yellow"
        word = "short" if room < 0 else "free"
        text = f"{needed / KB:,.1f} of {size / KB:,.0f} kB, {abs(room) / KB:,.1f} kB {word}"
        least = "" if sure else "; at least: TFLM's own structures are not counted"
        remedy = _room_remedy(target, name, planned) if room < 0 else ""
        yield Check(RUN, name, light, text + least, "estimated", fit.note, remedy)


def _room_remedy(target: str, name: str, planned: int) -> str:
    better = check_fit(target, 0, planned)
    if name == "RAM" and (better.ram_headroom_bytes or -1) >= 0:
        needs = (better.ram_needed_bytes or 0) / KB
        return f"qnnlab plan --out: with our memory plan it needs {needs:,.1f} kB and fits"
    return f"a smaller model, fewer bits or a platform with more {name}"


def _answer_checks(model: bytes, samples: Samples) -> Iterator[Check]:
    """TFLM against the others on the same samples."""
    asked = ("tflm", *(name for name in CONTENDERS if name in _OTHERS))
    table = rosetta(model, samples, asked)
    mine = table["tflm"]
    if mine.outputs is None:
        text = f"TFLM does not answer: {mine.reason}"
        yield Check(SAME, "answers", "yellow", text, "measured", mine.source)
        return
    for name, title in _OTHERS.items():
        other = table[name]
        if other.outputs is None:
            if not name.startswith("ours_"):
                yield Check(
                    SAME, name, "yellow", f"no answer: {other.reason}", "measured", other.source
                )
            continue
        yield _compared(name, title, mine, other, samples)


def _compared(name: str, title: str, mine: Answer, other: Answer, samples: Samples) -> Check:
    assert mine.outputs is not None
    assert other.outputs is not None
    first, second = (a.reshape(len(a), -1) for a in (mine.outputs, other.outputs))
    source = f"{mine.source}, {other.source}; {samples.source}"
    kind: Kind = "emulated" if name.startswith("ours_") else "measured"
    if first.dtype.kind == "f":
        light, text, remedy = _float_comparison(first, second)
    else:
        light, text, remedy = _code_comparison(first, second)
    return Check(SAME, name, light, f"{text} ({title})", kind, source, remedy)


def _float_comparison(first: NDArray[Any], second: NDArray[Any]) -> tuple[Light, str, str]:
    span = float(np.ptp(second)) or 1.0
    share = 100.0 * float(np.abs(first - second).max()) / span
    if share == 0:
        return "green", "the same numbers", ""
    text = f"differs by up to {share:.2g} % of the outputs' range"
    if share > _FLOAT_PCT:
        return "red", text, "TFLM computes another model: see the operators above"
    return "green", text, ""


def _code_comparison(first: NDArray[Any], second: NDArray[Any]) -> tuple[Light, str, str]:
    if first.dtype != second.dtype:
        return "red", f"{first.dtype} here, {second.dtype} there", ""
    found = agreement(first, second)
    if found.identical_pct == 100.0:
        return "green", "the same codes", ""
    flips = 100.0 * found.argmax_flips / len(first)
    codes = f"{found.max_difference:.0f} code{'s' if found.max_difference > 1 else ''}"
    text = (
        f"{found.identical_pct:.1f} % of the samples the same, at most {codes} apart, "
        f"{found.argmax_flips} of {len(first)} with another largest output"
    )
    if flips > _FLIPS_PCT:
        return "red", text, "this is more than rounding: qnnlab rosetta --layers shows where"
    return "yellow", text, "measure accuracy on the runtime that will be flashed"
