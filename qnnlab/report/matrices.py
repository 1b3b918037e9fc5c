"""A matrix of coloured cells with labels on its left and above: who supports what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def draw_matrix(
    axes: Any,
    cells: Sequence[Sequence[str]],
    colours: dict[str, str],
    rows: Sequence[str],
    columns: Sequence[str],
) -> None:
    """Draw `cells` (rows × columns), each a key of `colours`, with white lines between them."""
    from matplotlib.colors import ListedColormap

    names = list(colours)
    codes = np.array([[names.index(cell) for cell in row] for row in cells])
    axes.imshow(
        codes.reshape(len(rows), len(columns)),
        cmap=ListedColormap(list(colours.values())),
        vmin=-0.5,
        vmax=len(names) - 0.5,
        aspect="auto",
    )
    axes.set_xticks(np.arange(len(columns) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(rows) + 1) - 0.5, minor=True)
    axes.grid(False)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="both", length=0)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.xaxis.tick_top()
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
