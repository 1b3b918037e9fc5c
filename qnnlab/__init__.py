"""qnnlab: the open workbench for quantized neural networks on microcontrollers."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qnnlab.lab import Record, RunStore, Spec, inspect_model, records_frame, run, sweep

__version__ = "0.1.0"

__all__ = ["Record", "RunStore", "Spec", "inspect_model", "records_frame", "run", "sweep"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(importlib.import_module("qnnlab.lab"), name)
    raise AttributeError(f"module 'qnnlab' has no attribute {name!r}")
