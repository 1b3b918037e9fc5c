"""Does a model fit a platform's flash and RAM, and by how much?

Flash holds the .tflite file and the interpreter's code; RAM holds the arena and the interpreter's
static data and stack. The application's own code and buffers come on top: `headroom` is what is
left for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import pandas as pd

from qnnlab.errors import SpecError, unknown_name
from qnnlab.survey import load_table, survey_platforms

RUNTIME = "TFLM + CMSIS-NN"
ASSUMED_CORE = "cortex-m4"
KB = 1024


@dataclass(frozen=True)
class RuntimeReserve:
    """What the interpreter needs beside the model, in bytes, and where the figure is from."""

    flash_bytes: int
    ram_bytes: int
    core: str
    source: str


@dataclass(frozen=True)
class Fit:
    """The answer for one platform; sizes in bytes, None where unknown (`note` says why).

    `fits` is None where it can't be said. A negative headroom is what is missing.
    """

    platform_key: str
    platform: str
    family: str
    flash_bytes: int | None
    flash_needed_bytes: int
    flash_headroom_bytes: int | None
    ram_bytes: int
    ram_needed_bytes: int | None
    ram_headroom_bytes: int | None
    fits: bool | None
    note: str


@cache
def runtime_reserve(core: str | None) -> RuntimeReserve:
    """The largest need of TFLM + CMSIS-NN over the models built for `core` (table runtime_code).

    A core without a build (RISC-V) is given the Cortex-M4's figure; the source says so.
    """
    table = load_table("runtime_code")
    table = table[table["runtime"] == RUNTIME]
    known = core in set(table["core"])
    rows = table[table["core"] == (core if known else ASSUMED_CORE)]
    built = f"{RUNTIME} built for {core if known else ASSUMED_CORE}"
    return RuntimeReserve(
        flash_bytes=int(rows["code_bytes"].max()),
        ram_bytes=int((rows["static_bytes"] + rows["stack_bytes"]).max()),
        core=str(core) if known else ASSUMED_CORE,
        source=built if known else f"{built} (assumed: no build for this core)",
    )


def _headroom(size: int | None, needed: int | None) -> int | None:
    return None if size is None or needed is None else size - needed


def _verdict(*headrooms: int | None) -> bool | None:
    """One shortage is enough for no; a yes needs every figure."""
    if any(room is not None and room < 0 for room in headrooms):
        return False
    return None if None in headrooms else True


def check_fit(platform_key: str, file_bytes: int, arena_bytes: int | None) -> Fit:
    """Check one platform of Table II; raises SpecError on an unknown `platform_key`."""
    table = survey_platforms()
    if platform_key not in table.index:
        raise SpecError(unknown_name("platform", platform_key, table.index))
    row = table.loc[platform_key]
    reserve = runtime_reserve(None if pd.isna(row["code_core"]) else str(row["code_core"]))
    flash = None if pd.isna(row["flash_kb"]) else int(row["flash_kb"] * KB)
    ram = int(row["ram_kb"] * KB)
    flash_needed = file_bytes + reserve.flash_bytes
    ram_needed = None if arena_bytes is None else arena_bytes + reserve.ram_bytes
    flash_left, ram_left = _headroom(flash, flash_needed), _headroom(ram, ram_needed)
    notes = [str(row[column]) for column in ("flash_note", "ram_note") if pd.notna(row[column])]
    if arena_bytes is None:
        notes.append("arena unknown")
    return Fit(
        platform_key=platform_key,
        platform=str(row["platform"]),
        family=str(row["family"]),
        flash_bytes=flash,
        flash_needed_bytes=flash_needed,
        flash_headroom_bytes=flash_left,
        ram_bytes=ram,
        ram_needed_bytes=ram_needed,
        ram_headroom_bytes=ram_left,
        fits=_verdict(flash_left, ram_left),
        note="; ".join([*notes, reserve.source]),
    )


def fit_platforms(file_bytes: int, arena_bytes: int | None) -> list[Fit]:
    """Check every platform of Table II, in the table's order."""
    return [check_fit(str(key), file_bytes, arena_bytes) for key in survey_platforms().index]
