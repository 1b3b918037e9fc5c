"""Targets: every platform of the catalog can be asked about, and refusals say what to do."""

import pytest

from qnnlab.errors import SpecError
from qnnlab.targets.cores import core_of, cores, find_runtime, published_runtime, runtimes
from qnnlab.targets.target import FAMILIES, find_platform, find_target, npus, platforms, targets_of

# It is the accelerator of a family of chips, without a core of its own.
_WITHOUT_CORE = {"ti_npu"}


def test_every_platform_has_a_target():
    silent = {key for key in platforms() if not targets_of(key)}
    assert silent == _WITHOUT_CORE


def test_targets_have_a_family_and_levels_where_a_core_computes():
    for key in platforms():
        for target in targets_of(key):
            assert target.family in FAMILIES
            assert (target.levels() is None) == (target.computing_core is None)


def test_a_core_is_found_in_the_wording_of_the_catalog():
    core = core_of("max78000", "Cortex-M4F + RISC-V")
    assert core is not None
    assert core.key == "cortex-m4"
    assert core_of("nothing", "a slide rule") is None


def test_runtimes_need_what_they_say():
    m4, m0 = cores()["cortex-m4"], cores()["cortex-m0plus"]
    assert find_runtime("x_cube_ai_9_0").runs_on(m4, "ST")
    assert not find_runtime("x_cube_ai_9_0").runs_on(m4, "Nordic")
    assert not find_runtime("plumerai_2023").runs_on(m0, "ST")
    assert all(runtime.needs for runtime in runtimes().values())


def test_another_clock_keeps_the_target():
    target = find_target("nrf52840", "tflm_cmsis_nn")
    assert target.at(32.0).clock_mhz == 32.0
    assert target.at(32.0).key == target.key


def test_npus_belong_to_platforms():
    assert set(npus()) <= set(platforms())


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: find_platform("nrf52480"), "nrf52840"),
        (lambda: find_runtime("tflm_cmsis"), "tflm_cmsis_nn"),
        (lambda: find_target("nrf52840", "esp_nn"), "does not run on"),
    ],
)
def test_wrong_names_are_answered_with_the_right_ones(call, said):
    with pytest.raises(SpecError, match=said):
        call()


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("X-CUBE-AI 10.2.0", "x_cube_ai"),
        ("Plumerai 2025.01", "plumerai"),
        ("Bosch HALE 2.0", "hale"),
        ("X-CUBE-AI 9.0", "x_cube_ai"),
    ],
)
def test_a_new_version_is_of_the_family_of_the_old(name, family):
    found = published_runtime(name)
    assert found is not None
    assert found.family == family


def test_an_unknown_runtime_is_not_guessed():
    assert published_runtime("TFLM + something else") is None
    assert published_runtime("hls4ml") is None
