"""Changes of a whole IntegerGraph."""

from qnnlab.graph.integer.passes.dead_channels import Removed, remove_dead_channels
from qnnlab.graph.integer.passes.narrowing import with_weight_bits

__all__ = ["Removed", "remove_dead_channels", "with_weight_bits"]
