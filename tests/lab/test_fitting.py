"""From a file to ranked targets."""

import json

import pytest

from qnnlab.errors import ModelFormatError, SpecError
from qnnlab.files import resource
from qnnlab.lab.emulated_fit import RUNTIME, with_emulation
from qnnlab.lab.fitting import Question, fit_model, options_frame, subject_of

AD = resource("data/mlperf_tiny/models/ad01_int8.tflite")


@pytest.fixture(scope="module")
def found():
    return fit_model(AD, Question(platforms=("stm32l4r5", "nrf52840", "esp32c3")))


def test_the_answer_is_json_with_kinds_units_and_sources(found):
    document = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert document["benchmark"] == "ad"
    for row in document["options"]:
        assert row["source"]
        assert row["latency"]["kind"] == "estimated"
        assert row["latency"]["low"] < row["latency"]["value"] < row["latency"]["high"]
        assert row["latency"]["error_note"]
    assert {row["kind"] for row in document["published"]} == {"quoted"}


def test_the_frame_has_a_row_a_target(found):
    frame = options_frame(found.options)
    assert len(frame) == len(found.options)
    assert (frame["latency_ms_low"] < frame["latency_ms_high"]).all()


def test_the_arena_is_measured_where_tflm_runs_it():
    subject = subject_of(AD)
    assert subject.arena_bytes > 0
    assert "tflm" in subject.arena_source


def test_one_clock_and_placement_for_all():
    asked = Question(
        platforms=("stm32l4r5",),
        runtime="tflm_cmsis_nn",
        clock_mhz=60,
        placement="external_flash",
    )
    (option,) = fit_model(AD, asked).options
    assert option.target.clock_mhz == 60
    assert [memory.name for memory in option.memories] == ["RAM"]


def test_a_clock_that_the_chip_does_not_have_is_refused():
    with pytest.raises(SpecError, match="reaches 64"):
        fit_model(AD, Question(platforms=("nrf52840",), clock_mhz=100))


def test_a_file_that_is_no_model_is_refused(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(AD.read_bytes()[:2000])
    with pytest.raises(ModelFormatError, match="corrupt"):
        fit_model(path)


def test_emulated_rows_lie_beside_the_others(found):
    pytest.importorskip("unicorn", reason="needs the firmware extra")
    emulated = [o for o in with_emulation(found).options if o.prediction.kind == "emulated"]
    assert {option.target.platform.key for option in emulated} == {"stm32l4r5", "nrf52840"}
    for option in emulated:
        assert option.target.runtime_key == RUNTIME
        assert option.prediction.latency_ms.knowledge == "emulated"
