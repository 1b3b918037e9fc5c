"""What the whole package promises: light to import, complete in a wheel, in step with its lock."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from conftest import MODELS, ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HEAVY = {
    "ai_edge_litert",
    "jupyter_core",
    "matplotlib",
    "pebble",
    "rich",
    "scipy",
    "sklearn",
    "tensorflow",
    "tf_keras",
    "tflite_micro",
}


def _modules_after(statement: str) -> set[str]:
    code = f"{statement}\nimport sys, json\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return {name.split(".")[0] for name in json.loads(done.stdout)}


@pytest.mark.parametrize(
    "statement",
    [
        "import qnnlab",
        "from qnnlab import Spec; Spec('digits', 'float32').check()",
        "import qnnlab.cli.main",
        "from qnnlab.graph.tflite import read_tflite",
    ],
)
def test_light_imports_load_nothing_heavy(statement: str) -> None:
    assert not _modules_after(statement) & HEAVY


def test_unknown_attribute_is_an_attribute_error() -> None:
    import qnnlab

    with pytest.raises(AttributeError, match="nonsense"):
        _ = qnnlab.nonsense


def test_lock_is_hashed_and_names_no_address() -> None:
    text = (ROOT / "requirements.lock").read_text()
    pinned = re.findall(r"^([a-z0-9][a-z0-9.-]*)==.*\\$", text, re.MULTILINE)
    entries = re.findall(r"^[a-z0-9]", text, re.MULTILINE)
    assert len(pinned) == len(entries) > 100
    assert "://" not in text


def _asked() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    assert set(extras) >= {"train", "firmware", "npu", "notebooks", "cluster", "dev"}
    requirements = [*project["dependencies"], *(r for extra in extras.values() for r in extra)]
    names = {re.split(r"[\[<>=;~! ]", r)[0].lower().replace("_", "-") for r in requirements}
    return names - {"qnnlab"}


def test_lock_covers_what_pyproject_asks_for() -> None:
    text = (ROOT / "requirements.lock").read_text()
    assert _asked() <= set(re.findall(r"^([a-z0-9.-]+)==", text, re.MULTILINE))


def test_environment_yml_is_thin_and_in_step() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    plain = [item for item in environment["dependencies"] if isinstance(item, str)]
    (pip,) = [item["pip"] for item in environment["dependencies"] if isinstance(item, dict)]
    assert plain == ["python=3.11", "pip"]
    extras = re.fullmatch(r"-e \.\[([a-z,]+)\]", pip[0])
    assert extras is not None
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(extras[1].split(",")) <= set(project["optional-dependencies"])


@pytest.mark.slow
def test_wheel_carries_what_the_package_reads(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    model = MODELS / "kws_ref_model.tflite"
    done = subprocess.run(
        [sys.executable, "-m", "qnnlab", "inspect", str(model), "--json"],
        cwd=tmp_path / "site",
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(json.loads(done.stdout)["platforms"]) == 13
    assert (tmp_path / "site/qnnlab/_bundled/reports/report.yaml").exists()


def test_notebooks_are_in_step_with_their_sources() -> None:
    from qnnlab.report.pairing import out_of_step

    assert out_of_step(ROOT / "notebooks") == []
