"""Logarithmic axes that read as plain numbers."""

from __future__ import annotations

from typing import Any

_MANY = 60


def log_axis(axes: Any, which: str = "x") -> None:
    """Make an axis logarithmic, with labels at 1, 2, 5 where it spans little, else at 1."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set(**{f"{which}scale": "log"})
    low, high = axes.get_xlim() if which == "x" else axes.get_ylim()
    axis = axes.xaxis if which == "x" else axes.yaxis
    subs = (1, 2, 5) if high / low < _MANY else (1,)
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_formatter(NullFormatter())
