"""The mixed-effects model: it finds what made the rows, and is wide where it saw none."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from qnnlab.targets.cost.mixed import Effect, Prior, fit_mixed

PRIOR = Prior((1.0, 1.0), (2.0, 2.0), (Effect("core", 0.5, 0.2), Effect("runtime", 0.5, 0.2)))
CORES, RUNTIMES = {"a": 1.0, "b": 3.0}, {"x": 1.0, "y": 2.0}
COST = np.array([2.0, 10.0])


def rows(seed=0, count=40, noise=0.02):
    """Rows of known costs: levels, work, log cost, noise."""
    rng = np.random.default_rng(seed)
    levels = [
        {"core": core, "runtime": runtime}
        for core, runtime in zip(
            rng.choice(list(CORES), count), rng.choice(list(RUNTIMES), count), strict=True
        )
    ]
    work = rng.uniform(1e3, 1e6, (count, 2))
    factor = np.array([CORES[row["core"]] * RUNTIMES[row["runtime"]] for row in levels])
    log_cost = np.log(work @ COST * factor) + rng.normal(0, noise, count)
    return levels, work, log_cost, np.full(count, noise)


def test_it_predicts_new_work_of_known_levels():
    fit = fit_mixed(PRIOR, *rows())
    work = np.array([5e4, 2e5])
    mean, sd = fit.predict({"core": "b", "runtime": "y"}, work)
    truth = np.log(work @ COST * 6)
    assert abs(mean - truth) < 0.05
    assert sd < 0.1


def test_an_unseen_level_is_wider_by_its_prior():
    fit = fit_mixed(PRIOR, *rows())
    work = np.array([5e4, 2e5])
    known = fit.predict({"core": "a", "runtime": "x"}, work)[1]
    unseen = fit.predict({"core": "new", "runtime": "x"}, work)[1]
    assert unseen > max(known, 0.4)


def test_a_warm_start_ends_where_a_cold_one_does():
    levels, work, log_cost, noise = rows()
    whole = fit_mixed(PRIOR, levels, work, log_cost, noise)
    kept = slice(0, 30)
    parts = (levels[kept], work[kept], log_cost[kept], noise[kept])
    cold, warm = fit_mixed(PRIOR, *parts), fit_mixed(PRIOR, *parts, whole)
    at = {"core": "a", "runtime": "y"}, np.array([1e5, 1e5])
    assert np.allclose(cold.predict(*at), warm.predict(*at), atol=5e-3)


@given(
    extra=st.floats(1, 1e6),
    kind=st.sampled_from([0, 1]),
    core=st.sampled_from(["a", "b", "new"]),
)
def test_more_work_never_costs_less(extra, kind, core):
    fit = _FIT
    work = np.array([1e4, 1e4])
    more = work.copy()
    more[kind] += extra
    levels = {"core": core, "runtime": "x"}
    assert fit.predict(levels, more)[0] >= fit.predict(levels, work)[0]


_FIT = fit_mixed(PRIOR, *rows())
