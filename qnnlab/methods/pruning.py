"""Pruning by qnnlab's own masks: single weights, 2:4, blocks of four; then plain quantization."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab import backend
from qnnlab.errors import MethodError
from qnnlab.methods.export import compressed
from qnnlab.methods.method import Compressed, Family, Job
from qnnlab.methods.network.keras_model import build_model, simulated_model, trained_network
from qnnlab.methods.network.nodes import Floats, Network, Node
from qnnlab.methods.network.quantized import QuantizedNetwork
from qnnlab.methods.network.reading import read_network
from qnnlab.methods.post_training.plain import plainly_quantized
from qnnlab.methods.qat import upright
from qnnlab.methods.training import History, fit, steps_per_epoch
from qnnlab.values import Value

Mask = NDArray[np.bool_]

PATTERNS = ("unstructured", "n_m", "block_1x4", "block_4x1")
SCOPES = ("global", "layer")

_RAMP_SHARE = 0.6  # of the steps raise the sparsity; the rest recover at the final one
_EVERY = 10  # steps between two masks
_SIZE = 4  # of blocks, and of the groups of 2:4
_KEPT = 2  # of a group
_N_M_PCT = 50
_OUTPUTS, _INPUTS = -1, -2  # axes of a kernel
_BLOCKS = {"block_1x4": _OUTPUTS, "block_4x1": _INPUTS}


def apply(job: Job, settings: Mapping[str, Any]) -> Compressed:
    """Fine-tune while weights are masked, quantize, and see that what was 0 has code 0."""
    pattern, scope, pct = (settings[name] for name in ("pattern", "scope", "sparsity_pct"))
    if pattern == "n_m" and (pct, scope) != (_N_M_PCT, "layer"):
        raise MethodError(
            f"pattern n_m keeps 2 of 4: sparsity_pct must be {_N_M_PCT} and scope layer, "
            f"not {pct} and {scope}"
        )
    network = upright(read_network(job.model))
    unpruned = unpruned_layers(network, pattern)
    if len(unpruned) == len(network.computing()):
        raise MethodError(f"no layer can be pruned by {pattern}: {_listed(unpruned)}")
    pruned, masks, history = pruned_network(network, job, pattern, scope, pct / 100)
    quantized = plainly_quantized(pruned, job, settings["weight_bits"], settings["activation_bits"])
    found = compressed(quantized, simulated_model(quantized), history)
    return replace(found, values=_figures(pruned, masks, quantized, unpruned))


def unpruned_layers(network: Network, pattern: str) -> dict[str, str]:
    """By name, the layers with weights that `pattern` leaves whole, and why.

    All other convolutions and dense layers are pruned, the first and the last one too.
    """
    nodes = (network.nodes[index] for index in network.computing())
    reasons = {node.name: _obstacle(node, pattern) for node in nodes}
    return {name: reason for name, reason in reasons.items() if reason is not None}


def _obstacle(node: Node, pattern: str) -> str | None:
    if node.kind == "depthwise":
        return "a depthwise filter has few weights, none of them spare"
    inputs, outputs = node.weights.shape[_INPUTS], node.weights.shape[_OUTPUTS]
    if pattern == "n_m" and inputs % _SIZE:
        return f"{inputs} input channels are no multiple of {_SIZE}"
    if pattern == "block_4x1" and inputs < _SIZE:
        return f"{inputs} input channels make no block of {_SIZE}"
    if pattern == "block_1x4" and outputs < _SIZE:
        return f"{outputs} output channels make no block of {_SIZE}"
    return None


def masks_of(
    kernels: Mapping[int, Floats], pattern: str, scope: str, sparsity: float
) -> dict[int, Mask]:
    """Which weights stay, of `kernels` in Keras's layout: those of the largest magnitude.

    `sparsity` is the share that goes, of each layer (scope layer) or of all together (global,
    which may empty a layer of small weights): of single weights (unstructured), or of blocks by
    their mean: four neighbouring output channels (block_1x4) or input channels (block_4x1), a
    last block may be smaller. n_m keeps two of four neighbouring input channels (Mishra et al.
    2021, arXiv:2104.08378), whatever the rest says. Raises ValueError on an unknown pattern or
    scope.
    """
    if pattern not in PATTERNS or scope not in SCOPES:
        raise ValueError(f"{pattern!r}, {scope!r}: patterns are {PATTERNS}, scopes {SCOPES}")
    if pattern == "n_m":
        return {index: _two_of_four(np.abs(kernel)) for index, kernel in kernels.items()}
    axis = _BLOCKS.get(pattern)
    scores = {index: _scores(np.abs(kernel), axis) for index, kernel in kernels.items()}
    keep = {index: _largest(score, sparsity) for index, score in scores.items()}
    if scope == "global":
        together = _largest(np.concatenate([s.ravel() for s in scores.values()]), sparsity)
        parts = np.split(together, np.cumsum([s.size for s in scores.values()])[:-1])
        keep = {
            index: part.reshape(scores[index].shape)
            for index, part in zip(scores, parts, strict=True)
        }
    return {index: _spread(keep[index], kernel.shape, axis) for index, kernel in kernels.items()}


def _largest(scores: NDArray[np.floating], sparsity: float) -> Mask:
    """All but the smallest `sparsity` of the scores; of equal ones the first go."""
    keep = np.ones(scores.size, np.bool_)
    keep[np.argsort(scores, axis=None, kind="stable")[: round(sparsity * scores.size)]] = False
    return keep.reshape(scores.shape)


def _two_of_four(sizes: Floats) -> Mask:
    last = np.moveaxis(sizes, _INPUTS, -1)
    groups = last.reshape(*last.shape[:-1], -1, _SIZE)
    keep = np.zeros(groups.shape, np.bool_)
    order = np.argsort(-groups, axis=-1, kind="stable")
    np.put_along_axis(keep, order[..., :_KEPT], True, axis=-1)
    return np.moveaxis(keep.reshape(last.shape), -1, _INPUTS)


def _scores(sizes: Floats, axis: int | None) -> NDArray[np.floating]:
    """The magnitudes, or their means over blocks along `axis`."""
    if axis is None:
        return sizes
    starts = np.arange(0, sizes.shape[axis], _SIZE)
    lengths = np.diff([*starts, sizes.shape[axis]])
    means = np.moveaxis(np.add.reduceat(sizes, starts, axis=axis), axis, -1) / lengths
    return np.moveaxis(means, -1, axis)


def _spread(keep: Mask, shape: tuple[int, ...], axis: int | None) -> Mask:
    """A mask of blocks as a mask of weights."""
    if axis is None:
        return keep
    return np.repeat(keep, _SIZE, axis=axis).take(np.arange(shape[axis]), axis=axis)


def scheduled_sparsity(step: int, steps: int, final: float) -> float:
    """The sparsity after `step` of `steps` steps, from 0 (Zhu and Gupta 2017, arXiv:1710.01878).

    final × (1 − (1 − step/steps)³), their equation 1.
    """
    left = 1 - min(step, steps) / steps
    return float(final * (1 - left**3))


class Masked:
    """A `WeightQuantizer` that multiplies the kernel by a mask of zeros and ones."""

    def start(self, layer: Any, _: Floats) -> None:
        """A mask of ones in `layer`."""
        self.layer = layer
        self.mask = layer.add_weight(
            name="mask", shape=layer.kernel.shape, initializer="ones", trainable=False
        )

    def fake(self, kernel: Any) -> Any:
        """The kernel without what is masked, which learns nothing either."""
        return kernel * self.mask

    def present(self) -> Floats:
        """The kernel as it computes now."""
        kernel: Floats = self.layer.kernel.numpy() * self.mask.numpy()
        return kernel


def pruned_network(
    network: Network, job: Job, pattern: str, scope: str, sparsity: float
) -> tuple[Network, dict[int, Mask], History]:
    """`network` fine-tuned under masks, the masks by node, and the training curves.

    Sparsity rises over the first steps, but 2:4 is there from the start, as its paper has it. A
    weight that is masked never comes back.
    """
    left = unpruned_layers(network, pattern)
    masked = {
        index: Masked() for index in network.computing() if network.nodes[index].name not in left
    }
    model = build_model(network, weights=masked)
    callbacks = []
    if pattern == "n_m":
        _mask(masked, pattern, scope, sparsity)
    else:
        callbacks.append(_rising(masked, pattern, scope, sparsity, job))
    epochs, rate = job.budget.finetune_epochs, job.budget.finetune_learning_rate
    history = fit(model, job, epochs, rate, callbacks)
    trained = trained_network(network, model)
    changed = {
        index: replace(trained.nodes[index], kernel=held.present())
        for index, held in masked.items()
    }
    masks = {index: held.mask.numpy().astype(np.bool_) for index, held in masked.items()}
    return trained.with_nodes(changed), masks, history


def _mask(masked: Mapping[int, Masked], pattern: str, scope: str, sparsity: float) -> None:
    kernels = {index: held.present() for index, held in masked.items()}
    for index, keep in masks_of(kernels, pattern, scope, sparsity).items():
        masked[index].mask.assign(keep.astype(np.float32))


def _rising(masked: Mapping[int, Masked], pattern: str, scope: str, final: float, job: Job) -> Any:
    """A callback that masks more and more."""
    steps = job.budget.finetune_epochs * steps_per_epoch(job)
    ramp = max(1, round(_RAMP_SHARE * steps))
    done = 0

    def next_step(_batch: int, _logs: Any) -> None:
        nonlocal done
        done += 1
        if done <= ramp and (done % _EVERY == 0 or done == ramp):
            _mask(masked, pattern, scope, scheduled_sparsity(done, ramp, final))

    return backend.keras().callbacks.LambdaCallback(on_train_batch_begin=next_step)


def pattern_kept(masks: Mapping[int, Mask], quantized: QuantizedNetwork) -> bool:
    """Whether every masked weight has the integer 0."""
    return all(not quantized.kernels[index].values()[~keep].any() for index, keep in masks.items())


def _figures(
    pruned: Network, masks: Mapping[int, Mask], quantized: QuantizedNetwork, left: Mapping[str, str]
) -> tuple[Value, ...]:
    total = sum(math.prod(pruned.nodes[index].weights.shape) for index in pruned.computing())
    gone = sum(int(np.count_nonzero(~keep)) for keep in masks.values())
    of_all = "share of all weights, depthwise and unpruned layers included"
    kept = "every masked weight has code 0 in the integer graph"
    why = "layers that the pattern leaves whole, and why"
    return (
        Value("masked_weights_pct", 100 * gone / total, "%", "measured", of_all),
        Value("pattern_kept", pattern_kept(masks, quantized), "", "measured", kept),
        Value("unpruned_layers", _listed(left), "", "measured", why),
    )


def _listed(left: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {reason}" for name, reason in left.items()) or "none"


FAMILY = Family(
    "prune",
    {
        "pattern": PATTERNS,
        "scope": SCOPES,
        "sparsity_pct": range(1, 100),
        "weight_bits": range(2, 9),
        "activation_bits": range(2, 17),
    },
    apply,
)
