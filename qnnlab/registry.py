"""Plug-ins: a new task or method family is one file dropped into its room."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from typing import Generic, Protocol, TypeVar

from qnnlab.errors import SpecError, unknown_name


class Named(Protocol):
    """Anything with a name."""

    @property
    def name(self) -> str:
        """The name it is asked for by."""
        ...


T = TypeVar("T", bound=Named)


class Registry(Mapping[str, T], Generic[T]):
    """Maps a name to the object that a module of `package` holds in `attribute`.

    Modules are imported at the first look-up, so they keep heavy imports inside functions.
    """

    def __init__(self, what: str, package: str, attribute: str) -> None:
        self._what = what
        self._package = package
        self._attribute = attribute
        self._found: dict[str, T] | None = None

    def _entries(self) -> dict[str, T]:
        if self._found is None:
            found: dict[str, T] = {}
            package = importlib.import_module(self._package)
            for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
                module = importlib.import_module(f"{self._package}.{info.name}")
                entry = getattr(module, self._attribute, None)
                if entry is not None:
                    found[entry.name] = entry
            self._found = found
        return self._found

    def __getitem__(self, name: str) -> T:
        entries = self._entries()
        if name not in entries:
            raise SpecError(unknown_name(self._what, name, entries))
        return entries[name]

    def __contains__(self, name: object) -> bool:
        return name in self._entries()

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries())

    def __len__(self) -> int:
        return len(self._entries())
