"""Where buffers lie in one arena: offsets that keep what lives at once apart, and the peak low.

Placing buffers of given lifetimes is dynamic storage allocation, NP-hard. Buffers are placed one
after the other at the lowest offset that is free (first fit); several orders are tried, then
random changes of the best one, until the lower bound is met or the budget is spent. Orders by
size and by the most crowded operator as in Pisarchyk and Lee 2020 (arXiv:2001.03288).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from qnnlab.graph.memory.lifetimes import (
    Buffer,
    activation_buffers,
    live_bytes,
    merged_in_place,
)
from qnnlab.graph.model import Graph

_TRIES = 4000
_WORK = 2_000_000
# Beyond so many buffers one order, that of time, is enough work.
_MANY = 1500


@dataclass(frozen=True)
class MemoryPlan:
    """Buffers with their byte offsets in one arena of `peak_bytes`.

    `bound_bytes`: the most bytes that live at once; no plan of these buffers is smaller.
    """

    buffers: tuple[Buffer, ...]
    offsets: tuple[int, ...]
    peak_bytes: int
    bound_bytes: int

    def offset_of(self, tensor: int) -> int | None:
        """Byte offset of a tensor, None for one without bytes in the arena."""
        for buffer, offset in zip(self.buffers, self.offsets, strict=True):
            if tensor in buffer.tensors:
                return offset
        return None

    def overlaps(self) -> list[tuple[Buffer, Buffer]]:
        """Pairs of buffers that live at once and share bytes: none, in a plan that is sound."""
        placed = list(zip(self.buffers, self.offsets, strict=True))
        return [
            (a, b)
            for place, (a, start) in enumerate(placed)
            for b, other in placed[:place]
            if a.meets(b) and start < other + b.aligned and other < start + a.aligned
        ]


def plan_memory(graph: Graph, in_place: bool = True, seed: int = 0) -> MemoryPlan:
    """The best plan found for a model's activations; the same seed gives the same plan.

    `in_place`: whether elementwise operators may write over their inputs (see
    `qnnlab.graph.memory.lifetimes`). Kernels' scratch buffers are not in it.
    """
    buffers = activation_buffers(graph)
    plan = place(buffers, seed)
    if not in_place:
        return plan
    merged = place(merged_in_place(graph, buffers), seed)
    return min(merged, plan, key=lambda found: found.peak_bytes)


def place(buffers: Sequence[Buffer], seed: int = 0) -> MemoryPlan:
    """Offsets for `buffers`, aligned, with the lowest peak that was found."""
    live = live_bytes(buffers)
    bound = int(live.max(initial=0))
    best: tuple[int, tuple[int, ...]] | None = None
    for order in _orders(buffers, live, seed):
        offsets = _first_fit(buffers, order)
        peak = max((o + b.aligned for o, b in zip(offsets, buffers, strict=True)), default=0)
        if best is None or peak < best[0]:
            best = (peak, offsets)
        if best[0] == bound:
            break
    peak, offsets = best or (0, ())
    return MemoryPlan(tuple(buffers), offsets, peak, bound)


def _orders(buffers: Sequence[Buffer], live: NDArray[np.int64], seed: int) -> Iterator[list[int]]:
    """By time, size, the most crowded step and lifetime, then random changes of those."""
    indices = range(len(buffers))
    by_time = sorted(indices, key=lambda i: (buffers[i].first, -buffers[i].aligned))
    yield by_time
    if len(buffers) > _MANY:
        return
    crowd = [int(live[b.first : b.last + 1].max()) for b in buffers]
    starts = [
        sorted(indices, key=lambda i: (-buffers[i].aligned, buffers[i].first)),
        sorted(indices, key=lambda i: (-crowd[i], -buffers[i].aligned, buffers[i].first)),
        sorted(indices, key=lambda i: (buffers[i].first - buffers[i].last, -buffers[i].aligned)),
        by_time,
    ]
    yield from starts
    rng = random.Random(seed)
    tries = min(_TRIES, _WORK // max(len(buffers) ** 2, 1)) if len(buffers) > 1 else 0
    for attempt in range(tries):
        order = list(starts[attempt % len(starts)])
        for _ in range(rng.randint(1, 4)):
            moved = order.pop(rng.randrange(len(order)))
            order.insert(rng.randrange(len(order) + 1), moved)
        yield order


def _first_fit(buffers: Sequence[Buffer], order: Sequence[int]) -> tuple[int, ...]:
    offsets = [0] * len(buffers)
    placed: list[int] = []
    in_time = all(buffers[a].first <= buffers[b].first for a, b in pairwise(order))
    for index in order:
        buffer = buffers[index]
        if in_time:
            # What has ended never meets a later buffer again.
            placed = [other for other in placed if buffers[other].last >= buffer.first]
        taken = sorted(
            (offsets[other], offsets[other] + buffers[other].aligned)
            for other in placed
            if buffers[other].meets(buffer)
        )
        offset = 0
        for start, end in taken:
            if start - offset >= buffer.aligned:
                break
            offset = max(offset, end)
        offsets[index] = offset
        placed.append(index)
    return tuple(offsets)
