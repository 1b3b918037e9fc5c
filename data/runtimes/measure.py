"""Measure the rows of policy.csv anew: `python data/runtimes/measure.py [--check] [OPERATOR…]`.

For each row that says `measured` for TFLM or LiteRT, a model of its one operator runs in that
runtime and in float. With --check, prints the rows whose status is now otherwise and ends with 1
if there are any; without, writes status and source back to policy.csv.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from operators import CASES, MAP, Array, Case, Operand, Scheme, Tensor, drawn, dtype_of, grid_of

from qnnlab.errors import ModelFormatError, RuntimeFault
from qnnlab.files import write_atomic
from qnnlab.graph.runtimes import RuntimeRun, run_models, runtime_version
from qnnlab.graph.tflite import parse_tflite
from qnnlab.graph.writing import constant_buffer, packed_model, tflite_schema

POLICY = Path(__file__).resolve().parent / "policy.csv"
#: The interpreter behind a runtime of the table, and its package.
INTERPRETERS = {"tflm": "tflm", "litert": "litert_optimized"}
PACKAGES = {"tflm": "tflite-micro", "litert": "ai-edge-litert"}
#: What a float model runs in: the reference kernels, or the others where those lack the operator.
FLOAT_INTERPRETERS = ("litert_reference", "litert_optimized")
UNREGISTERED = "Didn't find op"

#: Largest deviation from the float result that is still `runs`: output steps of a quantized
#: output, absolute for a float one. Other outputs must be equal.
STEPS = {"int8": 3.5, "uint8": 3.5, "int16": 300.0, "int32": 300.0}
ABSOLUTE = 0.5

BATCH = 100
BATCH_SECONDS = 300
MODEL_SECONDS = 30

schema = tflite_schema()
#: Tables of options by name without case and underscores.
TABLES = {name[:-8].lower(): name[:-1] for name in dir(schema) if name.endswith("OptionsT")}
BOOLEAN = frozenset(name for name, case in CASES.items() if case.boolean)

Row = dict[str, str]


@dataclass(frozen=True)
class Trial:
    """A model to run, its input, and the same in float, or the answer where that is known.

    The inputs are None for a model of constants.
    """

    model: bytes
    inputs: Array | None
    output: Tensor
    float_model: bytes
    float_inputs: Array | None
    answer: Array | None


#: For an operator of which only the registration is asked.
PLAIN = Case((Operand("data", MAP), Operand("output", MAP)))


class Finding(NamedTuple):
    """`detail`: the runtime's own words or the deviation from float."""

    status: str
    detail: str


def _tensors(case: Case, scheme: Scheme, to: str) -> list[Tensor]:
    """The operands of a case as tensors, with the same random values each time."""
    random = np.random.default_rng(zlib.crc32("/".join((*scheme, to)).encode()))
    tensors: list[Tensor] = []
    for operand in case.operands:
        dtype = dtype_of(operand, scheme, to)
        scale, zero_point = grid_of(case, operand, scheme, dtype) or (None, 0)
        tensor = Tensor(operand.role, dtype, operand.shape, None, scale, zero_point, operand.axis)
        if operand.values is not None:
            fixed = np.asarray(operand.values, dtype).reshape(operand.shape)
            tensor = replace(tensor, stored=fixed)
        elif operand.role not in ("output", "state"):
            tensor = replace(tensor, stored=drawn(tensor, case.positive, random))
        later = any(other.role == "data" for other in tensors)
        if (operand.role == "data" and later) or (operand.role == "weights" and not scheme.weights):
            tensor = replace(tensor, via="RESHAPE")
        tensors.append(tensor)
    return tensors


