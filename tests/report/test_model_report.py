"""A personal report on one model."""

from __future__ import annotations

from pathlib import Path

import pytest

from qnnlab.errors import ModelFormatError
from qnnlab.files import resource
from qnnlab.report.model_report import build_model_report
from qnnlab.report.site import check_links

AD = resource("data/mlperf_tiny/models/ad01_int8.tflite")


@pytest.mark.slow
def test_one_model_gives_a_page_and_a_pdf(tmp_path: Path) -> None:
    out = tmp_path / "ad"
    page = build_model_report(AD, out)
    text = page.read_text()
    assert "Which chip for ad01_int8.tflite?" in text
    assert text.count('class="exhibit"') >= 6
    assert "Traceback" not in text
    assert check_links(out) == []
    assert (out / "report.pdf").read_bytes().startswith(b"%PDF")


def test_what_is_no_model_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(AD.read_bytes()[:500])
    with pytest.raises(ModelFormatError):
        build_model_report(path, tmp_path / "out")
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.tflite"]


def test_the_command_takes_a_model(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from qnnlab.cli import main
    from qnnlab.report import model_report

    asked: list[object] = []

    def instead(model: Path, out: Path | None, parameters: object) -> Path:
        asked.extend((model, out, parameters))
        return tmp_path / "page.html"

    monkeypatch.setattr(model_report, "build_model_report", instead)
    monkeypatch.setattr("sys.argv", ["qnnlab", "report", str(AD), "--emulate"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert not stop.value.code
    assert asked == [Path(str(AD)), None, {"emulate": True}]
    assert "page.html" in capsys.readouterr().out
