"""The same float model, data and budget for every contender: how a trial runs and is timed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

import numpy as np
from contenders import CONTENDERS
from contenders.contender import Width
from numpy.typing import NDArray

from qnnlab import backend
from qnnlab.methods import Job
from qnnlab.steps import listening
from qnnlab.tasks import Task, load_task
from qnnlab.tasks.metrics import METRICS

#: Every contender fine-tunes with each; the validation split decides.
LEARNING_RATES = (3e-3, 1e-2, 3e-2)
_TIMED_EPOCHS = 4


@dataclass(frozen=True, eq=False)
class Start:
    """Where every contender starts: a task and the trained float weights of one seed."""

    task: str
    profile: str
    seed: int
    weights: Sequence[NDArray[np.float32]]

    @classmethod
    def trained(cls, task: str, profile: str, seed: int) -> Start:
        """The reference model, trained or from the run store. Raises SpecError when that fails."""
        from qnnlab.lab.reference import fit_reference

        return cls(task, profile, seed, fit_reference(task, profile, seed).model().get_weights())

    def job(self, learning_rate: float, epochs: int | None = None) -> tuple[Task, Job]:
        """A fresh copy of the float model with its data and budget, everything seeded."""
        task, data = load_task(self.task, self.profile)
        budget = replace(task.budgets[self.profile], finetune_learning_rate=learning_rate)
        if epochs is not None:
            budget = replace(budget, finetune_epochs=epochs)
        backend.fresh_session(self.seed)
        model = task.build()
        model.set_weights(self.weights)
        return task, Job(model, data, budget, self.seed, task.objective, task.augment)


@dataclass(frozen=True)
class Trial:
    """One contender at one width from one float model.

    Scores are in percent of the task's metric, low and high the 95 % interval of the test score.
    `val_by_rate_pct` has the validation score of each learning rate, as text; the model of the
    best one, the first of equals, is scored on the test split.
    """

    task: str
    contender: str
    width: str
    seed: int
    float_test_pct: float
    learning_rate: float
    val_pct: float
    test_pct: float
    low_pct: float
    high_pct: float
    val_by_rate_pct: dict[str, float]


@dataclass(frozen=True)
class Timing:
    """Seconds of each epoch of one contender, warm-up epochs left out, and their median."""

    task: str
    contender: str
    width: str
    epochs_s: tuple[float, ...]
    median_s: float


def run_trial(start: Start, contender: str, width: str, rates: Sequence[float]) -> Trial:
    """Fine-tune with each learning rate, choose by validation, score the choice on test.

    Raises Absent where the contender can't take part.
    """
    chosen, by_rate = None, {}
    for rate in rates:
        task, job = start.job(rate)
        metric = METRICS[task.metric]
        float_test = metric(job.model.predict(job.data.test.x, verbose=0), job.data.test)
        trained = CONTENDERS[contender].train(job, Width.parse(width))
        val = metric(trained.val, job.data.val).value_pct
        by_rate[f"{rate:g}"] = val
        if chosen is None or val > chosen[1]:
            chosen = rate, val, metric(trained.test, job.data.test)
    if chosen is None:
        raise ValueError("a trial needs a learning rate")
    rate, val, test = chosen
    return Trial(
        start.task,
        contender,
        width,
        start.seed,
        float_test.value_pct,
        rate,
        val,
        test.value_pct,
        test.low_pct,
        test.high_pct,
        by_rate,
    )


def time_epochs(start: Start, pairs: Sequence[tuple[str, str]], turns: int) -> list[Timing]:
    """Time (contender, width) `pairs` in turn, `turns` times round, in this process alone.

    Each turn trains one warm-up epoch, which builds the graph, and then counts four. An epoch
    is a pass over the training split with augmentation, and one over the validation split.
    """
    seconds: dict[tuple[str, str], list[float]] = {pair: [] for pair in pairs}
    for _ in range(turns):
        for contender, width in pairs:
            _, job = start.job(LEARNING_RATES[0], epochs=1 + _TIMED_EPOCHS)
            ends: list[float] = []

            def listener(what: str, _: float, ends: list[float] = ends) -> None:
                if what == "training":
                    ends.append(time.perf_counter())

            with listening(listener):
                CONTENDERS[contender].train(job, Width.parse(width))
            seconds[contender, width] += list(np.diff(ends))
    return [
        Timing(start.task, contender, width, tuple(map(float, epochs)), median(epochs))
        for (contender, width), epochs in seconds.items()
    ]