class _Builder:
    """A .tflite model, tensor by tensor."""

    def __init__(self) -> None:
        self.model = schema.ModelT()
        self.graph = schema.SubGraphT()
        self.model.version = 3
        self.model.subgraphs, self.model.operatorCodes = [self.graph], []
        self.model.buffers = [schema.BufferT()]
        self.graph.tensors, self.graph.operators = [], []
        self.graph.inputs, self.graph.outputs = [], []

    def tensor(self, tensor: Tensor, constant: bool) -> int:
        """Add a tensor, with its stored values where it is constant; its index."""
        made = schema.TensorT()
        index = len(self.graph.tensors)
        made.name, made.hasRank = f"t{index}".encode(), True
        made.shape = np.array(tensor.shape, np.int32)
        made.type = getattr(schema.TensorType, tensor.dtype.upper())
        made.isVariable = tensor.role == "state"
        made.buffer = 0
        if tensor.scale is not None:
            made.quantization = schema.QuantizationParametersT()
            made.quantization.scale = tensor.scale.astype(np.float32)
            made.quantization.zeroPoint = np.full(tensor.scale.size, tensor.zero_point, np.int64)
            made.quantization.quantizedDimension = tensor.axis
        if constant and tensor.stored is not None:
            made.buffer = len(self.model.buffers)
            self.model.buffers.append(constant_buffer(schema, _stored_bytes(tensor)))
        self.graph.tensors.append(made)
        return index

    def operator(self, name: str, inputs: list[int], outputs: list[int], case: Case) -> None:
        """Add an operator behind those there are."""
        code, made = schema.OperatorCodeT(), schema.OperatorT()
        code.builtinCode = getattr(schema.BuiltinOperator, name)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        code.version = case.version
        made.opcodeIndex = len(self.model.operatorCodes)
        made.inputs, made.outputs = inputs, outputs
        table = TABLES.get((case.table or name).replace("_", "").lower(), "")
        if table:
            options = getattr(schema, table + "T")()
            for field, value in case.options.items():
                setattr(options, field, value)
            # Newer operators have their options in a second union.
            first = hasattr(schema.BuiltinOptions, table)
            kinds = schema.BuiltinOptions if first else schema.BuiltinOptions2
            suffix = "" if first else "2"
            setattr(made, f"builtinOptions{suffix}Type", getattr(kinds, table))
            setattr(made, f"builtinOptions{suffix}", options)
        self.model.operatorCodes.append(code)
        self.graph.operators.append(made)


def _stored_bytes(tensor: Tensor) -> bytes:
    stored = np.ascontiguousarray(tensor.stored)
    if tensor.dtype != "int4":
        return stored.tobytes()
    nibbles = stored.astype(np.uint8).ravel() & 15
    if nibbles.size % 2:
        nibbles = np.append(nibbles, np.uint8(0))
    return bytes(nibbles[0::2] | nibbles[1::2] << 4)


def _build(name: str, case: Case, tensors: Iterable[Tensor]) -> bytes:
    """The model of one operator, behind those that compute its operands."""
    builder = _Builder()
    inputs: list[int] = []
    outputs: list[int] = []
    for tensor in tensors:
        fed = tensor.role == "data" and not tensor.via
        index = builder.tensor(tensor, constant=not fed)
        if tensor.via:
            made = replace(tensor, stored=None)
            if tensor.via == "DEQUANTIZE":
                made = replace(made, dtype="float32", scale=None)
            source, index = index, builder.tensor(made, constant=False)
            options = {"newShape": list(tensor.shape)} if tensor.via == "RESHAPE" else {}
            # Version 6 takes int4.
            maker = Case((), options, version=6 if tensor.via == "DEQUANTIZE" else 1)
            builder.operator(tensor.via, [source], [index], maker)
        (outputs if tensor.role == "output" else inputs).append(index)
        if fed:
            builder.graph.inputs.append(index)
    builder.graph.outputs = outputs
    builder.operator(name, inputs, outputs, case)
    return packed_model(builder.model)


def _trials(scheme: Scheme) -> list[Trial]:
    """The models that tell about a scheme: several for conversions, none without a case."""
    name, activations, weights, _ = scheme
    dequantized = name == "DEQUANTIZE" and bool(weights)
    # A constant is dequantized for a layer to use.
    name = "CONV_2D" if dequantized else name
    case = CASES.get(name)
    if activations == "any" and case and case.boolean:
        scheme = scheme._replace(activations="bool")
    elif activations == "any":
        case, scheme = case or PLAIN, scheme._replace(activations="float32")
    if case is None or (weights and not any(one.role == "weights" for one in case.operands)):
        return []
    trials = []
    for to in case.destinations:
        if to == activations:
            continue
        tensors = _tensors(case, scheme, to)
        if dequantized:
            tensors = [
                replace(one, via="DEQUANTIZE") if one.role == "weights" else one for one in tensors
            ]
        trials.append(_trial(name, case, tensors))
    return trials


