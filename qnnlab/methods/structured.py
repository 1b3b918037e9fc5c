"""Filters removed by their norm: a network that is really smaller, then plain quantization."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import MethodError
from qnnlab.methods.export import compressed
from qnnlab.methods.method import Compressed, Family, Job
from qnnlab.methods.network.keras_model import build_model, simulated_model, trained_network
from qnnlab.methods.network.nodes import BatchNorm, Floats, Network, Node, as_matrix
from qnnlab.methods.network.reading import read_network
from qnnlab.methods.post_training.plain import plainly_quantized
from qnnlab.methods.qat import upright
from qnnlab.methods.training import fit
from qnnlab.values import Value

Places = NDArray[np.int64]

_NORMS = {"l1": 1, "l2": 2}


def apply(job: Job, settings: Mapping[str, Any]) -> Compressed:
    """Remove filters, rebuild the network without them, fine-tune it, quantize it."""
    network = upright(read_network(job.model))
    groups = channel_groups(network)
    kept = kept_channels(network, groups, settings["sparsity_pct"] / 100, settings["criterion"])
    smaller = rebuilt(network, kept)
    model = build_model(smaller)
    rate = job.budget.finetune_learning_rate
    history = fit(model, job, job.budget.finetune_epochs, rate)
    smaller = trained_network(smaller, model)
    quantized = plainly_quantized(
        smaller, job, settings["weight_bits"], settings["activation_bits"]
    )
    found = compressed(quantized, simulated_model(quantized), history)
    return replace(found, values=_figures(network, smaller, groups))


@dataclass(frozen=True)
class Groups:
    """Nodes whose output channels must go together: `roots` by node, equal within a group.

    `fixed` says by root why no channel of a group may go.
    """

    roots: tuple[int, ...]
    fixed: Mapping[int, str]

    def members(self, root: int) -> list[int]:
        """The nodes of a group, in order."""
        return [index for index, own in enumerate(self.roots) if own == root]


def channel_groups(network: Network) -> Groups:
    """Which channels are one: through additions, depthwise filters, pools and reshapes.

    A flattened picture has each channel once a position; a dense layer after it loses the rows
    of all of them. Where something else reads those, or a depthwise layer has several filters a
    channel, the channels are fixed, as those of input and output are.
    """
    parents = list(range(len(network.nodes)))

    def root(index: int) -> int:
        while parents[index] != index:
            index = parents[index]
        return index

    reasons = {0: "it is the input", network.output: "it makes the output"}
    for index, node in enumerate(network.nodes):
        for source in node.inputs:
            obstacle = _obstacle(network, index, source)
            if obstacle is not None:
                reasons[index] = reasons[source] = obstacle
            elif _same_channels(network, index, source):
                parents[root(index)] = root(source)
    fixed = {root(index): reason for index, reason in reasons.items()}
    return Groups(tuple(root(index) for index in range(len(parents))), fixed)


def _same_channels(network: Network, index: int, source: int) -> bool:
    node, before = network.nodes[index], network.nodes[source]
    if node.kind in ("conv", "dense"):
        return False
    return node.kind != "reshape" or node.channels == before.channels


def _obstacle(network: Network, index: int, source: int) -> str | None:
    node, before = network.nodes[index], network.nodes[source]
    if node.kind == "depthwise" and node.channels != before.channels:
        return f"{node.name} has several filters a channel"
    if node.kind != "reshape" or node.channels == before.channels:
        return None
    readers = [network.nodes[at].kind for at in network.consumers(index)]
    if len(node.shape) == 1 and readers and set(readers) == {"dense"}:
        return None
    return f"{node.name} mixes channels and positions"


def kept_channels(
    network: Network, groups: Groups, sparsity: float, criterion: str
) -> dict[int, Places]:
    """By node, the output channels that stay, in order: at least one.

    Each group loses the share `sparsity` of its channels, those of the smallest norm (l1: Li et
    al. 2017, arXiv:1608.08710; or l2) of the filters with the batch norm's scale inside. Norms
    are relative to their layer's mean and added over the group. Raises MethodError where every
    group is fixed.
    """
    scores = {
        index: _norms(network.nodes[index], _NORMS[criterion]) for index in network.computing()
    }
    kept, removed = {}, 0
    for root in sorted(set(groups.roots)):
        members = groups.members(root)
        channels = network.nodes[members[0]].channels
        filters = [scores[index] for index in members if index in scores]
        places = np.arange(channels)
        if filters and root not in groups.fixed:
            gone = min(channels - 1, round(sparsity * channels))
            order = np.argsort(np.sum(filters, axis=0), kind="stable")
            places = np.sort(order[gone:])
            removed += gone
        kept.update(dict.fromkeys(members, places))
    if not removed:
        raise MethodError(f"{100 * sparsity:g} % take no filter; fixed: {_listed(network, groups)}")
    for index, node in enumerate(network.nodes):
        own = groups.roots[index]
        apart = node.kind == "reshape" and own != groups.roots[node.inputs[0]]
        if apart and own not in groups.fixed:
            kept[index] = _flattened(network, index, kept[node.inputs[0]])
    return kept


def _norms(node: Node, order: int) -> Floats:
    """The norm of each output channel's filter over the layer's mean of them."""
    found: Floats = np.linalg.norm(
        as_matrix(node.folded().weights, node.channels), ord=order, axis=0
    )
    return found / max(float(found.mean()), float(np.finfo(np.float32).tiny))


def _flattened(network: Network, index: int, kept: Places) -> Places:
    """Where `kept` channels lie in a flattened picture, position after position."""
    node = network.nodes[index]
    channels = network.nodes[node.inputs[0]].channels
    positions = np.arange(node.channels // channels)
    return (positions[:, np.newaxis] * channels + kept).ravel()


def rebuilt(network: Network, kept: Mapping[int, Places]) -> Network:
    """`network` with the `kept` channels of each node alone, in kernels, shapes and all."""
    changed = {}
    for index, node in enumerate(network.nodes):
        places = kept[index]
        kernel = node.kernel
        if kernel is not None:
            kernel = np.take(kernel, kept[node.inputs[0]], axis=-2)
            # A depthwise kernel's last axis counts filters a channel.
            kernel = kernel if node.kind == "depthwise" else np.take(kernel, places, axis=-1)
        changed[index] = replace(
            node,
            shape=(*node.shape[:-1], len(places)),
            kernel=kernel,
            bias=None if node.bias is None else node.bias[places],
            batch_norm=None if node.batch_norm is None else _thinned(node.batch_norm, places),
        )
    return network.with_nodes(changed)


def _thinned(norm: BatchNorm, places: Places) -> BatchNorm:
    return replace(
        norm,
        gamma=norm.gamma[places],
        beta=norm.beta[places],
        mean=norm.mean[places],
        variance=norm.variance[places],
    )


def _figures(network: Network, smaller: Network, groups: Groups) -> tuple[Value, ...]:
    before, after = (
        sum(whole.nodes[index].channels for index in network.computing())
        for whole in (network, smaller)
    )
    share = 100 * (1 - after / before)
    filters = f"{before - after} of {before} filters of all layers with weights"
    return (
        Value("removed_filters_pct", share, "%", "measured", filters),
        Value(
            "unpruned_layers",
            _listed(network, groups),
            "",
            "measured",
            "layers that keep all filters, and why",
        ),
    )


def _listed(network: Network, groups: Groups) -> str:
    left = [
        f"{network.nodes[index].name}: {groups.fixed[groups.roots[index]]}"
        for index in network.computing()
        if groups.roots[index] in groups.fixed
    ]
    return "; ".join(left) or "none"


FAMILY = Family(
    "prune_filters",
    {
        "criterion": tuple(_NORMS),
        "sparsity_pct": range(1, 100),
        "weight_bits": range(2, 9),
        "activation_bits": range(2, 17),
    },
    apply,
)
