"""One look for every plot: colours that colour-blind readers can tell apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

# Okabe and Ito's palette without its yellow, which vanishes on white; purple and brown
# from Paul Tol's muted set follow. Neighbours differ in lightness, too.
PALETTE = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#332288",
    "#882255",
)
BASELINE_COLOUR = "#4D4D4D"
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

_RC: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#666666",
    "axes.grid": True,
    "axes.labelsize": 10,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "figure.figsize": (7.2, 4.2),
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "lines.markersize": 6,
    "savefig.facecolor": "white",
    "svg.fonttype": "path",
    "svg.hashsalt": "qnnlab",
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
}


@contextmanager
def use_style() -> Iterator[None]:
    """Plots made inside the block take the project's style; matplotlib's settings return."""
    import matplotlib as mpl
    from cycler import cycler

    settings: Any = {**_RC, "axes.prop_cycle": cycler(color=PALETTE)}
    with mpl.rc_context(settings):
        yield


def colour_map(names: Iterable[str], baselines: Iterable[str] = ("float32",)) -> dict[str, str]:
    """A colour for each name, by its place among `names`; baselines are grey.

    Pass all names there are, not only those shown, and a name keeps its colour in every
    figure. Names beyond the palette's end repeat its colours: tell them apart by marker.
    """
    grey = set(baselines)
    coloured = [name for name in dict.fromkeys(names) if name not in grey]
    colours = {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(coloured)}
    return {**dict.fromkeys(sorted(grey), BASELINE_COLOUR), **colours}


def marker_map(names: Iterable[str]) -> dict[str, str]:
    """A marker for each name, by its place among `names`, so that print needs no colour."""
    return {name: MARKERS[i % len(MARKERS)] for i, name in enumerate(dict.fromkeys(names))}