def _trial(name: str, case: Case, tensors: list[Tensor]) -> Trial:
    output = next(tensor for tensor in tensors if tensor.role == "output")
    model = _build(name, case, tensors)
    float_model = _build(name, case, [tensor.as_float() for tensor in tensors])
    fed = next((tensor for tensor in tensors if tensor.role == "data"), None)
    if fed is None or fed.stored is None:
        return Trial(model, None, output, float_model, None, None)
    real = fed.real(fed.stored)
    answer = None
    if case.truth:
        answer = case.truth(real)
        answer = answer if output.scale is not None else answer.astype(output.dtype)
    return Trial(model, fed.stored[np.newaxis], output, float_model, real[np.newaxis], answer)


Job = tuple[bytes, Array | None]


def _run(jobs: Sequence[Job], runtime: str) -> Iterator[RuntimeRun | RuntimeFault]:
    """Run all jobs; one that never ends costs its batch, which then runs model by model."""
    for start in range(0, len(jobs), BATCH):
        batch = jobs[start : start + BATCH]
        try:
            yield from run_models(batch, runtime, timeout_s=BATCH_SECONDS)
        except RuntimeFault:
            yield from (_alone(job, runtime) for job in batch)


def _alone(job: Job, runtime: str) -> RuntimeRun | RuntimeFault:
    try:
        return run_models([job], runtime, timeout_s=MODEL_SECONDS)[0]
    except RuntimeFault as fault:
        return fault


def _answers(trials: Sequence[Trial]) -> list[Array | None]:
    """What each trial should give; None where no float model runs either."""
    answers = [trial.answer for trial in trials]
    for runtime in FLOAT_INTERPRETERS:
        open_ = [place for place, answer in enumerate(answers) if answer is None]
        jobs = [(trials[place].float_model, trials[place].float_inputs) for place in open_]
        for place, result in zip(open_, _run(jobs, runtime), strict=True):
            if isinstance(result, RuntimeRun):
                answers[place] = result.outputs
    return answers


def _judge(trial: Trial, answer: Array | None, result: RuntimeRun | RuntimeFault) -> Finding:
    if isinstance(result, RuntimeFault):
        return Finding("refused", str(result))
    if answer is None or result.outputs is None:
        return Finding("runs", "values were not compared")
    output = trial.output
    if result.outputs.size != answer.size:
        return Finding("wrong", f"{result.outputs.size} values in place of {answer.size}")
    given = output.real(result.outputs.reshape(output.shape)).astype(np.float64)
    wanted = answer.reshape(output.shape).astype(np.float64)
    step, limit, unit = 1.0, 0.0, ""
    if output.scale is not None:
        step, limit, unit = float(output.scale[0]), STEPS[output.dtype], " output steps"
        ends = np.iinfo(output.dtype)
        low, high = ((end - output.zero_point) * step for end in (ends.min, ends.max))
        wanted = np.clip(wanted, low, high)
    elif output.dtype == "float32":
        # Some tables hold no value above 1.
        limit = min(ABSOLUTE, 0.1 * float(np.abs(wanted).max(initial=0.0)))
    deviation = np.abs(given - wanted) / step
    worst = float(np.where(np.isnan(deviation), np.inf, deviation).max(initial=0.0))
    return Finding("wrong" if worst > limit else "runs", f"{worst:.3g}{unit} from float")


def _sum_up(row: Row, findings: Sequence[Finding]) -> Finding:
    """One status of a row: the worst that ran, else refused."""
    if _asks_registration(row):
        missing = UNREGISTERED in findings[0].detail
        return findings[0]._replace(status="refused" if missing else "runs")
    order = {"wrong": 0, "runs": 1, "refused": 2}
    return min(findings, key=lambda finding: order[finding.status])


