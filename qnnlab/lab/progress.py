"""Tell a person how far a sweep is: bars on a terminal, lines elsewhere."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from qnnlab.lab.record import Record
from qnnlab.lab.spec import Spec
from qnnlab.steps import listening
from qnnlab.tasks import TASKS

_WRITE_EVERY_S = 0.3
_LINE_EVERY_S = 30.0


class Progress(Protocol):
    """What a sweep tells while it runs."""

    def begin(self, total: int, reused: int) -> None:
        """A sweep of `total` runs starts; `reused` of them are in the store."""
        ...

    def working(self, spec: Spec, what: str, done: float) -> None:
        """A run that is under way has done the share `done` (0 to 1) of its step `what`."""
        ...

    def finished(self, record: Record) -> None:
        """One run ended, well or not."""
        ...

    def end(self) -> None:
        """No more will come."""
        ...


@contextmanager
def telling_file(path: Path) -> Iterator[None]:
    """What is told inside the block stands in `path`, for the process that shows it."""
    due = 0.0

    def write(what: str, done: float) -> None:
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + _WRITE_EVERY_S
            partial = path.with_suffix(".partial")
            partial.write_text(json.dumps([what, done]), encoding="utf-8")
            partial.replace(path)

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with listening(write):
            yield
    finally:
        path.unlink(missing_ok=True)


def told_in(path: Path) -> tuple[str, float] | None:
    """What a run told last in `path`, if it is under way and told anything."""
    try:
        what, done = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return str(what), float(done)


def outcome_line(record: Record) -> str:
    """One line for one ended run."""
    if not record.ok:
        return f"{record.spec}: failed: {record.reason}"
    metric = TASKS[record.spec.task].metric
    score = next((value for value in record.results if value.name == metric), None)
    shown = "no runtime here runs it" if score is None else f"{score.value:.1f} {score.unit}"
    return f"{record.spec}: {shown} in {record.seconds:.1f} s"


class ConsoleProgress:
    """Progress on standard error."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._sweep: Any = None
        self._working: dict[Spec, Any] = {}
        self._line_due = time.monotonic() + _LINE_EVERY_S
        self._done = 0
        self._total = 0

    def begin(self, total: int, reused: int) -> None:
        """Say how much there is to do; nothing is drawn when all of it is done already."""
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TimeElapsedColumn

        self._total, self._done = total, reused
        if total == reused:
            return
        console = Console(stderr=True, highlight=False, soft_wrap=True, force_jupyter=False)
        console.print(f"{total} runs: {reused} reused, {total - reused} to do")
        columns = ("[progress.description]{task.description}", BarColumn(), TaskProgressColumn())
        self._bar = Progress(
            *columns, TimeElapsedColumn(), console=console, disable=not console.is_terminal
        )
        self._sweep = self._bar.add_task("runs", total=total, completed=reused)
        self._bar.start()

    def working(self, spec: Spec, what: str, done: float) -> None:
        """Move the run's own bar; where there is no terminal, print a line now and then."""
        if self._bar is None:
            return
        if not self._bar.console.is_terminal:
            if time.monotonic() >= self._line_due:
                self._line_due = time.monotonic() + _LINE_EVERY_S
                self._bar.console.print(f"{spec}: {what} {100 * done:.0f} %", markup=False)
            return
        if spec not in self._working:
            self._working[spec] = self._bar.add_task("", total=1.0)
        self._bar.update(self._working[spec], completed=done, description=f"{spec}: {what}")

    def finished(self, record: Record) -> None:
        """Print the run's line and move the bar."""
        self._done += 1
        if self._bar is None:
            return
        if record.spec in self._working:
            self._bar.remove_task(self._working.pop(record.spec))
        line = f"[{self._done}/{self._total}] {outcome_line(record)}"
        self._bar.console.print(line, markup=False)
        self._bar.advance(self._sweep)

    def end(self) -> None:
        """Leave the terminal as it was."""
        if self._bar is not None:
            self._bar.stop()
