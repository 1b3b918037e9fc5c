"""The report, end to end: built, rebuilt, killed in the middle and resumed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT

from qnnlab.errors import DataError, ReportError, SpecError
from qnnlab.lab import RunStore, Sweep
from qnnlab.lab.study import study_specs
from qnnlab.report.build import build_report, read_config
from qnnlab.report.site import check_links

CONFIG = ROOT / "reports/report.yaml"


def _config(tmp_path: Path, old: str, new: str) -> Path:
    """The report's configuration with all methods, and `old` replaced by `new`."""
    text = re.sub(r"methods:\n(  - \w+\n)+", "methods: all\n", CONFIG.read_text(), count=1)
    assert old in text
    path = tmp_path / "report.yaml"
    path.write_text(text.replace(old, new))
    return path


@pytest.mark.slow
def test_report_is_complete_and_offline(
    smoke_study: Sweep,
    smoke_ladder: Sweep,
    smoke_store: RunStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("QNNLAB_RUNS", str(smoke_store.root))
    site = tmp_path / "site"
    site.mkdir()
    (site / "stale.html").write_text("from an older report")
    built = build_report(profile="smoke", out=site, config=CONFIG)
    assert built.failed == ()
    assert built.index == site / "index.html"
    methods = read_config(CONFIG).methods
    chosen = [record for record in smoke_study.records if record.spec.method in methods]
    specs = {record.spec for record in (*chosen, *smoke_ladder.records)}
    assert f"{len(specs)} runs reused, 0 run now, 0 failed" in capsys.readouterr().err
    assert not (site / "stale.html").exists()
    assert check_links(site) == []
    assert (site / "report.pdf").read_bytes().startswith(b"%PDF")
    assert len(json.loads((site / "records.json").read_text())) == len(specs)
    for page in ("01_methods_compared", "02_platforms_compared", "07_tasks"):
        html = (site / f"{page}.html").read_text()
        exhibits = html.count('class="exhibit"')
        captions = re.findall(r"<figcaption.*?</figcaption>", html, re.DOTALL)
        assert exhibits == len(captions) >= 3
        assert all('class="kind kind-' in caption for caption in captions)
        assert "Traceback" not in html
    index = (site / "index.html").read_text()
    assert "tflite-micro" in index
    assert "of 13" in index
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.slow
def test_killed_in_the_middle_it_resumes(tmp_path: Path) -> None:
    environment = {**os.environ, "QNNLAB_RUNS": str(tmp_path / "runs")}
    config = _config(tmp_path, "methods: all", "methods: [float32, ptq_w8_dynamic]")
    shown = config.read_text().replace("tasks: all", "tasks: [digits]")
    # The pages on quantization have runs of their own; those of the study are counted here.
    config.write_text(re.sub(r"  - (08|09|1\d|2\d)_\w+\n", "", shown))
    command = [sys.executable, "-m", "qnnlab", "report", "--profile", "smoke"]
    command += ["--out", str(tmp_path / "site"), "--config", str(config)]
    first = subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list((tmp_path / "runs").glob("[0-9a-f]*/record.json")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert not (tmp_path / "site").exists()
    done = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    counts = re.search(r"^(\d+) runs reused, (\d+) run now, 0 failed$", done.stderr, re.MULTILINE)
    assert counts is not None
    reused, ran = map(int, counts.groups())
    assert reused >= 1
    assert reused + ran == 6
    assert done.stdout.strip() == str(tmp_path / "site/index.html")
    # The tasks' page adds runs of its example of one's own data.
    kept = [record.spec.task for record in RunStore(tmp_path / "runs")]
    assert kept.count("digits") == 6
    assert set(kept) == {"digits", "own.example"}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("task: digits", "tusk: digits", "fields must be"),
        ("methods: all", "methods: some", "methods must be"),
        ("tasks: all", "tasks: some", "tasks must be"),
        ("methods: all", "methods: [", "can't be read"),
        ("task: digits", "task: [digits]", "task must be text"),
    ],
)
def test_wrong_configuration_is_one_line(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(DataError, match=words) as error:
        read_config(_config(tmp_path, old, new))
    assert "report.yaml" in str(error.value)
    assert "\n" not in str(error.value)


def test_unknown_method_stops_before_anything_runs(tmp_path: Path) -> None:
    config = _config(tmp_path, "methods: all", "methods: [float23]")
    with pytest.raises(SpecError, match="float32"):
        build_report(profile="smoke", out=tmp_path / "site", config=config)
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_missing_notebook_leaves_the_old_report(
    smoke_ladder: Sweep, smoke_store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QNNLAB_RUNS", str(smoke_store.root))
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text("the old report")
    config = _config(tmp_path, "01_methods_compared", "01_methods_compered")
    with pytest.raises(ReportError, match="01_methods_compered"):
        build_report(profile="smoke", out=site, config=config)
    assert (site / "index.html").read_text() == "the old report"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.yaml", "site"]


def test_the_default_report_covers_every_method() -> None:
    config = read_config(CONFIG)
    assert {spec.method for spec in study_specs(config.task, config.methods, 0, "smoke")}
    assert all((ROOT / f"notebooks/{name}.ipynb").exists() for name in config.notebooks)
