"""What one inference asks of a core, by kind of work: the features of the latency model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import ModelFormatError, NoEstimate
from qnnlab.graph.costs import OperatorCost, graph_costs
from qnnlab.graph.integer.costs import integer_costs
from qnnlab.graph.integer.reader import integer_graph
from qnnlab.graph.model import Graph

#: Kinds of work: MACs of convolutions over several taps, of 1 × 1 convolutions, of depthwise
#: convolutions and of matrix products; output elements; operators called.
KINDS = ("conv", "pointwise", "depthwise", "dense", "outputs", "operators")
MAC_KINDS = KINDS[:4]

_FREE = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")
_DENSE = ("FULLY_CONNECTED", "BATCH_MATMUL")
_TAPS_FIRST = 1


@dataclass(frozen=True)
class Workload:
    """Amounts by kind of work, for one inference.

    `work` counts every channel; `live_work` leaves out what dead channels cause, for runtimes
    that remove them. `in_float`: MACs have a factor in floating point. `weight_bytes` as stored.
    """

    work: Mapping[str, float]
    live_work: Mapping[str, float]
    macs: int
    in_float: bool
    weight_bytes: int

    def vector(self, live: bool = False) -> NDArray[np.float64]:
        """The amounts in the order of KINDS."""
        source = self.live_work if live else self.work
        return np.array([source[kind] for kind in KINDS])


def kind_of(cost: OperatorCost) -> str | None:
    """Which kind of MACs an operator makes; None without MACs."""
    if not cost.macs:
        return None
    if cost.name == "DEPTHWISE_CONV_2D":
        return "depthwise"
    if cost.name in _DENSE:
        return "dense"
    filters = cost.input_shapes[1] if len(cost.input_shapes) > 1 else ()
    taps = int(np.prod(filters[_TAPS_FIRST:-1])) if len(filters) > 2 else 1
    return "pointwise" if taps == 1 else "conv"


def mac_workload(macs: Mapping[str, float], outputs: float, operators: int) -> Workload:
    """A workload known by its MACs only (published kernels, models of other papers)."""
    work = {kind: float(macs.get(kind, 0)) for kind in MAC_KINDS}
    work |= {"outputs": float(outputs), "operators": float(operators)}
    return Workload(work, work, round(sum(macs.values())), in_float=False, weight_bytes=0)


def workload(graph: Graph) -> Workload:
    """The workload of a .tflite graph.

    Raises NoEstimate, naming the operators, where MACs of one can't be counted.
    """
    costs = graph_costs(graph)
    if costs.uncounted:
        names = ", ".join(costs.uncounted)
        raise NoEstimate(f"no cost is known for {names}: replace it by layers of CONV_2D, "
                         "DEPTHWISE_CONV_2D or FULLY_CONNECTED")  # fmt: skip
    work = dict.fromkeys(KINDS, 0.0)
    for cost in costs.operators:
        kind = kind_of(cost)
        if kind:
            work[kind] += cost.macs or 0
        if cost.name not in _FREE:
            work["outputs"] += sum(float(np.prod(shape)) for shape in cost.output_shapes)
            work["operators"] += 1
    taken = [
        graph.tensors[place]
        for op in graph.operators
        if kind_of(costs.operators[op.index])
        for place in op.inputs[:2]
    ]
    is_float = any(tensor.dtype.startswith("float") for tensor in taken)
    live = dict(work) if is_float else _live(graph, work)
    return Workload(work, live, costs.macs_total or 0, is_float, costs.weight_bytes)


def _live(graph: Graph, work: Mapping[str, float]) -> dict[str, float]:
    """`work` without dead channels; all of it where there is no integer form to prove them on.

    A share s of the MACs that is left is a share √s of the output channels: each layer loses
    inputs as well as outputs.
    """
    try:
        costs = integer_costs(integer_graph(graph))
    except ModelFormatError:
        return dict(work)
    live: dict[str, float] = dict(work)
    share = costs.live_macs / costs.macs if costs.macs else 1.0
    counted = {"conv": 0, "depthwise": 0, "dense": 0}
    alive = dict(counted)
    for op in costs.ops:
        if op.kind in counted:
            counted[op.kind] += op.macs
            alive[op.kind] += op.live_macs
    for kind in MAC_KINDS:
        of = "conv" if kind == "pointwise" else kind
        if counted[of]:
            live[kind] *= alive[of] / counted[of]
    live["outputs"] *= float(np.sqrt(share))
    return live
