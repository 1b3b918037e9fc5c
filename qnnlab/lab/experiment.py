"""Execute one spec in this process and store what came out, success or failure."""

from __future__ import annotations

import hashlib
import json
import time
import traceback
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import qnnlab
from qnnlab import backend
from qnnlab.errors import QnnlabError, SpecError, StoreError
from qnnlab.graph.integer.file import graph_to_bytes
from qnnlab.lab.measure import measure
from qnnlab.lab.progress import telling_file
from qnnlab.lab.provenance import code_sha256, library_versions, machine, run_key
from qnnlab.lab.record import Record
from qnnlab.lab.spec import Spec
from qnnlab.lab.store import RunStore, weights_from_file, weights_to_bytes
from qnnlab.methods import FAMILIES, RECIPES, Compressed, Job
from qnnlab.steps import tell
from qnnlab.tasks import TASKS, TaskData

MODEL = "model.tflite"
GRAPH = "model.qnn"
WEIGHTS = "weights.npz"
HISTORY = "history.json"


def _compress(spec: Spec, store: RunStore, data: TaskData) -> Compressed:
    task, recipe = TASKS[spec.task], RECIPES[spec.method]
    backend.fresh_session(spec.seed)
    model = task.build()
    parent = spec.parent()
    if parent is not None:
        model.set_weights(weights_from_file(store.path(run_key(parent), WEIGHTS)))
    budget = task.budgets[spec.profile]
    job = Job(model, data, budget, spec.seed, task.objective, task.augment)
    return FAMILIES[recipe.family].apply(job, recipe.settings)


def _provenance(spec: Spec) -> dict[str, Any]:
    parent = spec.parent()
    return {
        "qnnlab": qnnlab.__version__,
        "code_sha256": code_sha256(),
        "versions": library_versions(),
        "machine": machine(),
        "parent": None if parent is None else run_key(parent),
    }


def failed_record(spec: Spec, reason: str, started: datetime, detail: str = "") -> Record:
    """The record of a run that did not finish; `detail` is a traceback, where there is one."""
    seconds = (datetime.now(timezone.utc) - started).total_seconds()
    provenance = {**_provenance(spec), "detail": detail}
    line = " ".join(reason.split()) or "no reason was given"
    return Record(
        run_key(spec), spec, "failed", line, (), provenance, started.isoformat(), round(seconds, 3)
    )


def _finish(spec: Spec, store: RunStore, started: datetime) -> tuple[Record, dict[str, bytes]]:
    """Compress, measure, and put the record together with its files."""
    clock = time.monotonic()
    data = TASKS[spec.task].load(spec.profile)
    compressed = _compress(spec, store, data)
    tell("measuring", 0.0)
    artifacts = {} if compressed.tflite is None else {MODEL: compressed.tflite}
    if compressed.graph is not None:
        artifacts[GRAPH] = graph_to_bytes(compressed.graph)
    if compressed.weights is not None:
        artifacts[WEIGHTS] = weights_to_bytes(compressed.weights)
    if compressed.history is not None:
        artifacts[HISTORY] = json.dumps(dict(compressed.history)).encode()
    results = (*measure(compressed, TASKS[spec.task], data.test), *compressed.values)
    provenance = {
        **_provenance(spec),
        "origin": TASKS[spec.task].origin,
        "data_sha256": data.sha256(),
        "artifacts": {n: hashlib.sha256(c).hexdigest() for n, c in artifacts.items()},
    }
    seconds = round(time.monotonic() - clock, 3)
    key = run_key(spec)
    record = Record(key, spec, "ok", None, results, provenance, started.isoformat(), seconds)
    return record, artifacts


def execute(spec: Spec, root: Path | str, key: str) -> Record:
    """Run `spec` and store its record below `root` under `key`. Its parent must be in the store.

    Any failure of the run becomes a failed record; only StoreError is raised.
    """
    store = RunStore(root)
    started = datetime.now(timezone.utc)
    try:
        if run_key(spec) != key:
            raise SpecError("qnnlab's source changed while the sweep was running; start it again")
        with telling_file(store.progress_path(key)):
            record, artifacts = _finish(spec, store, started)
    except StoreError:
        raise
    except Exception as error:
        line = str(error) if isinstance(error, QnnlabError) else f"{type(error).__name__}: {error}"
        record = replace(failed_record(spec, line, started, traceback.format_exc()), key=key)
        artifacts = {}
    store.put(record, artifacts)
    return record
