"""The verdict: what the policy says, what TFLM does, what fits, who answers otherwise."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from qnnlab.errors import ModelFormatError, SpecError
from qnnlab.files import resource
from qnnlab.graph.runtimes import available_runtimes
from qnnlab.graph.tflite import parse_tflite, read_tflite
from qnnlab.lab.verdict import RUN, SAME, Verdict, verdict
from qnnlab.targets import ruling, scheme_of

MODELS = resource("data/mlperf_tiny/models")
GOLDEN = resource("data/golden")
INDEX = pd.read_csv(GOLDEN / "index.csv", keep_default_na=False)

needs_runtimes = pytest.mark.skipif(
    not {"tflm", "litert_reference"} <= set(available_runtimes()),
    reason="the runtimes are not installed here",
)


def _check(found: Verdict, name: str) -> Any:
    return next(check for check in found.checks if check.name == name)


@pytest.mark.parametrize(
    "row", INDEX[INDEX["file"] != ""].to_dict("records"), ids=lambda r: r["file"]
)
def test_the_policy_knows_what_tflm_takes(row: dict[str, str]) -> None:
    """Rows of the table against what TFLM did with each golden model."""
    if row["file"] == "pad_constant.int16x8.tflite":
        pytest.skip("the converter leaves its pad value in float32, which no scheme tells")
    graph = read_tflite(GOLDEN / row["file"])
    rulings = [ruling(graph, operator, "tflm") for operator in graph.operators]
    refused = any(found is None or found.status == "refused" for found in rulings)
    assert refused == (row["tflm"] != "ran"), [
        (str(scheme_of(graph, op)), found)
        for op, found in zip(graph.operators, rulings, strict=True)
    ]


@needs_runtimes
@pytest.mark.parametrize("name", sorted(path.name for path in MODELS.glob("*.tflite")))
def test_the_reference_models_on_a_nano_33(name: str) -> None:
    found = verdict(MODELS / name, "nrf52840")
    hybrid = name == "kws_ref_model_float32.tflite"
    assert found.light(RUN) == ("red" if hybrid else "green")
    assert found.light(SAME) == "yellow"
    assert json.loads(json.dumps(found.to_dict()))["run"] == found.light(RUN)


@needs_runtimes
def test_the_model_that_is_not_what_its_name_says() -> None:
    found = verdict(MODELS / "kws_ref_model_float32.tflite", "nrf52840")
    assert "its name says float32, and it is not" in _check(found, "scheme").finding
    refused = _check(found, "refused by TFLM")
    assert "CONV_2D float32 × int8 per tensor" in refused.finding
    assert "full-integer int8" in refused.remedy
    assert "Hybrid" in _check(found, "trial on TFLM").finding


@needs_runtimes
def test_ram_that_only_our_plan_fits_into() -> None:
    found = verdict(MODELS / "vww_96_int8.tflite", "nrf52840")
    assert "TFLM plans 73,728 B, we 55,296 B" in _check(found, "arena").finding
    assert "qnnlab plan --out" in _check(found, "arena").remedy


@needs_runtimes
def test_a_chip_that_is_too_small() -> None:
    found = verdict(MODELS / "pretrainedResnet_large_int8.tflite", "ti_mspm0g5187")
    assert found.light(RUN) == "red"
    assert "short" in " ".join(check.finding for check in found.checks if check.light == "red")


@needs_runtimes
def test_a_relu6_that_tflm_gets_wrong() -> None:
    found = verdict(GOLDEN / "relu6.int8.tflite")
    wrong = _check(found, "silently wrong on TFLM")
    assert wrong.light == "red"
    assert "clips without rescaling" in wrong.finding
    assert found.light(RUN) == "green"


@needs_runtimes
def test_weight_only_models_per_channel_are_silently_wrong(
    weight_only: Callable[..., bytes], tmp_path: Path
) -> None:
    path = tmp_path / "weight_only.tflite"
    path.write_bytes(weight_only(per_channel=True))
    found = verdict(path)
    wrong = _check(found, "silently wrong on TFLM")
    assert "first scale for all channels" in wrong.finding
    assert _check(found, "trial on TFLM").light == "green"
    assert _check(found, "litert_reference").light == "red"
    path.write_bytes(weight_only(per_channel=False))
    found = verdict(path)
    assert found.light(SAME) == "green"
    assert "silently wrong on TFLM" not in {check.name for check in found.checks}


@pytest.fixture
def weight_only() -> Callable[..., bytes]:
    """Float activations, int8 weights that a DEQUANTIZE widens."""
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    from qnnlab.graph.writing import constant_buffer, packed_model

    def tensor(name: str, kind: str, shape: list[int], buffer: int = 0) -> Any:
        made = schema.TensorT()
        made.name, made.shape, made.buffer = name, shape, buffer
        made.type = getattr(schema.TensorType, kind)
        return made

    def operator(code: int, inputs: list[int], outputs: list[int]) -> Any:
        made = schema.OperatorT()
        made.opcodeIndex, made.inputs, made.outputs = code, inputs, outputs
        return made

    def build(per_channel: bool) -> bytes:
        codes = np.random.default_rng(0).integers(-127, 128, (4, 6)).astype(np.int8)
        weights = tensor("w", "INT8", [4, 6], 1)
        quantization = schema.QuantizationParametersT()
        scales = [0.01, 0.2, 0.03, 0.4] if per_channel else [0.02]
        quantization.scale = np.array(scales, np.float32)
        quantization.zeroPoint = np.zeros(len(scales), np.int64)
        weights.quantization = quantization
        graph, model = schema.SubGraphT(), schema.ModelT()
        graph.tensors = [
            tensor("x", "FLOAT32", [1, 6]),
            weights,
            tensor("wide", "FLOAT32", [4, 6]),
            tensor("y", "FLOAT32", [1, 4]),
        ]
        graph.inputs, graph.outputs = [0], [3]
        dense = operator(1, [0, 2, -1], [3])
        dense.builtinOptions = schema.FullyConnectedOptionsT()
        dense.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
        graph.operators = [operator(0, [1], [2]), dense]
        names = ("DEQUANTIZE", "FULLY_CONNECTED")
        model.operatorCodes = []
        for name, version in zip(names, (2, 1), strict=True):
            code = schema.OperatorCodeT()
            code.builtinCode = getattr(schema.BuiltinOperator, name)
            code.deprecatedBuiltinCode, code.version = code.builtinCode, version
            model.operatorCodes.append(code)
        model.version, model.subgraphs = 3, [graph]
        model.buffers = [schema.BufferT(), constant_buffer(schema, codes.tobytes())]
        content = packed_model(model)
        parse_tflite(content)
        return content

    return build


def test_bad_requests(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="unknown platform 'nrf5284'; did you mean nrf52840"):
        verdict(MODELS / "ad01_int8.tflite", "nrf5284")
    broken = tmp_path / "broken.tflite"
    broken.write_bytes((MODELS / "ad01_int8.tflite").read_bytes()[:5000])
    with pytest.raises(ModelFormatError, match=r"broken\.tflite: "):
        verdict(broken, "nrf52840")