def _asks_registration(row: Row) -> bool:
    return row["activations"] == "any" and row["operator"] not in BOOLEAN


def _scheme(row: Row) -> Scheme:
    return Scheme(*(row[column] for column in Scheme._fields))


def _readable(trials: Sequence[Trial]) -> bool:
    try:
        for trial in trials:
            parse_tflite(trial.model)
            parse_tflite(trial.float_model)
    except ModelFormatError as error:
        print(f"unreadable model: {error}", file=sys.stderr)
        return False
    return True


def measure(rows: Sequence[Row]) -> dict[str, Finding]:
    """What is found for each row, by its key; rows without a case are left out."""
    schemes = {scheme: _trials(scheme) for scheme in dict.fromkeys(map(_scheme, rows))}
    schemes = {scheme: found for scheme, found in schemes.items() if found and _readable(found)}
    trials = [trial for found in schemes.values() for trial in found]
    answers = dict(zip(map(id, trials), _answers(trials), strict=True))
    findings: dict[str, Finding] = {}
    for runtime, interpreter in INTERPRETERS.items():
        mine = [row for row in rows if row["runtime"] == runtime and _scheme(row) in schemes]
        pairs = [(row, trial) for row in mine for trial in schemes[_scheme(row)]]
        results = _run([(trial.model, trial.inputs) for _, trial in pairs], interpreter)
        judged: dict[str, list[Finding]] = {row["row_key"]: [] for row in mine}
        for (row, trial), result in zip(pairs, results, strict=True):
            finding = _judge(trial, answers[id(trial)], result)
            if finding.status == "refused" and (
                _asks_registration(row) or row["status"] != "refused"
            ):
                # Of a batch, TFLM's words may be about another model.
                alone = _alone((trial.model, trial.inputs), interpreter)
                finding = _judge(trial, answers[id(trial)], alone)
            judged[row["row_key"]].append(finding)
        findings |= {row["row_key"]: _sum_up(row, judged[row["row_key"]]) for row in mine}
    return findings


def _updated(row: Row, finding: Finding) -> Row:
    runtime = row["runtime"]
    version = runtime_version(INTERPRETERS[runtime])
    made = {**row, "source": f"measured with {PACKAGES[runtime]} {version}"}
    if finding.status != row["status"]:
        # The old words explain the old status.
        remedy = "" if finding.status == "runs" else row["remedy"]
        made |= {"status": finding.status, "reason": finding.detail, "remedy": remedy}
    return made


def _text(rows: Sequence[Row]) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def main() -> int:
    """Measure, report, and write unless only a check was asked for."""
    parser = argparse.ArgumentParser(description="Measure the rows of policy.csv anew.")
    parser.add_argument("operators", nargs="*", metavar="OPERATOR", help="default: all")
    parser.add_argument("--check", action="store_true", help="report only, write nothing")
    parser.add_argument("--runtime", choices=INTERPRETERS)
    asked = parser.parse_args()
    with POLICY.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    wanted = [
        row
        for row in rows
        if row["verified"] == "measured"
        and row["runtime"] in ([asked.runtime] if asked.runtime else INTERPRETERS)
        and (not asked.operators or row["operator"] in asked.operators)
    ]
    if not wanted:
        parser.error("no measured row is about these operators")
    findings = measure(wanted)
    changed = 0
    for row in wanted:
        finding = findings.get(row["row_key"])
        if finding is None:
            print(f"no case: {row['row_key']}")
        elif finding.status != row["status"]:
            changed += 1
            print(f"{row['row_key']}: {row['status']} -> {finding.status} ({finding.detail})")
    print(f"{len(findings)} of {len(wanted)} rows measured, {changed} changed")
    if asked.check:
        return int(changed > 0)
    done = [
        _updated(row, findings[k]) if (k := row["row_key"]) in findings else row for row in rows
    ]
    write_atomic(POLICY, _text(done))
    return 0


if __name__ == "__main__":
    sys.exit(main())
