"""How far a long step is: whoever works tells, whoever listens shows; nobody passes bars along."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Listener = Callable[[str, float], None]

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


def tell(what: str, done: float) -> None:
    """Say that the step `what` is done to the share `done` (0 to 1). Silent without a listener."""
    listener = _listener.get()
    if listener is not None:
        listener(what, done)


def heard() -> bool:
    """Whether somebody listens already."""
    return _listener.get() is not None


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """What is told inside the block goes to `listener`."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
