"""Candidates for a platform: models with the two sizes that decide whether they fit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from qnnlab.files import resource
from qnnlab.lab.inspection import inspect_model
from qnnlab.survey import load_table
from qnnlab.targets import fit_platforms


@dataclass(frozen=True)
class Candidate:
    """A model: its file in flash and its arena in RAM, in bytes (None where TFLM refuses it)."""

    name: str
    file_bytes: int
    arena_bytes: int | None


def from_summary(summary: pd.DataFrame) -> list[Candidate]:
    """The methods of a study; of the seeds' sizes the largest counts."""
    return [
        Candidate(
            str(row["title"]),
            int(row["file_bytes_max"]),
            None if pd.isna(row["arena_bytes_max"]) else int(row["arena_bytes_max"]),
        )
        for _, row in summary.iterrows()
    ]


def reference_models() -> list[Candidate]:
    """The int8 reference models of MLPerf Tiny that ship in `data/`, measured here."""
    table = load_table("mlperf_tiny_models")
    folder = resource("data/mlperf_tiny/models")
    candidates = []
    for _, row in table[table["nominal_precision"] == "int8"].iterrows():
        found = inspect_model(folder / row["file"])
        arena = found["arena_bytes"].value
        size = None if arena is None else int(arena)
        candidates.append(
            Candidate(f"MLPerf Tiny {row['benchmark']}", found.graph.file_bytes, size)
        )
    return candidates


def fits_frame(candidates: Iterable[Candidate]) -> pd.DataFrame:
    """One row a candidate and platform: needs, sizes and headrooms in bytes, and the verdict.

    `headroom_bytes` is that of the scarcer of flash and RAM (negative: what is missing), missing
    where neither is known; `limited_by` names it.
    """
    rows = []
    for candidate in candidates:
        for fit in fit_platforms(candidate.file_bytes, candidate.arena_bytes):
            rooms = {"flash": fit.flash_headroom_bytes, "RAM": fit.ram_headroom_bytes}
            known = [(room, name) for name, room in rooms.items() if room is not None]
            room, scarcer = min(known) if known else (None, None)
            rows.append(
                {
                    "candidate": candidate.name,
                    **vars(fit),
                    "headroom_bytes": room,
                    "limited_by": scarcer,
                }
            )
    return pd.DataFrame(rows)
