"""Tell a person how far a sweep is: a bar on a terminal, a line a run elsewhere."""

from __future__ import annotations

from typing import Any, Protocol

from qnnlab.lab.record import Record


class Progress(Protocol):
    """What a sweep tells while it runs."""

    def begin(self, total: int, reused: int) -> None:
        """A sweep of `total` runs starts; `reused` of them are in the store."""
        ...

    def finished(self, record: Record) -> None:
        """One run ended, well or not."""
        ...

    def end(self) -> None:
        """No more will come."""
        ...


def outcome_line(record: Record) -> str:
    """One line for one ended run."""
    if not record.ok:
        return f"{record.spec}: failed: {record.reason}"
    accuracy = record["accuracy"]
    return f"{record.spec}: {accuracy.value:.1f} {accuracy.unit} in {record.seconds:.1f} s"


class ConsoleProgress:
    """Progress on standard error."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None
        self._done = 0
        self._total = 0

    def begin(self, total: int, reused: int) -> None:
        """Say how much there is to do; nothing is drawn when all of it is done already."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

        self._total, self._done = total, reused
        if total == reused:
            return
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        console.print(f"{total} runs: {reused} reused, {total - reused} to do")
        columns = ("[progress.description]{task.description}", BarColumn(), MofNCompleteColumn())
        self._bar = Progress(
            *columns, TimeElapsedColumn(), console=console, disable=not console.is_terminal
        )
        self._task = self._bar.add_task("runs", total=total, completed=reused)
        self._bar.start()

    def finished(self, record: Record) -> None:
        """Print the run's line and move the bar."""
        self._done += 1
        if self._bar is not None:
            line = f"[{self._done}/{self._total}] {outcome_line(record)}"
            self._bar.console.print(line, markup=False)
            self._bar.advance(self._task)

    def end(self) -> None:
        """Leave the terminal as it was."""
        if self._bar is not None:
            self._bar.stop()
