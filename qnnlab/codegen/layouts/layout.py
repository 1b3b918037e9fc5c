"""What a layout is: the files of a folder, each the generated C or a template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: In place of a template's name: the generated files, for the core and for this computer.
SOURCE, HEADER, HOST_SOURCE, HOST_HEADER = "c", "h", "host c", "host h"

#: Before the source: GCC's defaults in most build systems are for size or for debugging, and the
#: kernels need the frame pointer's register.
FAST = """#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3", "omit-frame-pointer")
#endif
"""


@dataclass(frozen=True)
class Layout:
    """A folder that an ecosystem builds as it is.

    `files`: path → template below `templates/layouts`, or one of the constants above; {name} and
    {core} in a path are filled in. `boards`: by core, what the ecosystem calls a board that has
    it.
    """

    name: str
    title: str
    files: Mapping[str, str]
    boards: Mapping[str, str]

    @property
    def needs_host(self) -> bool:
        """Whether it holds the code for this computer beside the code for the core."""
        return HOST_SOURCE in self.files.values()


@dataclass(frozen=True)
class Size:
    """What the export takes of a memory; `size` is in bytes, None where it is not known."""

    name: str
    size: int | None
    kind: str
    source: str

    def to_dict(self) -> dict[str, str | int | None]:
        """As a JSON object, with the unit."""
        return {
            "name": self.name,
            "value": self.size,
            "unit": "B",
            "kind": self.kind,
            "source": self.source,
        }
