"""The terminal, as every command draws on it."""

from __future__ import annotations

from rich.console import Console

_PIPED_WIDTH = 132


def console() -> Console:
    """A console as wide as the terminal; wide enough for the tables when piped."""
    plain = Console(highlight=False)
    return plain if plain.is_terminal else Console(highlight=False, width=_PIPED_WIDTH)
