"""What happens when a model runs on a target: latency, power, energy, or why it does not run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from qnnlab.errors import NoEstimate
from qnnlab.targets.cost.accelerators import ai8x_cycles, factored_latency_ms, peak_latency_ms
from qnnlab.targets.cost.energy import (
    DEFAULT_VOLTAGE,
    catalog_power,
    energy,
    predict_power,
    published_voltage,
)
from qnnlab.targets.cost.latency import Estimate, predict_cycles, scaled
from qnnlab.targets.policy import ruling
from qnnlab.targets.subject import Subject
from qnnlab.targets.target import Npu, Target
from qnnlab.targets.vela import NpuEstimate
from qnnlab.values import Kind

#: What the compiler said of one configuration: its estimate, or its refusal in one line.
Compiled = Mapping[str, NpuEstimate | str]

METHODS = {
    "fitted": "mixed-effects model of published latencies",
    "vela": "estimate of Arm's compiler Vela",
    "ai8x": "analytic model of the CNN engine",
    "peak": "share of the peak that other accelerators reach",
    "emulated": "instructions counted in an emulator × cycles for one",
}
# Whose operators the table of accepted operators speaks of.
_POLICY = {
    "cmsis_nn": "cmsis_nn",
    "tflm_reference": "tflm",
    "tflm_float": "tflm",
    "esp_nn": "tflm",
    "tflm_andes": "tflm",
    "tflm_rx": "tflm",
    "tflm_mvp": "tflm",
}
_FLOAT_REMEDY = "quantize it first (full integer int8) or choose a runtime with float kernels"


@dataclass(frozen=True)
class Prediction:
    """What a model does on a target.

    `refusal` says in one line why it does not run there, and what would; figures are then None.
    A latency that can't be said is None too, and `note` says why. `kind` is that of the latency.
    """

    target: Target
    method: str
    kind: Kind = "estimated"
    refusal: str = ""
    latency_ms: Estimate | None = None
    power_mw: Estimate | None = None
    energy_mj: Estimate | None = None
    voltage_v: float | None = None
    note: str = ""
    compiled: NpuEstimate | None = field(default=None, compare=False)


def predict(target: Target, subject: Subject, compiled: Compiled) -> Prediction:
    """Predict one target; `compiled` holds Vela's answers by configuration."""
    method = "fitted" if target.npu is None else target.npu.how
    refusal = refusal_of(target, subject)
    if refusal:
        return Prediction(target, method, refusal=refusal)
    found = compiled.get(target.npu.config) if target.npu is not None else None
    if method == "vela" and isinstance(found, str):
        return Prediction(target, method, refusal=found)
    try:
        latency = _latency_ms(target, subject, found if isinstance(found, NpuEstimate) else None)
    except NoEstimate as error:
        return Prediction(target, method, refusal=str(error))
    note = "" if latency is not None else _why_silent(target)
    result = Prediction(target, method, latency_ms=latency, note=note)
    return _with_energy(result, found if isinstance(found, NpuEstimate) else None)


def with_latency(target: Target, latency_ms: Estimate, method: str, kind: Kind) -> Prediction:
    """A prediction whose latency was had elsewhere, such as in an emulator."""
    return _with_energy(Prediction(target, method, kind, latency_ms=latency_ms), None)


def _with_energy(prediction: Prediction, compiled: NpuEstimate | None) -> Prediction:
    target, latency = prediction.target, prediction.latency_ms
    power, voltage = power_of(target)
    joules = None if latency is None or power is None else energy(latency, power)
    fields = vars(prediction) | {
        "power_mw": power,
        "energy_mj": joules,
        "voltage_v": voltage,
        "compiled": compiled,
    }
    return Prediction(**fields)


def refusal_of(target: Target, subject: Subject) -> str:
    """Why a target does not take a model, with a remedy; empty where it does."""
    if target.npu is not None:
        return _npu_refusal(target.npu, subject)
    runtime = target.runtime
    if runtime is None:
        return ""
    if subject.in_float and runtime.weights == "int8":
        return f"{runtime.title} computes in int8, the model in float32: {_FLOAT_REMEDY}"
    if not subject.in_float and runtime.weights == "float32":
        return f"{runtime.title} is for float32 models, this one is quantized: choose another"
    return _operator_refusal(target, subject)


def _npu_refusal(npu: Npu, subject: Subject) -> str:
    if subject.in_float and not any(t.startswith("float") for t in npu.weight_types):
        taken = " and ".join(npu.weight_types)
        return (
            f"{npu.title} takes {taken} weights, the model computes in float32: "
            "quantize it first (full integer int8)"
        )
    return ""


def _operator_refusal(target: Target, subject: Subject) -> str:
    assert target.runtime is not None
    runtime = _POLICY.get(target.runtime.family)
    if runtime is None:
        return ""
    for operator in subject.graph.operators:
        found = ruling(subject.graph, operator, runtime)
        if found is None and runtime != "tflm":
            found = ruling(subject.graph, operator, "tflm")
        if found is None or found.status == "refused":
            why = "it has no kernel for it" if found is None else found.reason
            remedy = "replace the operator" if found is None or not found.remedy else found.remedy
            return f"{target.runtime_title} refuses {operator.name}: {why}: {remedy}"
    return ""


def _latency_ms(target: Target, subject: Subject, compiled: NpuEstimate | None) -> Estimate | None:
    if target.clock_mhz is None:
        return None
    npu = target.npu
    if npu is not None and npu.how == "vela":
        cycles = None if compiled is None else float(compiled.cycles)
        return None if cycles is None else factored_latency_ms("vela", cycles, target.clock_mhz)
    if npu is not None and npu.how == "ai8x":
        cycles = ai8x_cycles(subject.graph, target.platform.key)
        return factored_latency_ms("ai8x", cycles, target.clock_mhz)
    if npu is not None and npu.how == "peak":
        assert npu.macs_per_cycle is not None
        return peak_latency_ms(subject.work.macs, npu.macs_per_cycle, target.clock_mhz)
    levels, runtime = target.levels(), target.runtime
    if levels is None or runtime is None:
        return None
    cycles_there = predict_cycles(levels, subject.work, runtime.removes_dead_channels)
    return None if cycles_there is None else scaled(cycles_there, 1e-3 / target.clock_mhz, "ms")


def _why_silent(target: Target) -> str:
    if target.clock_mhz is None:
        return "its clock is not in the catalog"
    if target.npu is not None and target.npu.how == "vela":
        return "needs Arm's compiler: pip install qnnlab[npu]"
    return f"no latency was ever published for a core like {target.engine}"


def fitted_power(target: Target) -> tuple[Estimate, float] | None:
    """Active power in mW from published energies with a stated voltage, and that voltage (V)."""
    levels, clock = target.levels(), target.clock_mhz
    if levels is None or clock is None:
        return None
    voltage = published_voltage(target.platform.key) or DEFAULT_VOLTAGE
    found = predict_power(levels, clock, voltage)
    return None if found is None else (found, voltage)


def power_of(target: Target) -> tuple[Estimate | None, float | None]:
    """Active power in mW while it computes, and the supply voltage taken (V).

    Fitted where energies of the chip were published; else what deployments quote of the chip,
    unless it is more than relatives of its core draw: that is a whole board's; else fitted on
    those relatives.
    """
    fitted, quoted = fitted_power(target), catalog_power(target.platform.key)
    if fitted is None:
        return quoted, None
    power, voltage = fitted
    if power.knowledge != "pair" and quoted is not None and quoted.value <= power.high:
        return quoted, None
    return power, voltage
