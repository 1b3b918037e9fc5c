"""qnnlab: the open workbench for quantized neural networks on microcontrollers."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qnnlab.lab import (
        Record,
        RunStore,
        Spec,
        fit_reference,
        inspect_model,
        records_frame,
        run,
        sweep,
    )
    from qnnlab.tasks import load_task, task_from_arrays, task_from_folder

__version__ = "0.1.0"

_LAB = (
    "Record",
    "RunStore",
    "Spec",
    "fit_reference",
    "inspect_model",
    "records_frame",
    "run",
    "sweep",
)
_TASKS = ("load_task", "task_from_arrays", "task_from_folder")

__all__ = [
    "Record",
    "RunStore",
    "Spec",
    "fit_reference",
    "inspect_model",
    "load_task",
    "records_frame",
    "run",
    "sweep",
    "task_from_arrays",
    "task_from_folder",
]


def __getattr__(name: str) -> Any:
    for room, names in (("qnnlab.lab", _LAB), ("qnnlab.tasks", _TASKS)):
        if name in names:
            return getattr(importlib.import_module(room), name)
    raise AttributeError(f"module 'qnnlab' has no attribute {name!r}")
