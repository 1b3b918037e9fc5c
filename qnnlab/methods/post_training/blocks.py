"""What is reconstructed together: single layers (AdaRound) or blocks (BRECQ)."""

from __future__ import annotations

from qnnlab.methods.network.nodes import Network

Block = tuple[int, ...]


def single_layers(network: Network) -> list[Block]:
    """Every node by itself, the input left out."""
    return [(index,) for index in range(1, len(network.nodes))]


def residual_blocks(network: Network) -> list[Block]:
    """Nodes in order, cut where one single tensor holds all that follows needs, pairs joined.

    A residual branch with its addition is one block (Li et al. 2021, arXiv:2102.05426, section
    3.2); a depthwise layer and the one after it are one too, and pools join what they follow.
    """
    blocks: list[list[int]] = []
    open_nodes: list[int] = []
    for index in range(1, len(network.nodes)):
        open_nodes.append(index)
        crossing = {
            at for at in range(index + 1) if any(reader > index for reader in network.consumers(at))
        }
        if len(crossing) > 1 or network.nodes[index].kind == "depthwise":
            continue
        if blocks and not any(network.nodes[at].kernel is not None for at in open_nodes):
            blocks[-1].extend(open_nodes)
        else:
            blocks.append(open_nodes)
        open_nodes = []
    return [tuple(block) for block in [*blocks, open_nodes] if block]
