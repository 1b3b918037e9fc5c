"""How far a long step is: whoever works tells, whoever listens shows; nobody passes bars along."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Listener = Callable[[str, float], None]

_QUIET_S = 2.0
_LINE_EVERY_S = 5.0
_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


def tell(what: str, done: float) -> None:
    """Say that the step `what` is done to the share `done` (0 to 1). Silent without a listener."""
    listener = _listener.get()
    if listener is not None:
        listener(what, done)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """What is told inside the block goes to `listener`."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


@contextmanager
def shown() -> Iterator[None]:
    """What is told inside the block is shown on standard error, unless somebody listens already.

    A bar on a terminal, elsewhere a line every few seconds; nothing for what takes under 2 s.
    """
    if _listener.get() is not None:
        yield
    elif sys.stderr.isatty():
        with _bars() as listener, listening(listener):
            yield
    else:
        with listening(_lines()):
            yield


@contextmanager
def _bars() -> Iterator[Listener]:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    with Progress(console=Console(stderr=True), transient=True) as progress:
        tasks: dict[str, TaskID] = {}

        def show(what: str, done: float) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=1.0)
            progress.update(tasks[what], completed=done)

        yield show


def _lines() -> Listener:
    due = time.monotonic() + _QUIET_S

    def show(what: str, done: float) -> None:
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + _LINE_EVERY_S
            print(f"{what}: {100 * done:.0f} %", file=sys.stderr, flush=True)

    return show
