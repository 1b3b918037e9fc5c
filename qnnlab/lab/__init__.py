"""The lab: Spec in, Record out; the store between them makes every run happen once."""

from qnnlab.lab.frame import find_value, records_frame, values_frame
from qnnlab.lab.inspection import Inspection, inspect_model
from qnnlab.lab.record import Record
from qnnlab.lab.reference import Reference, fit_reference, fit_references, seed_spread
from qnnlab.lab.runner import Sweep, run, sweep
from qnnlab.lab.spec import Spec
from qnnlab.lab.store import RunStore
from qnnlab.tasks import PROFILES

__all__ = [
    "PROFILES",
    "Inspection",
    "Record",
    "Reference",
    "RunStore",
    "Spec",
    "Sweep",
    "find_value",
    "fit_reference",
    "fit_references",
    "inspect_model",
    "records_frame",
    "run",
    "seed_spread",
    "sweep",
    "values_frame",
]
