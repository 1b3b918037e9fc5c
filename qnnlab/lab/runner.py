"""Run many specs in worker processes; what is done already is taken from the store."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from qnnlab.errors import MissingExtra, StoreError
from qnnlab.lab.experiment import execute, failed_record
from qnnlab.lab.progress import ConsoleProgress, Progress, told_in
from qnnlab.lab.provenance import run_key
from qnnlab.lab.record import Record
from qnnlab.lab.spec import Spec
from qnnlab.lab.store import RunStore
from qnnlab.tasks import TASKS
from qnnlab.tasks.storage import dataset_folder

_LOOK_EVERY_S = 0.5
TIMEOUT_S = {"smoke": 300, "quick": 900, "full": 6 * 3600}


@dataclass(frozen=True)
class Sweep:
    """The records in the order asked for, and how many were reused, run now, and failed."""

    records: tuple[Record, ...]
    reused: int
    ran: int

    @property
    def failed(self) -> tuple[Record, ...]:
        """The records of runs that did not finish."""
        return tuple(record for record in self.records if not record.ok)


def default_jobs() -> int:
    """Worker processes that this machine has cores for."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def with_parents(specs: Iterable[Spec]) -> list[Spec]:
    """The specs and all that they start from, each once, a parent before its children."""
    ordered: dict[Spec, None] = {}

    def add(spec: Spec) -> None:
        parent = spec.parent()
        if parent is not None:
            add(parent)
        ordered.setdefault(spec)

    for spec in specs:
        add(spec.check())
    return list(ordered)


class _Schedule:
    """Which runs are done, which can start, which wait for a parent."""

    def __init__(
        self, specs: list[Spec], store: RunStore, progress: Progress, retry_failed: bool
    ) -> None:
        self.store = store
        self.progress = progress
        self.done: dict[Spec, Record] = {}
        for spec in specs:
            record = store.get(run_key(spec))
            if record is not None and (record.ok or not retry_failed):
                self.done[spec] = record
        self.reused = len(self.done)
        self.waiting = [spec for spec in specs if spec not in self.done]
        self.progress.begin(total=len(specs), reused=self.reused)

    def finish(self, spec: Spec, record: Record) -> None:
        self.done[spec] = record
        self.progress.finished(record)

    def ready(self) -> list[Spec]:
        """Take the runs that can start now; children of a failed parent fail with it."""
        ready: list[Spec] = []
        for spec in list(self.waiting):
            parent = spec.parent()
            above = None if parent is None else self.done.get(parent)
            if parent is not None and above is None:
                continue
            self.waiting.remove(spec)
            if above is None or above.ok:
                ready.append(spec)
                continue
            reason = f"its parent {parent} failed: {above.reason}"
            record = failed_record(spec, reason, datetime.now(timezone.utc))
            self.store.put(record)
            self.finish(spec, record)
        return ready


def _outcome(spec: Spec, future: Future[Record], started: datetime, store: RunStore) -> Record:
    """The record of a finished future; a worker that died or hung gives a failed one."""
    try:
        return future.result()
    except StoreError:
        raise
    except Exception as error:
        limit = TIMEOUT_S[spec.profile]
        reason = (
            f"no answer within {limit} s"
            if isinstance(error, FutureTimeoutError)
            else f"the worker process died ({type(error).__name__}: {error})"
        )
        record = failed_record(spec, reason, started)
        store.put(record)
        return record


def _run_all(schedule: _Schedule, submit: Callable[[Spec], Future[Record]]) -> None:
    running: dict[Future[Record], tuple[Spec, datetime]] = {}
    while True:
        for spec in schedule.ready():
            running[submit(spec)] = (spec, datetime.now(timezone.utc))
        if not running:
            return
        finished, _ = wait(running, timeout=_LOOK_EVERY_S, return_when=FIRST_COMPLETED)
        for spec, _ in running.values():
            told = told_in(schedule.store.progress_path(run_key(spec)))
            if told is not None:
                schedule.progress.working(spec, *told)
        for future in finished:
            spec, started = running.pop(future)
            schedule.finish(spec, _outcome(spec, future, started, schedule.store))


def sweep(
    specs: Iterable[Spec],
    store: RunStore | None = None,
    *,
    jobs: int | None = None,
    progress: Progress | None = None,
    retry_failed: bool = True,
    worker: Callable[[Spec, str, str], Record] = execute,
) -> Sweep:
    """Run what is missing of `specs` (and of what they start from) in `jobs` processes.

    A run that fails, hangs or is killed becomes a failed record, and the rest goes on. Failed
    runs are tried again by the next sweep, unless `retry_failed` is False. Raises SpecError, and
    DatasetError where a data set is missing, before anything runs; StoreError when results can't
    be kept.
    """
    wanted = list(specs)
    ordered = with_parents(wanted)
    for dataset in {TASKS[spec.task].dataset for spec in ordered} - {None}:
        dataset_folder(str(dataset))
    store = store or RunStore()
    schedule = _Schedule(ordered, store, progress or ConsoleProgress(), retry_failed)
    if schedule.waiting:
        store.clean()
        pool = _process_pool(jobs or default_jobs())
        root = str(store.root)
        try:
            _run_all(
                schedule,
                lambda spec: pool.schedule(
                    worker, args=[spec, root, run_key(spec)], timeout=TIMEOUT_S[spec.profile]
                ),
            )
            pool.close()
        finally:
            pool.stop()
            pool.join()
            schedule.progress.end()
    return Sweep(
        records=tuple(schedule.done[spec] for spec in wanted),
        reused=schedule.reused,
        ran=len(ordered) - schedule.reused,
    )


def _process_pool(jobs: int) -> Any:
    """Pebble's pool: a worker that dies takes only its own run with it."""
    try:
        from pebble import ProcessPool
    except ImportError as error:
        raise MissingExtra(f"running experiments needs pebble: qnnlab[train] ({error})") from None
    return ProcessPool(max_workers=jobs, context=multiprocessing.get_context("spawn"))


def run(spec: Spec, store: RunStore | None = None, *, progress: Progress | None = None) -> Record:
    """Run one spec, or reuse its record. Raises as `sweep` does."""
    return sweep([spec], store, jobs=1, progress=progress).records[0]
