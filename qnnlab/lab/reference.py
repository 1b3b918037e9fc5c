"""Reference models: trained once, kept in the run store, and how far seeds spread."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from qnnlab.errors import SpecError, StoreError
from qnnlab.lab.experiment import HISTORY, WEIGHTS
from qnnlab.lab.provenance import run_key
from qnnlab.lab.record import Record
from qnnlab.lab.runner import sweep
from qnnlab.lab.spec import Spec
from qnnlab.lab.store import RunStore, weights_from_file
from qnnlab.lab.study import REPEATS, metric_of
from qnnlab.tasks import TASKS

REFERENCE = "float32"


@dataclass(frozen=True)
class Reference:
    """A trained reference: its record, and its training curves by name, one number an epoch."""

    record: Record
    history: Mapping[str, Sequence[float]]
    store: RunStore

    def model(self) -> Any:
        """The trained tf_keras model. Raises StoreError where its weights can't be read."""
        model = TASKS[self.record.spec.task].build()
        model.set_weights(weights_from_file(self.store.path(self.record.key, WEIGHTS)))
        return model


def fit_reference(
    task: str, profile: str = "quick", seed: int = 0, store: RunStore | None = None
) -> Reference:
    """Train the reference model of `task`, or take it from the store where it is kept already.

    Training augments, stops early by the validation loss and never sees the test split; progress
    is shown. The content key covers task, data, code and library versions. Raises SpecError on
    an unknown task, and when training failed.
    """
    return fit_references([task], profile, [seed], store)[0]


def fit_references(
    tasks: Iterable[str],
    profile: str = "quick",
    seeds: Sequence[int] | None = None,
    store: RunStore | None = None,
) -> list[Reference]:
    """The references of several tasks and seeds (by default those that the profile repeats)."""
    store = store or RunStore()
    seeds = range(REPEATS[profile]) if seeds is None else seeds
    specs = [Spec(task, REFERENCE, seed=s, profile=profile) for task in tasks for s in seeds]
    records = sweep(specs, store).records
    for record in records:
        if not record.ok:
            raise SpecError(f"{record.spec} failed: {record.reason}")
    return [Reference(record, read_history(record, store), store) for record in records]


def read_history(record: Record, store: RunStore) -> dict[str, list[float]]:
    """The training curves of a run; none where its method keeps none. Raises StoreError."""
    path = store.path(run_key(record.spec), HISTORY)
    try:
        curves: dict[str, list[float]] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise StoreError(f"{path}: training curves can't be read: {error}") from None
    return curves


def seed_spread(records: Sequence[Record]) -> pd.Series:
    """Over the seeds of one task and method: runs, mean, deviation (of a sample), min and max.

    In percent of the task's metric. Raises SpecError on records of several tasks.
    """
    metric = metric_of(records)
    scores = pd.Series([record[metric].value for record in records if record.ok], dtype=float)
    return pd.Series(
        {
            "runs": len(scores),
            "mean": scores.mean(),
            "deviation": scores.std(ddof=1) if len(scores) > 1 else float("nan"),
            "min": scores.min(),
            "max": scores.max(),
        }
    )
