"""Deployments replayed: bounds are bounds, and suspect cells are found without being told."""

from hypothesis import given
from hypothesis import strategies as st

from qnnlab.lab.deployments import _verdict, findings, known_suspects, replays
from qnnlab.survey import load_table

VERDICTS = {
    "agrees",
    "faster than predicted",
    "slower than predicted",
    "not contradicted",
    "not comparable",
}


def test_all_deployments_are_replayed_or_say_why_not():
    found = replays()
    assert {row.deployment for row in found} == set(load_table("survey_deployments")["row_key"])
    for row in found:
        assert row.verdict in VERDICTS
        assert row.basis
        if row.predicted_low_ms is not None and row.predicted_high_ms is not None:
            assert 0 < row.predicted_low_ms < row.predicted_high_ms


def test_networks_of_stated_size_agree():
    agreed = {(row.deployment, row.platform_key) for row in replays() if row.verdict == "agrees"}
    for chip in ("stm32h7a3", "stm32l4r9", "apollo4"):
        assert ("moosmann2023tinyissimoyolo__arm", chip) in agreed


def test_suspect_cells_are_found_without_being_told():
    found = {(f.deployment, f.quantity) for f in findings()}
    known = {(key, quantity) for key, names in known_suspects().items() for quantity in names}
    assert ("ibrahim2024end__npu", "energy_mj") in found
    assert len(known & found) >= len(known) - 1


def test_findings_say_what_is_wrong():
    for found in findings():
        assert found.why
        assert found.quantity in ("latency_ms", "energy_mj", "power_mw", "memory_kb")


@given(
    published=st.floats(1e-3, 1e4),
    low=st.none() | st.floats(1e-3, 1e4),
    more=st.none() | st.floats(0, 1e4),
)
def test_verdicts_follow_from_bounds(published, low, more):
    high = None if more is None else (low or 0) + more
    found = _verdict(published, low, high)
    if low is None and high is None:
        assert found == "not comparable"
    elif low is not None and published < low:
        assert found == "faster than predicted"
    elif high is not None and published > high:
        assert found == "slower than predicted"
    else:
        assert found == ("agrees" if low is not None and high is not None else "not contradicted")
