"""Latency of accelerators that published no rows of their own: analytic, or a share of the peak.

What they reach is stated with its reason; none of it is fitted on measurements of the chip, so
intervals are wide, and say so.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from qnnlab.errors import NoEstimate
from qnnlab.graph.costs import OperatorCost, graph_costs
from qnnlab.graph.model import Graph
from qnnlab.survey import load_table
from qnnlab.targets.cost.calibration import NORMAL_90
from qnnlab.targets.cost.latency import Estimate
from qnnlab.targets.cost.observations import observations, reference_workloads

_PROCESSORS = 64
_WINDOW = 9
_NE16_PEAK_KEY = "gap9__ne16"
# Few networks, other compilers: the range of what was reached is taken this much wider.
_WIDER = 1.25
_ONE_CHIP_HAS_GROUPS = "max78002"


def ai8x_cycles(graph: Graph, platform_key: str) -> float:
    """Cycles of the CNN engine of MAX78000 and MAX78002, loading of inputs left out.

    64 processors take one window of 3 × 3 of one input channel each, every cycle; wider inputs
    take several passes, output channels follow one another (MAX78000 User Guide, chapter on
    the CNN; Moss et al., SenSys 2022). Raises NoEstimate for depthwise
    convolutions on MAX78000, which has no groups.
    """
    total = 0.0
    for cost in graph_costs(graph).operators:
        if cost.name == "DEPTHWISE_CONV_2D" and platform_key != _ONE_CHIP_HAS_GROUPS:
            raise NoEstimate("MAX78000's engine has no depthwise convolution: use CONV_2D layers, "
                             "or MAX78002")  # fmt: skip
        total += _ai8x_operator(cost)
    return total


def _ai8x_operator(cost: OperatorCost) -> float:
    elements = sum(math.prod(shape) for shape in cost.output_shapes)
    if not cost.macs:
        return elements / _PROCESSORS
    filters = cost.input_shapes[1]
    passes = math.ceil(filters[-1] / _PROCESSORS)
    windows = math.ceil(math.prod(filters[1:-1]) / _WINDOW) if len(filters) > 2 else 1
    if cost.name == "DEPTHWISE_CONV_2D":
        return elements / filters[-1] * passes * windows
    return elements * passes * windows


@lru_cache(maxsize=1)
def peak_shares() -> tuple[float, ...]:
    """Shares of their peak that accelerators reach on whole networks, published or compiled.

    GAP9's NE16 on MLPerf Tiny (quoted) and Vela's summaries of Ethos-U55 (quoted estimates).
    """
    npus = load_table("npus").set_index("row_key")
    peak = float(npus.loc[_NE16_PEAK_KEY, "macs_per_cycle"])
    reached = [
        reference_workloads()[row.benchmark].macs / row.cycles / peak
        for row in observations()
        if row.levels["core"] == "ne16"
    ]
    for row in load_table("vela_estimates").to_dict("records"):
        reached.append(float(row["mac_per_cycle"]) / float(row["accelerator"].rsplit("-", 1)[1]))
    return tuple(sorted(reached))


def peak_latency_ms(macs: int, macs_per_cycle: float, clock_mhz: float) -> Estimate:
    """Latency at the share of the peak that other accelerators reach."""
    shares = np.log(peak_shares())
    least, likely, most = np.quantile(shares, [0.05, 0.5, 0.95])
    ideal_ms = max(macs, 1) / macs_per_cycle / clock_mhz / 1e3
    low = ideal_ms * math.exp(-most) / _WIDER
    high = ideal_ms * math.exp(-least) * _WIDER
    note = f"share of the peak as {len(shares)} networks reach it on other accelerators"
    return Estimate(
        ideal_ms * math.exp(-likely), low, high, "ms", float(shares.std()), "peak", note
    )


def factored_latency_ms(how: str, cycles: float, clock_mhz: float) -> Estimate:
    """Latency from a model's cycles, with the range of factors that the table gives for `how`."""
    row = load_table("npu_factors").set_index("how").loc[how]
    low, likely, high = (float(row[n]) for n in ("factor_low", "factor", "factor_high"))
    ms = cycles / clock_mhz / 1e3
    spread = math.log(high / low) / 2 / NORMAL_90
    note = f"range {row['basis']}: {row['source']}"
    return Estimate(ms * likely, ms * low, ms * high, "ms", spread, how, note)
