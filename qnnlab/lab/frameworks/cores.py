"""Instructions on emulated cores: our generated C, counted now, beside TFLM with CMSIS-NN."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qnnlab.errors import QnnlabError
from qnnlab.lab.bench import CoreRun, bench_model, random_codes
from qnnlab.lab.firmware_peers import firmware_peers
from qnnlab.lab.frameworks.framework import Case
from qnnlab.lab.frameworks.models import reference_model
from qnnlab.steps import tell

if TYPE_CHECKING:
    import pandas as pd

CORES = ("cortex-m4", "cortex-m55")
PEER = "TFLM + CMSIS-NN"
SOURCE = "data/runtimes/firmware_peers.csv"
OURS = "qnnlab generated C"
_RAM = ("data_bytes", "bss_bytes", "arena_bytes", "stack_bytes")
COLUMNS = ("model", "core", "framework", "instructions", "flash_bytes", "ram_bytes")


def core_rows(cases: Sequence[Case], cores: Sequence[str] = CORES) -> pd.DataFrame:
    """One row a model, core and framework; instructions are emulated, bytes counted in the image.

    `flash_bytes`: code and constants; `ram_bytes`: static data (arena, buffers of input and
    output) and stack. `reason` says why a row has no figures, else it is "". `source`: counted
    here, or the table of peers, of which the row with the fewest instructions is taken among
    those that answer as TFLM does.
    """
    import pandas as pd

    rows = []
    for place, case in enumerate(cases):
        tell("cores", place / len(cases))
        for run in _runs(case, cores):
            rows.append(_ours(case, run))
        rows += _peers(case, cores)
    tell("cores", 1.0)
    return pd.DataFrame(rows, columns=[*COLUMNS, "source", "reason"])


def _runs(case: Case, cores: Sequence[str]) -> list[CoreRun]:
    try:
        graph = case.integer
        return bench_model(graph, cores, random_codes(graph, 1, case.seed))
    except QnnlabError as error:
        return [CoreRun(core, 0, None, (), 0, str(error)) for core in cores]


def _ours(case: Case, run: CoreRun) -> dict[str, object]:
    row: dict[str, object] = {"model": case.name, "core": run.core, "framework": OURS}
    if run.firmware is None:
        return {**row, "source": run.core, "reason": run.reason or "not run"}
    figures = {value.name: value.value for value in run.values()}
    sizes = {name: int(figures[name] or 0) for name in figures if name.endswith("_bytes")}
    return {
        **row,
        "instructions": figures["instructions"],
        "flash_bytes": sizes["code_bytes"] + sizes["constant_bytes"],
        "ram_bytes": sizes["static_bytes"] + sizes["stack_bytes"],
        "source": f"counted here, {run.firmware.compiler}",
        "reason": "",
    }


def _peers(case: Case, cores: Sequence[str]) -> list[dict[str, object]]:
    table = firmware_peers()
    table = table[(table["model"] == reference_model(case.content)) & (table["peer"] == PEER)]
    table = table[table["output_equality"].str.startswith("equal")]
    best = table[table["core"].isin(cores)].sort_values("instructions").groupby("core").first()
    return [
        {
            "model": case.name,
            "core": core,
            "framework": PEER,
            "instructions": int(row["instructions"]),
            "flash_bytes": int(row[["code_bytes", "weight_bytes", "data_bytes"]].sum()),
            "ram_bytes": int(row[list(_RAM)].sum()),
            "source": f"{SOURCE}: {row['flags']}",
            "reason": "",
        }
        for core, row in best.iterrows()
    ]
