"""Rounding one input after another, the others making up for its error (GPTQ, OBQ)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

_DAMPING = 0.01  # of the mean curvature, as in the paper


def compensated_codes(
    matrix: NDArray[np.float32],
    scale: NDArray[np.float32],
    limits: tuple[float, float],
    second_moment: Doubles,
) -> NDArray[np.int8]:
    """Codes of a (sums over, channels) matrix that keep its products with the inputs.

    `second_moment` is XᵀX of the inputs (sums over, sums over). Each row is rounded, and the rows
    that are left take over the error through the inverse's Cholesky factor (Frantar et al. 2023,
    arXiv:2210.17323, equations 2 and 3), rows of the largest moment first (act-order).
    """
    order = np.argsort(-np.diag(second_moment), kind="stable")
    moment = second_moment[np.ix_(order, order)].copy()
    silent = np.diag(moment) == 0
    moment[silent, silent] = 1.0
    moment[np.diag_indices_from(moment)] += _DAMPING * np.mean(np.diag(moment))
    upper = np.linalg.cholesky(np.linalg.inv(moment)).T
    left = matrix[order].astype(np.float64)
    codes = np.empty(matrix.shape, np.int8)
    for row in range(len(order)):
        codes[order[row]] = np.clip(np.rint(left[row] / scale), *limits)
        error = (left[row] - codes[order[row]] * scale) / upper[row, row]
        left[row + 1 :] -= np.outer(upper[row, row + 1 :], error)
    return codes
