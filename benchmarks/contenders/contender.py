"""What a contender is: it fine-tunes a trained model at given widths and answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.methods.method import Job

Answers = NDArray[np.generic]

#: Bits of the model's input, and of its output where a contender rounds it, at every width.
EDGE_BITS = 8


class Absent(Exception):
    """A contender can't take part here; the message says why."""


@dataclass(frozen=True)
class Width:
    """Bits of weights and of activations, 2 to 8 each, written w4a8."""

    weights: int
    activations: int

    @classmethod
    def parse(cls, text: str) -> Width:
        """Read w4a8. Raises ValueError on anything else."""
        found = re.fullmatch(r"w([2-8])a([2-8])", text)
        if found is None:
            raise ValueError(f"{text!r} is no width from w2a2 to w8a8")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"w{self.weights}a{self.activations}"


@dataclass(frozen=True)
class Trained:
    """Answers (samples, classes) of the quantized model for the validation and the test split."""

    val: Answers
    test: Answers


@dataclass(frozen=True)
class Contender:
    """Quantization-aware training by one library.

    `version()` raises Absent where the library is missing. `train(job, width)` fine-tunes the
    float `job.model` on `job.budget` and tells (qnnlab.steps) "training" at the end of each epoch.
    `quantizes` says which tensors get which widths, `settings` how it was set up; both are shown
    under the table.
    """

    name: str
    title: str
    quantizes: str
    settings: str
    version: Callable[[], str]
    supports: Callable[[Width], bool]
    train: Callable[[Job, Width], Trained]


def answers(model: Any, job: Job) -> Trained:
    """What a fake-quantized tf_keras model answers."""
    val, test = (
        model.predict(split.x, batch_size=256, verbose=0) for split in (job.data.val, job.data.test)
    )
    return Trained(val, test)


def fine_tune(model: Any, job: Job) -> Trained:
    """Train the fake-quantized `model` as qnnlab trains: same batches, optimizer and schedule."""
    from qnnlab.methods.training import fit

    fit(model, job, job.budget.finetune_epochs, job.budget.finetune_learning_rate)
    return answers(model, job)
