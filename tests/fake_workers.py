"""Stand-ins for `execute`, importable by worker processes: they behave well, fail or die."""

from __future__ import annotations

import os
import signal
import time

from qnnlab.lab import Record, RunStore, Spec
from qnnlab.lab.progress import telling_file
from qnnlab.steps import tell
from qnnlab.values import Value


def behave(spec: Spec, root: str, key: str) -> Record:
    value = Value("accuracy", 50.0 + spec.seed, "%", "measured", "a stand-in")
    record = Record(key, spec, "ok", None, (value,))
    RunStore(root).put(record)
    return record


def die_on_seed_1(spec: Spec, root: str, key: str) -> Record:
    if spec.seed == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return behave(spec, root, key)


def hang_on_seed_1(spec: Spec, root: str, key: str) -> Record:
    if spec.seed == 1:
        time.sleep(60)
    return behave(spec, root, key)


def tell_slowly(spec: Spec, root: str, key: str) -> Record:
    with telling_file(RunStore(root).progress_path(key)):
        tell("training", 0.5)
        time.sleep(1.5)
        return behave(spec, root, key)
