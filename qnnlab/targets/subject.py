"""The model that targets are asked about: what of it decides whether and how fast it runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from qnnlab.graph.costs import graph_costs
from qnnlab.graph.model import Graph
from qnnlab.graph.tflite import read_tflite
from qnnlab.targets.cost.observations import reference_name
from qnnlab.targets.cost.workload import Workload, workload


@dataclass(frozen=True, eq=False)
class Subject:
    """A .tflite model; sizes in bytes.

    `arena_bytes` is as TFLM measured it, else the least that activations need (`arena_source`
    says which). `benchmark` names the network of MLPerf Tiny whose work it has, if any.
    """

    path: Path
    graph: Graph
    work: Workload
    file_bytes: int
    arena_bytes: int
    arena_source: str
    peak_live_bytes: int
    weight_bytes: int
    benchmark: str | None

    @property
    def in_float(self) -> bool:
        """Whether it multiplies floats, weights or activations."""
        return self.work.in_float


def read_subject(path: Path, arena_bytes: int | None, arena_source: str) -> Subject:
    """Read and count a .tflite file; `arena_bytes` None: TFLM did not say.

    Raises ModelFormatError where it is no model, NoEstimate where an operator can't be counted.
    """
    graph = read_tflite(path)
    work = workload(graph)
    costs = graph_costs(graph)
    return Subject(
        path,
        graph,
        work,
        path.stat().st_size,
        costs.peak_live_bytes if arena_bytes is None else arena_bytes,
        "least that activations need" if arena_bytes is None else arena_source,
        costs.peak_live_bytes,
        costs.weight_bytes,
        reference_name(work),
    )
