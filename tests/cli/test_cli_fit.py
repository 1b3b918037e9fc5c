"""`qnnlab fit`."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from qnnlab.files import resource

Call = Callable[..., tuple[int, str, str]]
MODELS = resource("data/mlperf_tiny/models")
KWS = MODELS / "kws_ref_model.tflite"
FLOAT = MODELS / "kws_ref_model_float32.tflite"


def test_platforms_are_ranked(call: Call) -> None:
    code, out, _ = call("fit", KWS, "--family", "arm", "--price", "low", "--latency-ms", 100)
    assert code == 0
    assert "STM32F411RE" in out
    assert "latency:" in out
    assert "kB short" in out


def test_json_holds_every_target(call: Call) -> None:
    code, out, _ = call("fit", KWS, "--platform", "nrf52840", "--json")
    assert code == 0
    document = json.loads(out)
    assert {row["platform"] for row in document["options"]} == {"nrf52840"}
    assert len(document["options"]) > 2


def test_a_page_is_written(call: Call, tmp_path: object) -> None:
    page = f"{tmp_path}/fit.html"
    code, out, _ = call("fit", KWS, "--family", "arm", "--html", page)
    assert (code, out.strip()) == (0, page)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((KWS, "--platform", "nrf5284"), "did you mean nrf52840"),
        ((KWS, "--family", "x86"), "none of arm"),
        ((KWS, "--runtime", "nothing", "--platform", "nrf52840"), "no target is left"),
        ((FLOAT, "--platform", "ethos_u55", "--runtime", "vela"), "quantize it first"),
        ((MODELS / "absent.tflite",), "can't be read"),
    ],
)
def test_bad_input_is_one_line(call: Call, arguments: tuple[object, ...], said: str) -> None:
    code, _, err = call("fit", *arguments)
    assert code == 2
    assert said in err
    assert len(err.strip().splitlines()) == 1


def test_a_rate_gives_battery_lives(call: Call) -> None:
    ask = ("fit", KWS, "--platform", "nrf52840", "--per-hour", 60)
    code, out, _ = call(*ask)
    assert code == 0
    assert "days, CR2032" in " ".join(out.split())
    seldom, often = (
        json.loads(call(*ask[:-1], rate, "--json")[1])["options"][0]["duty_cycle"]["cr2032"]
        for rate in (1, 600)
    )
    assert seldom["life_days"] > often["life_days"] > 0


def test_names_that_fit_takes_are_listed(call: Call) -> None:
    assert "nrf52840" in call("list", "chips")[1]
    assert "tflm_cmsis_nn" in call("list", "runtimes")[1]
