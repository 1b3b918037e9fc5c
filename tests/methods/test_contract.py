"""The contract of every method, seen on real runs of digits."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from tiny_jobs import tiny_job

from qnnlab import backend
from qnnlab.graph.integer.file import graph_from_bytes
from qnnlab.graph.tflite import parse_tflite
from qnnlab.lab import Record, RunStore, Sweep
from qnnlab.lab.experiment import GRAPH, MODEL, _finish
from qnnlab.methods import FAMILIES, RECIPES

pytestmark = pytest.mark.slow

CLASSES = 10
# What tells one way to a model from another, by family; one recipe of each is run twice.
_KIND = ("estimator", "rounding", "pattern", "recipe", "quantize")


def _one_of_each() -> list[str]:
    kinds: dict[Any, str] = {}
    for name, recipe in RECIPES.items():
        kind = next((recipe.settings[key] for key in _KIND if key in recipe.settings), None)
        kinds.setdefault((recipe.family, kind), name)
    return list(kinds.values())


@pytest.fixture(scope="module")
def record_of(smoke_study: Sweep) -> Callable[[str], Record]:
    records = {record.spec.method: record for record in smoke_study.records}
    return lambda name: records[name]


@pytest.mark.parametrize("name", list(RECIPES))
def test_a_run_gives_a_model_of_the_same_shape_and_its_costs(
    name: str, record_of: Callable[[str], Record], smoke_store: RunStore
) -> None:
    record = record_of(name)
    assert record.ok, record.reason
    for figure in ("macs", "file_bytes", "gzip_bytes", "weight_bytes", "accuracy"):
        value = record[figure].value
        assert isinstance(value, int | float)
        assert value > 0
    assert record["stored_runtime_bytes"].value is not None
    artifacts = record.provenance["artifacts"]
    assert artifacts.keys() & {MODEL, GRAPH}
    if MODEL in artifacts:
        graph = parse_tflite(smoke_store.path(record.key, MODEL).read_bytes())
        assert graph.tensors[graph.outputs[0]].shape[-1] == CLASSES
    if GRAPH in artifacts:
        integer = graph_from_bytes(smoke_store.path(record.key, GRAPH).read_bytes())
        assert integer.activations[integer.output].shape == (CLASSES,)
        assert record["integer_gap"].unit == "points"
        assert record["packed_weight_bytes"].value == integer.weight_bytes
    if artifacts.keys() >= {MODEL, GRAPH}:
        assert record["identical_tflm~integer"].value == 100.0


@pytest.mark.parametrize("name", _one_of_each())
def test_another_process_makes_the_same_bytes(
    name: str, record_of: Callable[[str], Record], smoke_store: RunStore
) -> None:
    record = record_of(name)
    again, artifacts = _finish(record.spec, smoke_store, _when())
    digests = {file: hashlib.sha256(content).hexdigest() for file, content in artifacts.items()}
    assert digests == record.provenance["artifacts"]
    assert again.results == record.results


def _when() -> Any:
    from datetime import datetime, timezone

    return datetime.now(timezone.utc)


def _odd(shape: Any, classes: int) -> Any:
    keras = backend.keras()
    inputs = keras.layers.Input(tuple(shape))
    x = keras.layers.Conv2D(4, 3, activation="relu")(inputs)
    x = keras.layers.LayerNormalization(name="odd_one")(x)
    outputs = keras.layers.Dense(classes, activation="softmax")(keras.layers.Flatten()(x))
    return keras.Model(inputs, outputs)


@pytest.mark.parametrize("family", list(FAMILIES))
def test_a_layer_that_a_family_can_not_take_is_named(family: str) -> None:
    recipe = next(recipe for recipe in RECIPES.values() if recipe.family == family)
    said = ""
    try:
        made = FAMILIES[family].apply(tiny_job(_odd), recipe.settings)
    except Exception as error:
        said = str(error)  # tfmot and LiteRT raise types of their own
    assert "odd_one" in said or (not said and made.tflite is not None)
