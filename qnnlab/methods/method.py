"""What a recipe holds, what a family is given and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.graph.integer.model import IntegerGraph
from qnnlab.tasks import Augment, Budget, Objective, TaskData
from qnnlab.values import Value

Weights = list[NDArray[np.generic]]


@dataclass(frozen=True)
class Recipe:
    """One method: a row of `recipes.yaml`.

    `parent` names the method whose trained weights it starts from; None trains from scratch.
    """

    name: str
    title: str
    family: str
    parent: str | None
    section: str
    source: str
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Job:
    """What a family works on.

    `model` is a tf_keras model: untrained when the recipe has no parent, else with the parent's
    weights. Training is repeatable: the caller has set `seed` everywhere.
    """

    model: Any
    data: TaskData
    budget: Budget
    seed: int
    objective: Objective = "classify"
    augment: Augment | None = None


@dataclass(frozen=True)
class Compressed:
    """What a family gives back: a model in integers or floats, weights for children, figures.

    `tflite` is None where the format can't carry the model; `graph` is then there. `history`
    holds the training curves by name, one number an epoch. `simulate` is the fake-quantized model
    in floats: samples to outputs.
    """

    tflite: bytes | None
    weights: Weights | None = None
    history: Mapping[str, Sequence[float]] | None = None
    values: tuple[Value, ...] = field(default=())
    graph: IntegerGraph | None = None
    simulate: Callable[[NDArray[np.float32]], NDArray[np.float32]] | None = None


@dataclass(frozen=True)
class Family:
    """Runs the recipes of one kind.

    `settings` maps each setting that a recipe must give to its allowed values, or to a type with
    a range (low, high), so that a wrong recipe fails when it is read.
    """

    name: str
    settings: Mapping[str, tuple[Any, ...] | range]
    apply: Callable[[Job, Mapping[str, Any]], Compressed]
