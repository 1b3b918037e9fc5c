"""Published latencies and counted instructions as rows that the latency model is fitted on.

Each row is one network on one core and runtime: levels (core, runtime, platform, …), amounts of
work, log of cycles, and how far it may be off by itself. All are quoted, except instruction
counts, which are emulated and whose cycles per instruction the fit settles core by core.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from qnnlab.files import resource
from qnnlab.graph.tflite import read_tflite
from qnnlab.survey import cell_value, load_table
from qnnlab.survey.benchmarks import mlperf
from qnnlab.targets.cores import Core, Runtime, core_of, cores, find_runtime, published_runtime
from qnnlab.targets.cost.workload import Workload, mac_workload, workload

#: The files of MLPerf Tiny's networks by benchmark.
MODEL_FILES = {
    "ad": "ad01_int8.tflite",
    "ic": "pretrainedResnet_quant.tflite",
    "kws": "kws_ref_model.tflite",
    "vww": "vww_96_int8.tflite",
}
#: Not emulated: published cycles are what they are.
PUBLISHED = "published"

# Spread (natural log) of a row by itself: measurements of the same network on the same chip and
# runtime repeat within a few percent; other builds or look-alike networks do not.
_NOISE = {"mlperf": 0.07, "edgemark": 0.15, "espnn_model": 0.25, "espnn_kernel": 0.4,
          "tinymaix": 0.25, "instructions": 0.05}  # fmt: skip
# The work was cut or changed, or the arithmetic is not a core's.
_NOT_CORES = ("Cortex-A72", "Cortex-A9", "Qualcomm Kryo", "MicroBlaze")
_ACCELERATORS = {"Silicon Labs MVP": "mvp", "NE16": "ne16", "Syntiant Core 2": "syntiant_core2"}
_MVP_FIRST = "v0.7"


@dataclass(frozen=True, eq=False)
class Observation:
    """One row: `kind` quoted or emulated, `group` what it was published with."""

    key: str
    origin: str
    kind: str
    benchmark: str
    levels: Mapping[str, str]
    work: Workload
    live: bool
    cycles: float
    clock_mhz: float
    noise: float
    group: Mapping[str, str]
    source: str


@lru_cache(maxsize=1)
def reference_workloads() -> Mapping[str, Workload]:
    """The workloads of MLPerf Tiny's networks, by benchmark."""
    folder = resource("data/mlperf_tiny/models")
    return {name: workload(read_tflite(folder / file)) for name, file in MODEL_FILES.items()}


def reference_name(work: Workload) -> str | None:
    """Which of MLPerf Tiny's networks asks for just this work; None for another one."""
    same = (name for name, known in reference_workloads().items() if known.work == work.work)
    return next(same, None)


def levels_of(
    core: Core, runtime: Runtime, platform: str, placement: str, counted: str = PUBLISHED
) -> dict[str, str]:
    """The levels of every effect of the latency model for one target."""
    return {
        "core_class": core.core_class,
        "core": core.key,
        "platform": platform,
        "placement": placement,
        "runtime_family": runtime.family,
        "runtime": runtime.key,
        "class_family": f"{core.core_class} {runtime.family}",
        "pair": f"{core.key} {runtime.family}",
        "counted": counted,
    }


def placement_of(flash_kb: float | None) -> str:
    """Where weights lie: in the chip's own flash, or in one outside where it has none."""
    return "external_flash" if flash_kb is not None and flash_kb == 0 else "internal_flash"


@lru_cache(maxsize=1)
def _catalog() -> Mapping[str, Mapping[str, Any]]:
    rows = load_table("platforms").set_index("key", drop=False).to_dict("index")
    return {str(key): row for key, row in rows.items()}


def _platform(key: str) -> tuple[Core | None, str]:
    row = _catalog()[key]
    return core_of(key, cell_value(row["core"])), placement_of(cell_value(row["flash_kb"]))


def _mlperf_runtime(row: Mapping[str, Any]) -> Runtime | None:
    name = str(row["runtime"])
    if row["precision"] == "float32":
        return find_runtime("hale_float") if name.startswith("Bosch") else None
    if "MVP" in name and row["round"] == _MVP_FIRST:
        return find_runtime("tflm_mvp_2022")
    return published_runtime(name)


