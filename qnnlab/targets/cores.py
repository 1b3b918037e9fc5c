"""Cores and runtimes: what the catalog's platforms compute with, and which runtimes they take."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import pandas as pd

from qnnlab.errors import SpecError, unknown_name
from qnnlab.survey import load_table

_VERSION = re.compile(r"\s*\(?v?\d[\w.,]*( v[\d.]+)?\)?")
_FIRST = re.compile(r"^(?:\d+x )?(.*?)(?: \+ | x\d| \(| or |$)")


@dataclass(frozen=True)
class Core:
    """A core: its class shares instructions that matter for networks, its family a vendor line."""

    key: str
    core_class: str
    family: str
    title: str


@dataclass(frozen=True)
class Runtime:
    """A runtime: versions of one family share kernels.

    `needs` are alternatives such as "class:dsp" or "vendor:ST+class:dsp"; `weights` is the type
    that its kernels multiply by. `offered`: proposed for a new model; others are older versions.
    """

    key: str
    family: str
    title: str
    availability: str
    needs: tuple[str, ...]
    offered: bool
    removes_dead_channels: bool
    weights: str

    def runs_on(self, core: Core, vendor: str) -> bool:
        """Whether it has kernels for `core` on a chip of `vendor`."""
        facts = {
            f"class:{core.core_class}",
            f"family:{core.family}",
            f"core:{core.key}",
            f"vendor:{vendor}",
        }
        return any(set(need.split("+")) <= facts for need in self.needs)


def _list(cell: object) -> list[str]:
    return [] if pd.isna(cell) else str(cell).split(";")


@lru_cache(maxsize=1)
def cores() -> Mapping[str, Core]:
    """All cores by key."""
    rows = load_table("cores").to_dict("records")
    return {
        row["core"]: Core(row["core"], row["core_class"], row["family"], row["title"])
        for row in rows
    }


@lru_cache(maxsize=1)
def runtimes() -> Mapping[str, Runtime]:
    """All runtimes by key."""
    return {
        row["runtime"]: Runtime(
            row["runtime"],
            row["runtime_family"],
            row["title"],
            row["availability"],
            tuple(_list(row["needs"])),
            row["offered"] == "yes",
            row["removes_dead_channels"] == "yes",
            row["weights"],
        )
        for row in load_table("runtimes").to_dict("records")
    }


def find_runtime(key: str) -> Runtime:
    """A runtime by key; raises SpecError."""
    if key not in runtimes():
        raise SpecError(unknown_name("runtime", key, runtimes()))
    return runtimes()[key]


@lru_cache(maxsize=1)
def _places() -> Mapping[str, str]:
    """Core by platform key ("@key"), by the catalog's wording and by that of publications."""
    found: dict[str, str] = {}
    for row in load_table("cores").to_dict("records"):
        names = [*_list(row["aliases"]), *_list(row["published_as"])]
        names += [f"@{key}" for key in _list(row["platforms"])]
        found |= dict.fromkeys(names, str(row["core"]))
    return found


def core_of(platform_key: str, wording: str | None) -> Core | None:
    """The core of a platform: its first one, as the catalog words it; None where unknown."""
    key = _places().get(f"@{platform_key}")
    if key is None and wording:
        first = _FIRST.match(wording)
        key = _places().get(wording) or _places().get(first.group(1) if first else "")
    return None if key is None else cores()[key]


@lru_cache(maxsize=1)
def _published() -> Mapping[str, str]:
    """Runtime keys by the names that publications print, in the table's order."""
    return {
        name: str(row["runtime"])
        for row in load_table("runtimes").to_dict("records")
        for name in _list(row["published_as"])
    }


def published_runtime(name: str) -> Runtime | None:
    """The runtime that a publication prints as `name`; None where none of its name is known.

    A version that is not in the table becomes a runtime of its own, of the family of the last
    version that is.
    """
    known = _published()
    if name in known:
        return runtimes()[known[name]]
    like = [key for other, key in known.items() if _unversioned(other) == _unversioned(name)]
    if not like:
        return None
    key = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return replace(runtimes()[like[-1]], key=key, title=name, offered=False)


def _unversioned(name: str) -> str:
    return _VERSION.sub("", name).strip().lower()
