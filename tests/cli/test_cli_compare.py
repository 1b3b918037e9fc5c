from __future__ import annotations

import io
from collections.abc import Callable

import pandas as pd
import pytest

from qnnlab.lab import RunStore, Sweep

Call = Callable[..., tuple[int, str, str]]

METHODS = ("-m", "ptq_w8a8_pc_minmax", "-m", "qat_ste_w4a4", "--profile", "smoke")


def test_unknown_method_is_one_line(call: Call) -> None:
    code, out, err = call("compare", "digits", "-m", "qat_ste_w4")
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert "qat_ste_w4" in err


def test_no_task_is_a_usage_error(call: Call) -> None:
    code, _, err = call("compare")
    assert code == 2
    assert "TASKS" in err


@pytest.mark.slow
def test_runs_of_the_store_are_compared(
    call: Call, smoke_study: Sweep, smoke_store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QNNLAB_RUNS", str(smoke_store.root))
    code, out, _ = call("compare", "digits", *METHODS)
    assert code == 0
    assert "digits: accuracy (%), measured, real data" in out
    code, out, _ = call("compare", "digits", *METHODS, "--csv")
    frame = pd.read_csv(io.StringIO(out)).set_index("method")
    by_method = {record.spec.method: record for record in smoke_study.records}
    ste = by_method["qat_ste_w4a4"]
    assert frame.loc["qat_ste_w4a4", "mean"] == pytest.approx(ste["accuracy"].value, abs=1e-3)
    assert frame.loc["qat_ste_w4a4", "gap_low"] == pytest.approx(ste["integer_gap"].value, abs=1e-3)
    lost = ste["accuracy"].value - by_method["float32"]["accuracy"].value
    assert frame.loc["qat_ste_w4a4", "above_float"] == pytest.approx(lost, abs=1e-3)
