"""Compile a generated model for a core and link it into an image that the emulator can start."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from qnnlab.codegen import CORES, CModel, Core
from qnnlab.errors import FirmwareFault, MissingExtra

#: Where the image lies: code and constants, then data.
FLASH, RAM = 0x08000000, 0x20000000
_SPAN = 64 * 2**20
_TIMEOUT_S = 120

_MAIN = """#include "model.h"

int8_t bench_input[MODEL_INPUT_BYTES] __attribute__((aligned(8)));
int8_t bench_output[MODEL_OUTPUT_BYTES] __attribute__((aligned(8)));

int bench_run(void) { return model_invoke(bench_input, bench_output); }
"""
# lld wants spaces around the colons.
_LINK = f"""ENTRY(bench_run)
MEMORY {{
  FLASH (rx) : ORIGIN = {FLASH:#x}, LENGTH = {_SPAN}
  RAM (rw) : ORIGIN = {RAM:#x}, LENGTH = {_SPAN}
}}
SECTIONS {{
  .text : {{ KEEP(*(.text.bench_run)) *(.text*) }} > FLASH
  .rodata : {{ *(.rodata*) }} > FLASH
  .data : {{ *(.data*) }} > RAM
  .bss : {{ *(.bss*) *(COMMON) }} > RAM
  /DISCARD/ : {{ *(.ARM.exidx*) *(.ARM.extab*) *(.eh_frame*) }}
}}
"""


@dataclass(frozen=True)
class Segment:
    """Bytes of the image at an address, followed by zeros up to `size`."""

    address: int
    data: bytes
    size: int
    writable: bool


@dataclass(frozen=True)
class Firmware:
    """A linked image: segments, functions by name (address, size), sizes in bytes.

    `code_bytes` is what the instructions take, `constant_bytes` weights, tables and constants,
    `static_bytes` data in RAM, the arena among them.
    """

    model: CModel
    core: Core
    compiler: str
    segments: tuple[Segment, ...]
    functions: Mapping[str, tuple[int, int]]
    objects: Mapping[str, tuple[int, int]]
    code_bytes: int
    constant_bytes: int
    static_bytes: int


@lru_cache(maxsize=1)
def compiler_version() -> str:
    """The compiler that PyPI brings; raises MissingExtra where it is not installed."""
    try:
        return f"zig {metadata.version('ziglang')}"
    except metadata.PackageNotFoundError:
        raise MissingExtra(
            "compiling firmware needs ziglang: pip install qnnlab[firmware]"
        ) from None


def build_firmware(model: CModel, optimize: str = "-O3", extra: Sequence[str] = ()) -> Firmware:
    """Compile and link `model` for its core.

    Raises FirmwareFault with the compiler's first message where it fails or takes too long, and
    MissingExtra without the compiler.
    """
    core, compiler = CORES[model.core], compiler_version()
    with tempfile.TemporaryDirectory(prefix="qnnlab-") as name:
        folder = Path(name)
        texts = {
            "model.c": model.source,
            "model.h": model.header,
            "main.c": _MAIN,
            "link.ld": _LINK,
        }
        for file, text in texts.items():
            (folder / file).write_text(text, encoding="utf-8")
        command = [
            *(sys.executable, "-m", "ziglang", "cc"),
            *("-target", core.triple, f"-mcpu={core.cpu}", optimize, "-std=gnu99"),
            *("-ffunction-sections", "-fdata-sections", "-fomit-frame-pointer"),
            *("-fno-stack-protector", "-fno-sanitize=all", "-Wall", "-Werror"),
            *("-Wl,--gc-sections", "-T", "link.ld", *extra),
            *("main.c", "model.c", "-o", "firmware.elf"),
        ]
        _run(command, folder, core)
        return _linked(model, core, compiler, folder / "firmware.elf")


def _run(command: Sequence[str], folder: Path, core: Core) -> None:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise FirmwareFault(f"compiling for {core.name} took more than {_TIMEOUT_S} s") from None
    except OSError as error:
        raise FirmwareFault(f"the compiler could not be started: {error.strerror}") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "error" in line]
        reason = (lines or done.stderr.splitlines() or ["no message"])[0]
        raise FirmwareFault(f"compiling for {core.name} failed: {reason[:300]}")


def _linked(model: CModel, core: Core, compiler: str, path: Path) -> Firmware:
    from elftools.elf.elffile import ELFFile

    with path.open("rb") as stream:
        elf = ELFFile(stream)
        sizes = {s.name: s["sh_size"] for s in elf.iter_sections()}
        segments = tuple(
            Segment(s["p_paddr"], s.data(), s["p_memsz"], s["p_vaddr"] >= RAM)
            for s in elf.iter_segments()
            if s["p_type"] == "PT_LOAD" and s["p_memsz"]
        )
        symbols = list(elf.get_section_by_name(".symtab").iter_symbols())
    named = {"STT_FUNC": {}, "STT_OBJECT": {}}  # type: dict[str, dict[str, tuple[int, int]]]
    for symbol in symbols:
        kind = symbol["st_info"]["type"]
        if kind in named:
            named[kind][symbol.name] = (symbol["st_value"] & ~1, symbol["st_size"])
    return Firmware(
        model,
        core,
        compiler,
        segments,
        named["STT_FUNC"],
        named["STT_OBJECT"],
        code_bytes=sizes.get(".text", 0),
        constant_bytes=sizes.get(".rodata", 0),
        static_bytes=sizes.get(".data", 0) + sizes.get(".bss", 0),
    )
