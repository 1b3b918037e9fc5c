"""The compilers of firmware and of libraries for this computer: command lines, versions, faults."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from qnnlab.codegen import Core
from qnnlab.errors import FirmwareFault, MissingExtra, SpecError
from qnnlab.registry import LazyNames

_TIMEOUT_S = 120
_ZIG = (sys.executable, "-m", "ziglang", "cc")
# By architecture: programs, the first that is there is taken, and the package that brings one.
_GCC = {
    "thumb": (("arm-none-eabi-gcc",), "gcc-arm-none-eabi"),
    "riscv32": (
        ("riscv32-unknown-elf-gcc", "riscv64-unknown-elf-gcc"),
        "gcc-riscv64-unknown-elf",
    ),
}


@dataclass(frozen=True)
class Compiler:
    """One compiler, ready for a core: the command up to the files, and what follows them."""

    version: str
    command: tuple[str, ...]
    last: tuple[str, ...] = ()


def _zig(core: Core) -> Compiler:
    return Compiler(
        compiler_version(),
        (*_ZIG, "-target", core.triple, f"-mcpu={core.cpu}", "-fno-sanitize=all"),
    )


@lru_cache(maxsize=1)
def compiler_version() -> str:
    """The compiler that PyPI brings; raises MissingExtra where it is not installed."""
    try:
        return f"zig {metadata.version('ziglang')}"
    except metadata.PackageNotFoundError:
        raise MissingExtra(
            "compiling firmware needs ziglang: pip install qnnlab[firmware]"
        ) from None


def _gcc(core: Core) -> Compiler:
    programs, package = _GCC[core.triple.split("-", maxsplit=1)[0]]
    path = next(filter(None, map(shutil.which, programs)), None)
    if path is None:
        raise MissingExtra(
            f"compiling with gcc for {core.name} needs {programs[0]} on the PATH: "
            f"apt install {package}"
        )
    return Compiler(
        f"{Path(path).stem} {_dumped(path)}",
        # Loops that copy bytes must not become calls of memcpy: no C library is linked.
        (path, *core.gcc_flags, "-ffreestanding", "-fno-tree-loop-distribute-patterns"),
        ("-nostdlib", "-lgcc"),
    )


@lru_cache(maxsize=8)
def _dumped(path: str) -> str:
    try:
        done = subprocess.run(
            [path, "-dumpfullversion"], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        raise FirmwareFault(f"{path} does not tell its version") from None
    return done.stdout.strip()


#: Makers of a Compiler for a core, by name; an unknown name is a SpecError.
COMPILERS: Mapping[str, Callable[[Core], Compiler]] = LazyNames(
    "compiler", lambda: {"zig": _zig, "gcc": _gcc}, SpecError
)


def host_compiler() -> Compiler:
    """The compiler of this computer: `cc`, else zig. Raises MissingExtra without either."""
    path = shutil.which("cc")
    if path is not None:
        return Compiler("cc", (path,))
    try:
        return Compiler(compiler_version(), (*_ZIG, "-fno-sanitize=all"))
    except MissingExtra:
        raise MissingExtra(
            "compiling for this computer needs cc on the PATH: apt install gcc, "
            "or pip install qnnlab[firmware]"
        ) from None


def compile_in(folder: Path, command: Sequence[str], what: str) -> None:
    """Run a compiler in `folder`.

    Raises FirmwareFault with its first error where it fails, takes too long or can't be started.
    """
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise FirmwareFault(f"compiling for {what} took more than {_TIMEOUT_S} s") from None
    except OSError as error:
        raise FirmwareFault(f"the compiler could not be started: {error.strerror}") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "error" in line.lower()]
        reason = (lines or done.stderr.splitlines() or ["no message"])[0]
        raise FirmwareFault(f"compiling for {what} failed: {reason[:300]}")
