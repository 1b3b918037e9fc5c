"""Changes of an IntegerGraph that leave every answer as it was."""

from qnnlab.graph.integer.passes.dead_channels import Removed, remove_dead_channels

__all__ = ["Removed", "remove_dead_channels"]
