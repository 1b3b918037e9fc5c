"""Ranking: limits are kept, verdicts come in order, shortages are in bytes."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qnnlab.errors import SpecError
from qnnlab.files import resource
from qnnlab.targets.cost.latency import Estimate
from qnnlab.targets.predict import Prediction
from qnnlab.targets.rank import (
    ORDERS,
    VERDICTS,
    Limits,
    Memory,
    best_of_each,
    candidates,
    judge,
    rank,
)
from qnnlab.targets.subject import read_subject
from qnnlab.targets.target import find_target

VWW = Path(resource("data/mlperf_tiny/models/vww_96_int8.tflite"))
TARGET = find_target("stm32l4r5", "tflm_cmsis_nn")


def judged(limits=Limits(), latency=10.0, left=1000):  # noqa: B008 - frozen
    figure = Estimate(latency, latency / 2, latency * 2, "ms", 0.3, "pair", "")
    prediction = Prediction(TARGET, "fitted", latency_ms=figure)
    return judge(prediction, (Memory("RAM", 10_000, 10_000 - left),), limits)


def test_the_verdict_follows_the_interval():
    assert judged().verdict == "fits"
    assert judged(Limits(latency_ms=30)).verdict == "fits"
    assert judged(Limits(latency_ms=10)).verdict == "unsure"
    found = judged(Limits(latency_ms=4))
    assert (found.verdict, found.limited_by) == ("does not fit", "latency: at least 5 ms")
    assert judged(Limits(energy_mj=4)).verdict == "unsure"


@given(left=st.integers(-(10**6), 10**4))
def test_memory_decides_first(left):
    found = judged(left=left)
    assert (found.verdict == "does not fit") == (left < 0)
    if left < 0:
        assert "short" in found.limited_by


@pytest.mark.parametrize("by", ORDERS)
def test_verdicts_come_in_order(by):
    subject = read_subject(VWW, None, "")
    found = rank(candidates(Limits(family="arm")), subject, Limits(), {}, by)
    places = [VERDICTS.index(option.verdict) for option in found]
    assert places == sorted(places)
    assert len(best_of_each(found)) == len({o.target.platform.key for o in found})


def test_what_does_not_fit_says_by_how_much():
    subject = read_subject(VWW, None, "")
    targets = candidates(Limits(), ("stm32f103",), "tflm_cmsis_nn")
    found = rank(targets, subject, Limits(), {}, "latency")
    assert all(option.verdict == "does not fit" for option in found)
    assert all(option.limited_by.endswith("kB short") for option in found)


def test_limits_leave_out_what_they_should():
    low = candidates(Limits(price="low", family="arm"))
    assert {t.platform.price for t in low} == {"low"}
    assert {t.family for t in low} == {"arm"}


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: Limits(family="x86"), "none of arm"),
        (lambda: Limits(price="free"), "none of low"),
        (lambda: Limits(latency_ms=-1), "give more than 0"),
        (lambda: Limits(energy_mj=float("nan")), "give more than 0"),
        (lambda: candidates(Limits(), ("nrf52840",), "esp_nn"), "no target is left"),
        (lambda: candidates(Limits(), ("nrf5284",)), "did you mean nrf52840"),
        (lambda: rank([], None, Limits(), {}, "beauty"), "none of latency"),
    ],
)
def test_bad_questions_are_answered_in_one_line(call, said):
    with pytest.raises(SpecError, match=said):
        call()
