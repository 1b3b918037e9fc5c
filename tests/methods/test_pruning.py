"""Masks follow their pattern, hold through training, and survive to the integers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_jobs import residual, tiny_job

from qnnlab import backend
from qnnlab.errors import MethodError
from qnnlab.graph.integer.model import IntegerGraph
from qnnlab.graph.stored import stored_sizes
from qnnlab.methods import FAMILIES, Compressed
from qnnlab.methods.network.reading import read_network
from qnnlab.methods.post_training.plain import plainly_quantized
from qnnlab.methods.pruning import (
    masks_of,
    pattern_kept,
    pruned_network,
    scheduled_sparsity,
    unpruned_layers,
)
from qnnlab.methods.qat import upright

SHARES = st.floats(0, 0.99)
SEEDS = st.integers(0, 2**32 - 1)


def kernel(seed: int, shape: tuple[int, ...] = (3, 2, 8, 6)) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def applied(
    build: Any = residual, shape: tuple[int, ...] = (8, 8, 4), **changes: Any
) -> Compressed:
    settings = {
        "scope": "layer",
        "sparsity_pct": 50,
        "weight_bits": 8,
        "activation_bits": 8,
        **changes,
    }
    return FAMILIES["prune"].apply(tiny_job(build, shape), settings)


def codes(graph: IntegerGraph | None) -> dict[str, np.ndarray]:
    assert graph is not None
    return {op.name: op.weights.values() for op in graph.ops if op.weights is not None}


def figures(found: Compressed) -> dict[str, Any]:
    return {value.name: value.value for value in found.values}


@given(st.integers(1, 1000), SHARES)
def test_the_schedule_rises_from_nothing_to_the_end(steps: int, final: float) -> None:
    course = [scheduled_sparsity(step, steps, final) for step in range(steps + 3)]
    assert course[0] == 0
    assert course[-1] == course[steps] == final
    assert (np.diff(course) >= 0).all()


def test_the_schedule_is_cubic() -> None:
    assert scheduled_sparsity(5, 10, 0.8) == pytest.approx(0.8 * (1 - 0.5**3))


@given(SEEDS, SHARES)
def test_the_smallest_weights_of_a_layer_go(seed: int, share: float) -> None:
    weights = kernel(seed)
    keep = masks_of({4: weights}, "unstructured", "layer", share)[4]
    assert np.count_nonzero(~keep) == round(share * weights.size)
    gone, left = np.abs(weights[~keep]), np.abs(weights[keep])
    assert gone.size == 0 or gone.max() <= left.min()


def test_globally_the_layer_of_small_weights_loses_most() -> None:
    kernels = {1: kernel(1), 2: 100 * (kernel(2) + np.sign(kernel(2)))}
    masks = masks_of(kernels, "unstructured", "global", 0.5)
    assert not masks[1].any()
    assert masks[2].all()
    masks = masks_of(kernels, "unstructured", "global", 0.75)
    assert np.count_nonzero(~masks[2]) == kernels[2].size // 2


@given(SEEDS)
def test_two_of_four_input_channels_stay_the_larger_ones(seed: int) -> None:
    weights = kernel(seed)
    keep = masks_of({0: weights}, "n_m", "layer", 0.5)[0]
    groups = np.moveaxis(keep, 2, -1).reshape(-1, 4)
    sizes = np.abs(np.moveaxis(weights, 2, -1)).reshape(-1, 4)
    assert (groups.sum(axis=1) == 2).all()
    assert (np.where(groups, np.inf, sizes).min(axis=1) <= sizes.max(axis=1)).all()
    assert (np.where(groups, 0, sizes).max(1) <= np.where(groups, sizes, np.inf).min(1)).all()


@given(SEEDS, SHARES, st.sampled_from(["block_1x4", "block_4x1"]))
def test_blocks_stay_or_go_as_a_whole(seed: int, share: float, pattern: str) -> None:
    axis = 3 if pattern == "block_1x4" else 2
    keep = np.moveaxis(masks_of({0: kernel(seed)}, pattern, "layer", share)[0], axis, -1)
    starts = np.arange(0, keep.shape[-1], 4)
    alive = np.add.reduceat(keep.astype(int), starts, axis=-1)
    sizes = np.diff([*starts, keep.shape[-1]])
    assert ((alive == 0) | (alive == sizes)).all()
    assert np.count_nonzero(alive == 0) == round(share * alive.size)


def test_the_block_of_the_smallest_mean_goes_first() -> None:
    weights = np.array([[9, 0, 0, 0, 2, 2, 2, 2, 1, 1]], np.float32)
    keep = masks_of({0: weights}, "block_1x4", "layer", 1 / 3)[0]
    assert keep.tolist() == [[True] * 8 + [False] * 2]


@pytest.mark.parametrize(("pattern", "scope"), [("rows", "layer"), ("n_m", "channel")])
def test_unknown_pattern_or_scope(pattern: str, scope: str) -> None:
    with pytest.raises(ValueError, match=f"'{pattern}', '{scope}': patterns are"):
        masks_of({0: kernel(0)}, pattern, scope, 0.5)


def test_blocks_of_all_layers_compare_by_their_means() -> None:
    """A block of one weight counts like a block of four."""
    kernels = {0: np.full((1, 5), 3, np.float32), 1: np.full((2, 4), 2, np.float32)}
    masks = masks_of(kernels, "block_1x4", "global", 0.5)
    assert masks[0].all()
    assert not masks[1].any()


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("unstructured", {"depthwise"}),
        ("n_m", {"first", "depthwise", "last"}),
        ("block_1x4", {"depthwise", "last"}),
        ("block_4x1", {"first", "depthwise"}),
    ],
)
def test_what_is_left_whole_is_named(pattern: str, names: set[str]) -> None:
    network = read_network(residual((8, 8, 3), 2))
    left = unpruned_layers(network, pattern)
    assert set(left) == names
    assert all(left.values())


@pytest.mark.slow
def test_masks_hold_through_training_and_share_is_reached() -> None:
    job = tiny_job(residual, epochs=2)
    start = upright(read_network(job.model))
    network, masks, history = pruned_network(start, job, "unstructured", "layer", 0.8)
    assert len(history["loss"]) == 2
    for index, keep in masks.items():
        assert not network.nodes[index].weights[~keep].any()
        assert np.count_nonzero(~keep) == round(0.8 * keep.size)
        moved = network.nodes[index].weights[keep] - start.nodes[index].weights[keep]
        assert np.abs(moved).max() > 0


@pytest.mark.slow
def test_two_of_four_survives_to_the_integers() -> None:
    found = applied(pattern="n_m", weight_bits=4)
    weights = codes(found.graph)
    for name in ("first", "second", "third"):
        assert (np.count_nonzero(weights[name].reshape(-1, 4), axis=1) <= 2).all()
    assert figures(found)["pattern_kept"] is True
    assert "depthwise: " in figures(found)["unpruned_layers"]
    assert "last: 54 input channels" in figures(found)["unpruned_layers"]
    assert found.tflite is not None
    assert found.graph is not None
    sizes = {size.name: size.n_bytes for size in stored_sizes(found.graph)}
    assert sizes["nm24"] < sizes["packed"] < sizes["runtime"] == sizes["dense"]


@pytest.mark.slow
def test_blocks_survive_to_the_integers() -> None:
    weights = codes(applied(pattern="block_1x4", sparsity_pct=75).graph)["first"]
    blocks = weights.reshape(2, 4, -1).any(axis=1)
    assert np.count_nonzero(~blocks) >= round(0.75 * blocks.size)


@pytest.mark.slow
def test_a_code_where_the_mask_says_0_is_seen() -> None:
    job = tiny_job(residual)
    network, masks, _ = pruned_network(upright(read_network(job.model)), job, "n_m", "layer", 0.5)
    quantized = plainly_quantized(network, job, 8, 8)
    assert pattern_kept(masks, quantized)
    index = next(iter(masks))
    quantized.kernels[index].codes[np.unravel_index(np.argmin(masks[index]), (3, 3, 4, 8))] = 1
    assert not pattern_kept(masks, quantized)


def test_another_share_than_half_is_not_two_of_four() -> None:
    with pytest.raises(MethodError, match="sparsity_pct must be 50 and scope layer, not 80"):
        applied(pattern="n_m", sparsity_pct=80)


def test_nothing_to_prune_is_said() -> None:
    def thin(shape: Any, classes: int) -> Any:
        layers = backend.keras().layers
        inputs = layers.Input(shape)
        return backend.keras().Model(inputs, layers.Dense(classes, name="thin")(inputs))

    with pytest.raises(MethodError, match="thin: 3 input channels are no multiple of 4"):
        applied(thin, (3,), pattern="n_m")


def test_a_layer_without_integer_form_is_named() -> None:
    def bent(shape: Any, classes: int) -> Any:
        layers = backend.keras().layers
        inputs = layers.Input(shape)
        return backend.keras().Model(inputs, layers.Dense(classes, "tanh", name="bent")(inputs))

    with pytest.raises(MethodError, match="'bent' ends in tanh"):
        applied(bent, (8,), pattern="n_m")
