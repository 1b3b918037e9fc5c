"""Frameworks compared, measured where they run: the same models, the same inputs, one table.

A framework is one file in `entries/` that holds `FRAMEWORKS`, a Framework or a tuple of them.
"""

from qnnlab.lab.frameworks.compare import Cell, Comparison, compare_frameworks
from qnnlab.lab.frameworks.framework import Case, Framework, Trial, make_case
from qnnlab.lab.frameworks.registered import FRAMEWORKS
from qnnlab.lab.frameworks.timing import Timing, time_frameworks

__all__ = [
    "FRAMEWORKS",
    "Case",
    "Cell",
    "Comparison",
    "Framework",
    "Timing",
    "Trial",
    "compare_frameworks",
    "make_case",
    "time_frameworks",
]
