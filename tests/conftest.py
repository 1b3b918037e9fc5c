from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from qnnlab.lab import RunStore, Sweep, sweep
from qnnlab.lab.difficulty import difficulty_specs
from qnnlab.lab.study import study_specs
from qnnlab.tasks import offline_tasks

# An example's time depends on what else the machine does; no test here is about time.
settings.register_profile("qnnlab", deadline=None)
settings.load_profile("qnnlab")

ROOT = Path(__file__).parent.parent
MODELS = ROOT / "data/mlperf_tiny/models"


@pytest.fixture(autouse=True)
def _own_run_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QNNLAB_RUNS", str(tmp_path / "runs"))


@pytest.fixture(scope="session", autouse=True)
def _one_data_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Generated data is made once for all tests, and never where a user keeps theirs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QNNLAB_DATA", str(tmp_path_factory.mktemp("datasets")))
        yield


@pytest.fixture(scope="session")
def smoke_store(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    return RunStore(tmp_path_factory.mktemp("smoke") / "runs")


@pytest.fixture(scope="session")
def smoke_study(smoke_store: RunStore) -> Sweep:
    """Every method on digits, trained for a moment; real runs, made once."""
    return sweep(study_specs("digits", "all", 0, "smoke"), smoke_store)


@pytest.fixture(scope="session")
def smoke_ladder(smoke_study: Sweep, smoke_store: RunStore) -> Sweep:
    """The ladder of precision on every offline task, trained for a moment."""
    return sweep(difficulty_specs(offline_tasks(), 0, "smoke"), smoke_store)
