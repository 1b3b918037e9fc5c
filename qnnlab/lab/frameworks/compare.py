"""Every framework asked to take every model: accepted or why not, and how its answers differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import QnnlabError
from qnnlab.lab.frameworks.framework import Case, Framework, Reference, Trial
from qnnlab.lab.frameworks.registered import FRAMEWORKS
from qnnlab.steps import tell
from qnnlab.values import Value

if TYPE_CHECKING:
    import pandas as pd


_REASON_LENGTH = 300
_TOOL_FAULTS = (
    *(ArithmeticError, AttributeError, LookupError, MemoryError, OSError),
    *(RuntimeError, TypeError, ValueError),
)


@dataclass(frozen=True)
class Difference:
    """How far answers are from expected ones.

    `equal_pct`: samples that are equal in every number; `largest` difference in real units;
    `same_class_pct`: samples whose largest number has the same place.
    """

    equal_pct: float
    largest: float
    same_class_pct: float


@dataclass(frozen=True, eq=False)
class Cell:
    """One framework with one model: its `trial`, or the `reason` in one line why there is none.

    `found` compares its answers with those of `reference`, None where no answer was computed or
    compared; `step` is the scale of the model's output, None for a model that answers in floats.
    """

    framework: str
    model: str
    version: str
    trial: Trial | None
    reason: str | None
    reference: str = ""
    found: Difference | None = None
    step: float | None = None

    @property
    def accepted(self) -> bool:
        """Whether the framework takes the model."""
        return self.trial is not None

    @property
    def equal(self) -> bool:
        """Whether all answers equal the reference's, to the bit."""
        return self.found is not None and self.found.equal_pct == 100.0

    @property
    def verdict(self) -> str:
        """One word; `runs` has nothing to compare with, `compiles` computes no answer."""
        if self.trial is None:
            return "refused"
        if self.found is None:
            return "compiles" if self.trial.outputs is None else "runs"
        return "equal" if self.equal else "differs"

    def values(self) -> Iterator[Value]:
        """The figures, each with unit, kind and source; empty for a refusal."""
        if self.trial is None:
            return
        yield from self.trial.values
        count = self.trial
        what = f"operators of {self.framework}"
        yield Value("operators_covered", count.covered, "operators", "measured", what)
        yield Value("operators", count.operators, "operators", "measured", what)
        if self.found is None:
            return
        source = f"against {self.reference}"
        yield Value("equal_answers", self.found.equal_pct, "%", "measured", source)
        # Codes times a scale, divided by it again: digits further back are of the division.
        apart = round(self.found.largest / self.step, 6) if self.step else self.found.largest
        unit = "steps" if self.step else "1"
        yield Value("max_difference", apart, unit, "measured", source)
        yield Value("same_class", self.found.same_class_pct, "%", "measured", source)

    def value(self, name: str) -> Value | None:
        """The figure called `name`, None where the cell has none."""
        return next((value for value in self.values() if value.name == name), None)

    def to_dict(self) -> dict[str, Any]:
        """The cell as a JSON object."""
        found = {"framework": self.framework, "model": self.model, "version": self.version}
        trial = self.trial
        return {
            **found,
            "verdict": self.verdict,
            "reason": self.reason,
            "form": None if trial is None else trial.form,
            "note": None if trial is None else trial.note,
            "uncovered": [] if trial is None else list(trial.uncovered),
            "values": [value.to_dict() for value in self.values()],
        }


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """All cells, model by model, in the order that frameworks were asked in."""

    cases: tuple[Case, ...]
    cells: tuple[Cell, ...]

    @property
    def models(self) -> list[str]:
        """The models' names, in order."""
        return [case.name for case in self.cases]

    @property
    def frameworks(self) -> list[str]:
        """The frameworks' names, in order."""
        return list(dict.fromkeys(cell.framework for cell in self.cells))

    def __getitem__(self, pair: tuple[str, str]) -> Cell:
        return {(cell.framework, cell.model): cell for cell in self.cells}[pair]

    def frame(self) -> pd.DataFrame:
        """One row a cell: framework, model, verdict, reason, and the figures as plain numbers."""
        import pandas as pd

        rows = [
            {
                "framework": cell.framework,
                "model": cell.model,
                "verdict": cell.verdict,
                "reason": cell.reason,
                **{value.name: value.value for value in cell.values()},
            }
            for cell in self.cells
        ]
        return pd.DataFrame(rows)


def compare_frameworks(cases: Sequence[Case], names: Sequence[str] | None = None) -> Comparison:
    """Ask each framework (default: all) to take each model.

    A framework that is not installed, refuses or crashes is a cell with its reason. Raises
    SpecError for an unknown framework before anything runs.
    """
    asked = [FRAMEWORKS[name] for name in names or FRAMEWORKS]
    cells = []
    for place, case in enumerate(cases):
        reference = _reference(case)
        for position, framework in enumerate(asked):
            tell("frameworks", (place + position / len(asked)) / len(cases))
            cells.append(_cell(framework, case, reference))
    tell("frameworks", 1.0)
    return Comparison(tuple(cases), tuple(cells))


def _reference(case: Case) -> Reference | None:
    try:
        return case.reference
    except QnnlabError:
        return None


def _cell(framework: Framework, case: Case, reference: Reference | None) -> Cell:
    version = ""
    try:
        version = framework.version()
        trial = framework.attempt(case)
    except QnnlabError as error:
        return Cell(framework.name, case.name, version, None, " ".join(str(error).split()))
    except _TOOL_FAULTS as error:
        # Other people's tools meet other people's files: that ends the cell, not the comparison.
        reason = " ".join(f"it failed: {type(error).__name__}: {error}".split())
        return Cell(framework.name, case.name, version, None, reason[:_REASON_LENGTH])
    if trial.outputs is None or reference is None:
        return Cell(framework.name, case.name, version, trial, None)
    try:
        found = difference(trial.outputs, reference.outputs)
    except QnnlabError as error:
        return Cell(framework.name, case.name, version, None, str(error))
    return Cell(
        framework.name, case.name, version, trial, None, reference.source, found, reference.step
    )


def difference(answers: NDArray[np.floating], expected: NDArray[np.floating]) -> Difference:
    """Compare answers (samples, elements); NaN equals NaN.

    Raises QnnlabError where shapes differ.
    """
    if answers.shape != expected.shape:
        raise QnnlabError(f"answers of shape {answers.shape} against {expected.shape}")
    same = (answers == expected) | (np.isnan(answers) & np.isnan(expected))
    # Infinities of one sign are equal; the difference of others is as large as can be told.
    with np.errstate(invalid="ignore"):
        apart = np.where(same, 0.0, np.abs(answers - expected))
    largest = float(np.nan_to_num(apart, nan=np.inf).max(initial=0.0))
    classes = answers.argmax(axis=1) == expected.argmax(axis=1)
    return Difference(
        100.0 * float(same.all(axis=1).mean()),
        min(largest, float(np.finfo(np.float64).max)),
        100.0 * float(classes.mean()),
    )
