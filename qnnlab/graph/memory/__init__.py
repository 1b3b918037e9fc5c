"""The memory of activations: who lives when, where it lies, and what sets the peak."""

from qnnlab.graph.memory.lifetimes import Buffer, activation_buffers, merged_in_place
from qnnlab.graph.memory.planner import MemoryPlan, place, plan_memory
from qnnlab.graph.memory.timeline import MemoryStep, memory_timeline

__all__ = [
    "Buffer",
    "MemoryPlan",
    "MemoryStep",
    "activation_buffers",
    "memory_timeline",
    "merged_in_place",
    "place",
    "plan_memory",
]
