"""Which bits each kernel and each activation of a network gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qnnlab.methods.network.nodes import Network

EDGE_BITS = 8  # of the input, of the outputs, and of first and last kernel where a recipe says so


@dataclass(frozen=True)
class Plan:
    """Bits by node; `activations` only of nodes that own a scale."""

    weights: Mapping[int, int]
    activations: Mapping[int, int]


def plan_bits(network: Network, settings: Mapping[str, Any]) -> Plan:
    """The plan of a recipe: `weight_bits`, `activation_bits`, `edges` ("same" or "8").

    Input and outputs keep at least 8 bits, as in the literature: they are the sensor's and the
    classes' numbers, a few of many. So does what an average pool reads, whose mean would
    otherwise be rounded to a few levels.
    """
    computing = network.computing()
    weights = dict.fromkeys(computing, settings["weight_bits"])
    if settings["edges"] == "8":
        for index in (computing[0], computing[-1]):
            weights[index] = max(EDGE_BITS, weights[index])
    activations = dict.fromkeys(network.quantizing(), settings["activation_bits"])
    averaged = [
        network.scale_owner(index)
        for index, node in enumerate(network.nodes)
        if node.kind == "average_pool"
    ]
    for index in (0, network.scale_owner(network.output), *averaged):
        activations[index] = max(EDGE_BITS, activations[index])
    return Plan(weights, activations)
