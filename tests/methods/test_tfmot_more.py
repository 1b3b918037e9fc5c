"""What collaborative optimization of tfmot says that it preserves, it preserves."""

from __future__ import annotations

from typing import Any

import pytest
from tiny_jobs import tiny_job

from qnnlab.errors import MethodError
from qnnlab.graph.stored import float_bytes, weights_of
from qnnlab.graph.tflite import parse_tflite
from qnnlab.lab.stored import stored_values
from qnnlab.methods import FAMILIES, Compressed
from qnnlab.tasks.architectures import cnn_1d, mlp


def applied(family: str, **settings: Any) -> Compressed:
    return FAMILIES[family].apply(tiny_job(mlp, (16,), epochs=4), settings)


def figures(found: Compressed) -> dict[str, Any]:
    return {value.name: value.value for value in found.values}


def test_nothing_to_preserve_is_refused() -> None:
    with pytest.raises(MethodError, match="both 0"):
        applied("tfmot_collaborative", sparsity_pct=0, clusters=0, quantize="qat")


@pytest.mark.slow
def test_zeros_are_preserved() -> None:
    found = figures(applied("tfmot_collaborative", sparsity_pct=75, clusters=0, quantize="qat"))
    assert found["zeros_before_pct"] == pytest.approx(75, abs=0.5)
    assert found["zeros_after_pct"] >= found["zeros_before_pct"]


@pytest.mark.slow
@pytest.mark.parametrize("quantize", ["ptq", "qat"])
def test_clusters_are_preserved(quantize: str) -> None:
    found = figures(applied("tfmot_collaborative", sparsity_pct=0, clusters=8, quantize=quantize))
    assert found["most_values_before"] <= 8
    assert found["most_codes_a_channel"] <= 8


@pytest.mark.slow
def test_both_are_preserved() -> None:
    found = figures(applied("tfmot_collaborative", sparsity_pct=75, clusters=8, quantize="qat"))
    assert found["zeros_after_pct"] >= found["zeros_before_pct"] > 74
    assert found["most_codes_a_channel"] <= 8


@pytest.mark.slow
def test_few_bits_lie_packed_in_the_file() -> None:
    job = tiny_job(cnn_1d, (16, 2))
    found = FAMILIES["tfmot_n_bit"].apply(job, {"weight_bits": 4})
    assert found.tflite is not None
    weights = weights_of(parse_tflite(found.tflite))
    assert {held.bits for held in weights} == {4}
    assert sum(held.runtime_bytes for held in weights) < sum(held.dense_bytes for held in weights)
    assert figures(found)["most_codes_a_layer"] <= 15
    assert float_bytes(weights) == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "settings"), [("tfmot_n_bit", {"weight_bits": 4}), ("tfmot_qat", {})]
)
def test_dense_layers_before_a_batch_norm_are_said_to_stay_float(
    family: str, settings: dict[str, Any]
) -> None:
    """tfmot folds no batch norm behind a dense layer, which then stays float in the file."""
    found = FAMILIES[family].apply(tiny_job(mlp, (16,), epochs=1), settings)
    assert found.tflite is not None
    figures = {value.name: value.value for value in stored_values(parse_tflite(found.tflite))}
    assert figures["float_weight_bytes"] == 4 * (16 * 64 + 64 * 64)