def _mlperf_rows() -> Iterator[Observation]:
    for row in mlperf().to_dict("records"):
        accelerator = cell_value(row["npu_or_accelerator"])
        runtime = _mlperf_runtime(row)
        known = accelerator is None or accelerator in _ACCELERATORS
        if runtime is None or row["cpu_core"] in _NOT_CORES or not known:
            continue
        platform = cell_value(row["platform_key"])
        core = (
            cores()[_ACCELERATORS[accelerator]]
            if accelerator
            else core_of(str(platform), str(row["cpu_core"]))
        )
        if core is None:
            continue
        clock = float(cell_value(row["accel_clock_mhz"]) or row["clock_mhz"])
        placement = _platform(platform)[1] if platform else "internal_flash"
        yield Observation(
            key=str(row["row_key"]),
            origin="mlperf",
            kind="quoted",
            benchmark=str(row["benchmark"]),
            levels=levels_of(core, runtime, platform or str(row["board"]), placement),
            work=reference_workloads()[str(row["benchmark"])],
            live=runtime.removes_dead_channels,
            cycles=float(row["latency_ms"]) * 1e3 * clock,
            clock_mhz=clock,
            noise=_NOISE["mlperf"],
            group={name: str(row[name]) for name in ("submitter", "round", "system_id")},
            source=str(row["source"]),
        )


_EDGEMARK_MODELS = {"TinyMLPerf_AE": "ad", "TinyMLPerf_DS_CNN": "kws", "TinyMLPerf_MBNet": "vww",
                    "TinyMLPerf_ResNet": "ic"}  # fmt: skip
_EDGEMARK_RUNTIMES = {("TFLM", "q_full_int_only"): "tflm_cmsis_nn", ("TFLM", "basic"): "tflm_float",
                      ("EI", "q_full_int_only"): "edge_impulse_eon"}  # fmt: skip
_EDGEMARK_BOARD = "stm32l4r5"


def _edgemark_rows() -> Iterator[Observation]:
    """The same four networks, retrained by EdgeMark's authors, on one board."""
    table = load_table("edgemark")
    table = table[(table["platform"] == _EDGEMARK_BOARD) & (table["build"] == "default")]
    for row in table.to_dict("records"):
        benchmark = _EDGEMARK_MODELS.get(str(row["model"]))
        runtime_key = _EDGEMARK_RUNTIMES.get((str(row["framework"]), str(row["variant"])))
        if benchmark is None or runtime_key is None or pd.isna(row["latency_ms"]):
            continue
        yield _elsewhere("edgemark", row, benchmark, runtime_key, float(row["latency_ms"]))


def _elsewhere(
    origin: str,
    row: Mapping[str, Any],
    benchmark: str,
    runtime_key: str,
    latency_ms: float,
    clock_mhz: float | None = None,
) -> Observation:
    """A row that is not MLPerf's, on a platform of the catalog at its own clock."""
    key = str(row.get("platform") or row["platform_key"])
    core, placement = _platform(key)
    assert core is not None
    clock = clock_mhz or float(_catalog()[key]["clock_mhz"])
    runtime = find_runtime(runtime_key)
    group = {"submitter": origin, "round": origin, "system_id": f"{origin} {key} {runtime_key}"}
    return Observation(
        f"{origin}__{row['row_key']}" + ("" if origin == "edgemark" else f"__{runtime_key}"),
        origin, "quoted", benchmark,
        levels_of(core, runtime, key, placement),
        reference_workloads()[benchmark], runtime.removes_dead_channels,
        latency_ms * 1e3 * clock, clock, _NOISE.get(origin, _NOISE["espnn_model"]),
        group, str(row["source"]),
    )  # fmt: skip


def _tinymaix_rows() -> Iterator[Observation]:
    """Visual wake words, a look-alike of MLPerf's, on many chips with one runtime."""
    table = load_table("tinymaix")
    table = table[table["vww96_ms"].notna() & table["platform_key"].notna()]
    table = table[(table["mcu_class"] == "yes") & (table["note"].fillna("") != "need confirm")]
    for row in table.to_dict("records"):
        if _platform(str(row["platform_key"]))[0] is not None:
            ms, clock = float(row["vww96_ms"]), float(row["freq_mhz"])
            yield _elsewhere("tinymaix", row, "vww", "tinymaix", ms, clock)


_PERSON = "person_detection VWW INT8"


