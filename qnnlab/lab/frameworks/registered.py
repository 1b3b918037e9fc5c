"""The frameworks that can be asked here, found in `entries/`."""

from __future__ import annotations

from qnnlab.lab.frameworks.framework import Framework
from qnnlab.registry import LazyNames, plug_ins


def _found() -> dict[str, Framework]:
    entries: dict[str, Framework] = plug_ins("qnnlab.lab.frameworks.entries", "FRAMEWORKS")
    return dict(sorted(entries.items(), key=lambda item: (item[1].order, item[0])))


#: By name; an unknown one is a SpecError that names the nearest.
FRAMEWORKS: LazyNames[Framework] = LazyNames("framework", _found)
