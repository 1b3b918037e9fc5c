"""Estimates of the NPU compiler, and what it says when it can't."""

from __future__ import annotations

from pathlib import Path

import pytest

from qnnlab.errors import MissingExtra, QnnlabError, SpecError
from qnnlab.files import resource
from qnnlab.targets import vela
from qnnlab.targets.vela import npu_estimate

KWS = resource("data/mlperf_tiny/models/kws_ref_model.tflite")


def test_a_model_on_two_accelerators() -> None:
    pytest.importorskip("ethosu", reason="needs the npu extra")
    small, large = (npu_estimate(KWS, f"ethos-u55-{size}") for size in (32, 256))
    assert small.cycles > large.cycles > 0
    assert small.cpu_operators == 0
    assert small.npu_operators > 10
    assert 0 < large.flash_bytes < KWS.stat().st_size


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("ethosu", reason="needs the npu extra")
    path = tmp_path / "broken.tflite"
    path.write_bytes(b"not a model")
    with pytest.raises(QnnlabError, match="vela refuses it"):
        npu_estimate(path)


def test_unknown_accelerator_and_missing_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SpecError, match="'ethos-u99' is none of ethos-u55-32"):
        npu_estimate(KWS, "ethos-u99")

    def absent(name: str) -> str:
        raise vela.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(vela.metadata, "version", absent)
    with pytest.raises(MissingExtra, match=r"pip install qnnlab\[npu\]"):
        npu_estimate(KWS)
