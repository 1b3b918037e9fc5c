"""Predictions of targets: what runs gets figures with their kind, what does not says why."""

from pathlib import Path

import pytest

from qnnlab.errors import NoEstimate
from qnnlab.files import resource
from qnnlab.targets.cost.accelerators import ai8x_cycles, peak_latency_ms, peak_shares
from qnnlab.targets.predict import predict
from qnnlab.targets.subject import read_subject
from qnnlab.targets.target import find_target, platforms, targets_of
from qnnlab.targets.vela import NpuEstimate

MODELS = resource("data/mlperf_tiny/models")
_COMPILED = NpuEstimate("ethos-u55-128", "5.2.0", 100_000, 2e-4, 20_000, 60_000, 30, 0)


def subject(name: str):
    return read_subject(Path(MODELS / name), None, "")


@pytest.fixture(scope="module")
def resnet():
    return subject("pretrainedResnet_quant.tflite")


def test_a_published_network_is_met_where_it_was_published(resnet):
    found = predict(find_target("stm32l4r5", "tflm_cmsis_nn"), resnet, {})
    assert found.kind == "estimated"
    assert found.latency_ms.low < 432 < found.latency_ms.high  # MLPerf Tiny v1.0, 1.0-10013
    assert found.energy_mj.unit == "mJ"
    assert resnet.benchmark == "ic"


def test_every_target_answers_with_figures_or_a_reason(resnet):
    for key in platforms():
        for target in targets_of(key):
            found = predict(target, resnet, {"ethos-u55-128": _COMPILED})
            assert found.latency_ms is not None or found.refusal or found.note, target.key
            if found.latency_ms is not None:
                assert 0 < found.latency_ms.low < found.latency_ms.value < found.latency_ms.high


def test_half_the_clock_takes_twice_as_long(resnet):
    target = find_target("nrf52840", "tflm_cmsis_nn")
    fast, slow = (predict(target.at(mhz), resnet, {}) for mhz in (64, 32))
    assert slow.latency_ms.value == pytest.approx(2 * fast.latency_ms.value)
    assert slow.energy_mj.value == pytest.approx(fast.energy_mj.value)


def test_a_compilers_estimate_is_cycles_over_the_npus_clock(resnet):
    target = find_target("ethos_u55", "vela")
    found = predict(target, resnet, {"ethos-u55-128": _COMPILED})
    assert found.latency_ms.value == pytest.approx(100_000 / 500e3)
    assert "assumed" in found.latency_ms.error_note
    assert predict(target, resnet, {"ethos-u55-128": "vela refuses it"}).refusal
    assert "pip install" in predict(target, resnet, {}).note


@pytest.mark.parametrize(
    ("platform", "runtime", "said"),
    [
        ("ethos_u55", "vela", "quantize it first"),
        ("max78000", "ai8x", "quantize it first"),
        ("stm32l4r5", "tflm_cmsis_nn", "quantize it first"),
    ],
)
def test_float_weights_are_refused_with_a_remedy(platform, runtime, said):
    model = subject("kws_ref_model_float32.tflite")
    found = predict(find_target(platform, runtime), model, {})
    assert said in found.refusal
    assert found.latency_ms is None
    assert "\n" not in found.refusal


def test_float_kernels_refuse_what_they_have_no_kernel_for(resnet):
    model = subject("kws_ref_model_float32.tflite")
    found = predict(find_target("stm32l4r5", "tflm_float"), model, {})
    assert "hybrid" in found.refusal
    assert "quantized" in predict(find_target("stm32l4r5", "tflm_float"), resnet, {}).refusal


def test_depthwise_layers_need_the_engine_that_has_groups():
    model = subject("kws_ref_model.tflite")
    assert "MAX78002" in predict(find_target("max78000", "ai8x"), model, {}).refusal
    assert predict(find_target("max78002", "ai8x"), model, {}).latency_ms.value > 0


def test_an_engine_takes_no_fewer_cycles_than_its_peak_allows(resnet):
    assert ai8x_cycles(resnet.graph, "max78000") >= resnet.work.macs / 576


def test_shares_of_peaks_are_shares():
    assert all(0 < share < 1 for share in peak_shares())
    one, two = (peak_latency_ms(macs, 16, 100).value for macs in (1_000_000, 2_000_000))
    assert two == pytest.approx(2 * one)


@pytest.mark.parametrize("path", sorted(resource("data/golden").glob("*.int8.tflite")))
def test_every_kind_of_operator_is_predicted_or_refused_in_one_line(path):
    try:
        model = read_subject(path, None, "")
    except NoEstimate:
        return
    for key in (("stm32l4r5", "tflm_cmsis_nn"), ("max78000", "ai8x"), ("gap8", "gapflow_gap8")):
        target = find_target(*key)
        found = predict(target, model, {})
        assert (found.latency_ms is None) == bool(found.refusal)
        assert "\n" not in found.refusal


def test_an_operator_without_a_cost_is_named_with_a_remedy():
    path = next(resource("data/golden").glob("*lstm*.int8.tflite"))
    with pytest.raises(NoEstimate, match="LSTM: replace it by"):
        read_subject(path, None, "")
