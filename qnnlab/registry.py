"""Plug-ins: a new task, method family or check is one file dropped into its room."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Generic, Protocol, TypeVar

from qnnlab.errors import QnnlabError, SpecError, unknown_name


class Named(Protocol):
    """Anything with a name."""

    @property
    def name(self) -> str:
        """The name it is asked for by."""
        ...


T = TypeVar("T")
N = TypeVar("N", bound=Named)


class LazyNames(Mapping[str, T], Generic[T]):
    """Entries by name, found at the first look-up; an unknown name is an `error` that says so."""

    def __init__(
        self, what: str, find: Callable[[], dict[str, T]], error: type[QnnlabError] = SpecError
    ) -> None:
        self._what = what
        self._find = find
        self._error = error
        self._found: dict[str, T] | None = None

    def _entries(self) -> dict[str, T]:
        if self._found is None:
            self._found = self._find()
        return self._found

    def add(self, name: str, entry: T) -> None:
        """Put `entry` in, in place of what had its name."""
        self._entries()[name] = entry

    def __getitem__(self, name: str) -> T:
        entries = self._entries()
        if name not in entries:
            raise self._error(unknown_name(self._what, name, entries))
        return entries[name]

    def __contains__(self, name: object) -> bool:
        return name in self._entries()

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries())

    def __len__(self) -> int:
        return len(self._entries())


def modules_of(package: str) -> Iterator[ModuleType]:
    """The modules of `package`, imported in the order of their names."""
    path = importlib.import_module(package).__path__
    for info in sorted(pkgutil.iter_modules(path), key=lambda module: module.name):
        yield importlib.import_module(f"{package}.{info.name}")


def plug_ins(package: str, attribute: str) -> dict[str, N]:
    """By name, what the modules of `package` hold in `attribute`: one entry, or a tuple of them.

    The modules keep heavy imports inside functions.
    """
    found: dict[str, N] = {}
    for module in modules_of(package):
        held: N | tuple[N, ...] = getattr(module, attribute, ())
        found.update(
            {entry.name: entry for entry in (held if isinstance(held, tuple) else (held,))}
        )
    return found