def _espnn_rows() -> Iterator[Observation]:
    table = load_table("espnn")
    for row in table.to_dict("records"):
        for runtime_key, column in (("esp_nn", "optimized"), ("esp_tflm", "unoptimized")):
            if row["item"] == _PERSON:
                ms, clock = float(row[column]), float(row["freq_mhz"])
                yield _elsewhere("espnn_model", row, "vww", runtime_key, ms, clock)
            elif kernel := _kernel(str(row["item"])):
                found = _elsewhere("espnn_kernel", row, "vww", runtime_key, 1.0, 1.0)
                fields = found.__dict__ | {"work": kernel, "cycles": float(row[column]),
                                           "benchmark": "kernel"}  # fmt: skip
                yield Observation(**fields)


_NUMBERS = re.compile(
    r"input ?\((\d+), ?(\d+)\).*pad\((\d+),\d+\).*filter(?:\(|: ?)(\d+)x(\d+)x(\d+)x(\d+)"
)
_PLAIN = re.compile(r"fully connected \[len: (\d+), ch = (\d+)\]")


def _kernel(item: str) -> Workload | None:
    """The work of one of ESP-NN's benchmarked kernels; None for those without MACs."""
    if plain := _PLAIN.match(item):
        length, channels = map(int, plain.groups())
        return mac_workload({"dense": length * channels}, channels, 1)
    found = _NUMBERS.search(item.replace("pad(0,0), stride(1,1) filter", "pad(0,0) filter"))
    if not found:
        found = _FILTER_FIRST.search(item)
        if not found:
            return None
        height, width, a, b, c, d, pad = map(int, found.groups())
    else:
        height, width, pad, a, b, c, d = map(int, found.groups())
    if item.startswith("depthwise"):
        multiplier, rows, columns, depth = a, b, c, d
        outputs = (height + 2 * pad - rows + 1) * (width + 2 * pad - columns + 1)
        outputs *= depth * multiplier
        return mac_workload({"depthwise": outputs * rows * columns}, outputs, 1)
    channels, rows, columns, depth = a, b, c, d
    outputs = (height + 2 * pad - rows + 1) * (width + 2 * pad - columns + 1) * channels
    kind = "pointwise" if rows * columns == 1 else "conv"
    return mac_workload({kind: outputs * rows * columns * depth}, outputs, 1)


_FILTER_FIRST = re.compile(
    r"input ?\((\d+), ?(\d+)\).*filter ?\(?(\d+)x(\d+)x(\d+)x(\d+)\)?, pad\((\d+)"
)
_COUNTED_RUNTIMES = {"TFLM + CMSIS-NN": "tflm_cmsis_nn", "TFLM reference kernels": "tflm_reference"}
_COUNTED_FLAGS = "interpreter -Os, kernels -O2"


def _instruction_rows() -> Iterator[Observation]:
    table = pd.read_csv(resource("data/runtimes/firmware_peers.csv"))
    table = table[table["flags"] == _COUNTED_FLAGS]
    for row in table.to_dict("records"):
        runtime_key = _COUNTED_RUNTIMES.get(str(row["peer"]))
        core = cores().get(str(row["core"]))
        if runtime_key is None or core is None:
            continue
        runtime = find_runtime(runtime_key)
        emulator = "emulator"
        yield Observation(
            key=f"instructions__{row['row_key']}",
            origin="instructions",
            kind="emulated",
            benchmark=str(row["model"]),
            levels=levels_of(core, runtime, emulator, emulator, f"instructions {core.key}"),
            work=reference_workloads()[str(row["model"])],
            live=False,
            cycles=float(row["instructions"]),
            clock_mhz=1.0,
            noise=_NOISE["instructions"],
            group=dict.fromkeys(("submitter", "round", "system_id"), emulator),
            source=str(row["source"]),
        )


@lru_cache(maxsize=1)
def observations() -> tuple[Observation, ...]:
    """All rows, in the order of their keys."""
    found = [
        *_mlperf_rows(),
        *_edgemark_rows(),
        *_tinymaix_rows(),
        *_espnn_rows(),
        *_instruction_rows(),
    ]
    return tuple(sorted(found, key=lambda row: row.key))


def log_cycles(rows: tuple[Observation, ...]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Natural log of each row's cycles (or instructions)."""
    return np.log([row.cycles for row in rows])
