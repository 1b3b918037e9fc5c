from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qnnlab.errors import SpecError
from qnnlab.survey import load_table, survey_platforms
from qnnlab.targets import check_fit, fit_platforms, runtime_reserve

KEYS = list(survey_platforms().index)
sizes = st.integers(0, 10**8)


def test_headroom_by_hand() -> None:
    fit = check_fit("ti_mspm0g5187", 20_000, 8_000)
    built = load_table("runtime_code").query("core == 'cortex-m0'")
    code = int(built["code_bytes"].max())
    static = int((built["static_bytes"] + built["stack_bytes"]).max())
    assert fit.flash_headroom_bytes == 128 * 1024 - 20_000 - code
    assert fit.ram_headroom_bytes == 32 * 1024 - 8_000 - static
    assert fit.fits is True


@given(st.sampled_from(KEYS), sizes, sizes)
def test_verdict_follows_from_the_headrooms(key: str, file_bytes: int, arena: int) -> None:
    fit = check_fit(key, file_bytes, arena)
    rooms = [fit.flash_headroom_bytes, fit.ram_headroom_bytes]
    if any(room is not None and room < 0 for room in rooms):
        assert fit.fits is False
    else:
        assert fit.fits is (None if None in rooms else True)


@given(st.sampled_from(KEYS), sizes, sizes, st.integers(0, 10**6))
def test_a_larger_model_never_has_more_room(key: str, file: int, arena: int, more: int) -> None:
    small, large = check_fit(key, file, arena), check_fit(key, file + more, arena + more)
    assert large.ram_headroom_bytes == small.ram_headroom_bytes - more
    if small.fits is False:
        assert large.fits is False


def test_unknown_arena_never_fits_but_can_fail() -> None:
    assert check_fit("nrf52840", 10_000, None).fits is None
    assert check_fit("nrf52840", 10_000_000, None).fits is False
    assert "arena unknown" in check_fit("nrf52840", 10_000, None).note


def test_external_flash_is_not_judged() -> None:
    fit = check_fit("stm32n657", 10_000, 10_000)
    assert fit.flash_headroom_bytes is None
    assert fit.fits is None
    assert "external flash" in fit.note


def test_every_platform_is_answered_in_order() -> None:
    assert [fit.platform_key for fit in fit_platforms(1000, 1000)] == KEYS


def test_assumed_core_is_said() -> None:
    assert "assumed" in runtime_reserve(None).source
    assert "assumed" not in runtime_reserve("cortex-m55").source


def test_unknown_platform_names_the_nearest() -> None:
    with pytest.raises(SpecError, match="nrf52840"):
        check_fit("nrf52", 1, 1)
