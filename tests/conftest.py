from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

from qnnlab.lab import RunStore, Spec, Sweep, sweep
from qnnlab.lab.difficulty import difficulty_specs
from qnnlab.lab.study import study_specs
from qnnlab.tasks import offline_tasks

# An example's time depends on what else the machine does; no test here is about time. The same
# commit draws the same examples; HYPOTHESIS_PROFILE=explore draws new ones.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

ROOT = Path(__file__).parent.parent
MODELS = ROOT / "data/mlperf_tiny/models"


def pytest_configure(config: pytest.Config) -> None:
    """Generated data is made once for all tests, and never where a user keeps theirs.

    Set before tests are collected: what they are parametrized by must not be a user's own tasks.
    """
    # A worker of several finds what the first process made.
    if hasattr(config, "workerinput"):
        return
    # Made here and not above: test modules import this file once more.
    folder = tempfile.mkdtemp(prefix="qnnlab-tests-")
    config.add_cleanup(lambda: shutil.rmtree(folder))
    environment = pytest.MonkeyPatch()
    environment.setenv("QNNLAB_DATA", folder)
    config.add_cleanup(environment.undo)


@pytest.fixture(autouse=True)
def _own_run_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QNNLAB_RUNS", str(tmp_path / "runs"))


@pytest.fixture(scope="session")
def smoke_store() -> RunStore:
    return RunStore(Path(os.environ["QNNLAB_DATA"]) / "smoke/runs")


def _alone(store: RunStore, specs: Sequence[Spec]) -> Sweep:
    """A sweep that no other test process makes at the same time; the second finds all runs."""
    store.root.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(store.root.parent / "lock"):
        return sweep(specs, store)


@pytest.fixture(scope="session")
def smoke_study(smoke_store: RunStore) -> Sweep:
    """Every method on digits, trained for a moment; real runs, made once."""
    return _alone(smoke_store, study_specs("digits", "all", 0, "smoke"))


@pytest.fixture(scope="session")
def smoke_ladder(smoke_study: Sweep, smoke_store: RunStore) -> Sweep:
    """The ladder of precision on every offline task, trained for a moment."""
    return _alone(smoke_store, difficulty_specs(offline_tasks(), 0, "smoke"))
