"""A log-linear model of costs with nested effects, and its honest spread.

The cost of row i is Σ_k c_ik · x_ik over kinds of work k, and
log c_ik = base_k + Σ_e (shift of i's level of effect e) + (shift of that level for kind k).
Every shift has a normal prior around 0 whose standard deviation says how much levels differ, so
that a level seen once borrows from its relatives and a level never seen is wide, not wrong (mixed
effects: Gelman & Hill 2007, ch. 12-13). Fitted by Gauss-Newton to the most probable shifts;
spread by the curvature there (Laplace).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Levels = Mapping[str, str]
Key = tuple[str, str, int | None]

_TINY = 1e-9
_MOST_STEPS = 200
_ENOUGH = 1e-2
_STUCK = 1e8
_COLD, _WARM = 1.0, 1e-3


@dataclass(frozen=True)
class Effect:
    """Levels of one name differ by `sd` (natural log), and by `kind_sd` more in each kind."""

    name: str
    sd: float
    kind_sd: float = 0.0


@dataclass(frozen=True)
class Prior:
    """The base cost of each kind (`centre`, in units of cost) and its spread (natural log)."""

    centre: tuple[float, ...]
    sd: tuple[float, ...]
    effects: tuple[Effect, ...]


@dataclass(frozen=True, eq=False)
class MixedFit:
    """Most probable shifts by key (effect, level, kind), and what their spread follows from.

    Spread is kept in the space of rows: `jacobian` (rows, shifts), `inverse_gram` (rows, rows).
    """

    prior: Prior
    index: Mapping[Key, int]
    shifts: Array
    spread: Array
    jacobian: Array
    inverse_gram: Array

    def knows(self, effect: str, level: str) -> bool:
        """Whether a row of that level was seen."""
        return (effect, level, None) in self.index

    def predict(self, levels: Levels, work: Array) -> tuple[float, float]:
        """Log of the cost and its standard deviation, the row's own noise left out."""
        design = np.zeros((len(work), self.shifts.size))
        _fill(design, self.index, self.prior.effects, levels)
        mean, weights = _log_cost((design @ self.shifts)[None], work[None])
        gradient = (weights[0] @ design) * self.spread
        seen = self.jacobian @ (gradient * self.spread)
        variance = gradient @ gradient - seen @ self.inverse_gram @ seen
        for effect in self.prior.effects:
            if not self.knows(effect.name, levels[effect.name]):
                variance += effect.sd**2 + effect.kind_sd**2 * float(weights[0] @ weights[0])
        return float(mean[0]), float(np.sqrt(max(variance, 0.0)))

    def cost_by_kind(self, levels: Levels) -> Array:
        """The most probable cost of one unit of each kind of work."""
        design = np.zeros((len(self.prior.centre), self.shifts.size))
        _fill(design, self.index, self.prior.effects, levels)
        return np.exp(design @ self.shifts)


def fit_mixed(
    prior: Prior,
    levels: Sequence[Levels],
    work: Array,
    log_cost: Array,
    noise: Array,
    start: MixedFit | None = None,
) -> MixedFit:
    """Fit rows: `work` (rows, kinds), `log_cost` and its own `noise` (rows,), natural log.

    `start`: a fit of nearly the same rows, from which this one is reached sooner.
    """
    index, spread = _parameters(prior, levels)
    design = np.zeros((*work.shape, len(index)))
    for row, of_row in zip(design, levels, strict=True):
        _fill(row, index, prior.effects, of_row)
    centre = np.zeros(len(index))
    centre[: work.shape[1]] = np.log(prior.centre)
    problem = _Problem(design, work, log_cost, noise, centre, spread)
    first = centre.copy()
    if start is not None:
        for key, place in index.items():
            if key in start.index:
                first[place] = start.shifts[start.index[key]]
    shifts = problem.most_probable(first, _WARM if start is not None else _COLD)
    _, weights = _log_cost(design @ shifts, work)
    jacobian = np.einsum("nk,nkp->np", weights, design)
    gram = (jacobian * spread**2) @ jacobian.T + np.diag(noise**2)
    return MixedFit(prior, index, shifts, spread, jacobian, np.linalg.inv(gram))


def _parameters(prior: Prior, levels: Sequence[Levels]) -> tuple[dict[Key, int], Array]:
    spread: dict[Key, float] = {("base", "", kind): sd for kind, sd in enumerate(prior.sd)}
    for effect in prior.effects:
        for level in sorted({row[effect.name] for row in levels}):
            spread[effect.name, level, None] = effect.sd
            if effect.kind_sd:
                for kind in range(len(prior.sd)):
                    spread[effect.name, level, kind] = effect.kind_sd
    return {key: place for place, key in enumerate(spread)}, np.array(list(spread.values()))


def _fill(
    design: Array,
    index: Mapping[Key, int],
    effects: Sequence[Effect],
    levels: Levels,
) -> None:
    for kind in range(len(design)):
        design[kind, index["base", "", kind]] = 1
        for effect in effects:
            for key in ((effect.name, levels[effect.name], part) for part in (None, kind)):
                if key in index:
                    design[kind, index[key]] = 1


def _log_cost(log_unit: Array, work: Array) -> tuple[Array, Array]:
    """log Σ_k exp(log_unit) · work by row, and the share of each kind in it."""
    terms = log_unit + np.log(np.maximum(work, _TINY))
    top = terms.max(axis=1, keepdims=True)
    parts = np.exp(terms - top)
    total = parts.sum(axis=1, keepdims=True)
    return (top + np.log(total))[:, 0], parts / total


@dataclass(frozen=True, eq=False)
class _Problem:
    """Rows and priors of one fit."""

    design: Array
    work: Array
    log_cost: Array
    noise: Array
    centre: Array
    spread: Array

    def loss(self, shifts: Array, mean: Array) -> float:
        misfit = ((self.log_cost - mean) / self.noise) ** 2
        return float(misfit.sum() + (((shifts - self.centre) / self.spread) ** 2).sum())

    def step(self, shifts: Array, mean: Array, weights: Array, damping: float) -> Array:
        """Gauss-Newton with Levenberg's damping, solved in the space of rows: they are fewer."""
        jacobian = np.einsum("nk,nkp->np", weights, self.design)
        pull = (shifts - self.centre) / (1 + damping)
        scaled = jacobian * (self.spread**2 / (1 + damping))
        gram = scaled @ jacobian.T + np.diag(self.noise**2)
        along = np.linalg.solve(gram, self.log_cost - mean + jacobian @ pull)
        return np.asarray(scaled.T @ along - pull)

    def most_probable(self, first: Array, damping: float) -> Array:
        shifts = first
        mean, weights = _log_cost(self.design @ shifts, self.work)
        best = self.loss(shifts, mean)
        for _ in range(_MOST_STEPS):
            tried = shifts + self.step(shifts, mean, weights, damping)
            mean_there, weights_there = _log_cost(self.design @ tried, self.work)
            there = self.loss(tried, mean_there)
            if there >= best:
                damping *= 4
                if damping > _STUCK:
                    break
                continue
            gain, best = best - there, there
            shifts, mean, weights = tried, mean_there, weights_there
            damping = max(damping / 5, _TINY)
            if gain < _ENOUGH:
                break
        return shifts
