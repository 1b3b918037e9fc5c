"""The lab: Spec in, Record out; the store between them makes every run happen once."""

from qnnlab.lab.frame import find_value, records_frame, values_frame
from qnnlab.lab.inspection import Inspection, inspect_model
from qnnlab.lab.record import Record
from qnnlab.lab.runner import Sweep, run, sweep
from qnnlab.lab.spec import Spec
from qnnlab.lab.store import RunStore
from qnnlab.tasks import PROFILES

__all__ = [
    "PROFILES",
    "Inspection",
    "Record",
    "RunStore",
    "Spec",
    "Sweep",
    "find_value",
    "inspect_model",
    "records_frame",
    "run",
    "sweep",
    "values_frame",
]
