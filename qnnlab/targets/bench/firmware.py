"""Compile a generated model for a core and link it into an image that the emulator can start."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qnnlab.codegen import CORES, CModel, Core
from qnnlab.errors import FirmwareFault
from qnnlab.targets.bench.compilers import COMPILERS, compile_in, compiler_version

__all__ = ["FLASH", "RAM", "Firmware", "Segment", "build_firmware", "compiler_version"]

#: Where the image lies: code and constants, then data; the board of QEMU has flash elsewhere.
FLASH, BOARD_FLASH, RAM = 0x08000000, 0x28000000, 0x20000000
_SPAN = 64 * 2**20
# The flag of a segment in an ELF file.
_WRITABLE = 2

_MAIN = """#include "{name}.h"

int8_t bench_input[MODEL_INPUT_BYTES] __attribute__((aligned(8)));
int8_t bench_output[MODEL_OUTPUT_BYTES] __attribute__((aligned(8)));

int bench_run(void) {{ return model_invoke((const void *)bench_input, (void *)bench_output); }}
"""
# lld wants spaces around the colons.
_LINK = f"""ENTRY(bench_run)
MEMORY {{
  FLASH (rx) : ORIGIN = @FLASH@, LENGTH = {_SPAN}
  RAM (rw) : ORIGIN = {RAM:#x}, LENGTH = {_SPAN}
}}
SECTIONS {{
  .text : {{ KEEP(*(.text.bench_run)) *(.text*) }} > FLASH
  .rodata : {{ *(.rodata* .srodata*) }} > FLASH
  .data : {{ *(.data* .sdata*) }} > RAM
  .bss : {{ *(.bss* .sbss*) *(COMMON) }} > RAM
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


def build_firmware(
    model: CModel, optimize: str = "-O3", extra: Sequence[str] = (), compiler: str = "zig"
) -> Firmware:
    """Compile and link `model` for its core with one of COMPILERS.

    Raises FirmwareFault with the compiler's first message where it fails or takes too long,
    MissingExtra without the compiler and SpecError for an unknown one.
    """
    core = CORES[model.core]
    if not core.triple:
        raise FirmwareFault(f"no firmware is built for {core.name}; host_library compiles for it")
    chosen = COMPILERS[compiler](core)
    with tempfile.TemporaryDirectory(prefix="qnnlab-") as name:
        folder = Path(name)
        texts = {
            f"{model.name}.c": model.source,
            f"{model.name}.h": model.header,
            "main.c": _MAIN.format(name=model.name),
            "link.ld": _LINK.replace("@FLASH@", hex(_flash(core))),
        }
        for file, text in texts.items():
            (folder / file).write_text(text, encoding="utf-8")
        command = [
            *(*chosen.command, optimize, "-std=gnu99"),
            *("-ffunction-sections", "-fdata-sections", "-fomit-frame-pointer"),
            *("-fno-stack-protector", "-Wall", "-Werror"),
            *("-Wl,--gc-sections", "-T", "link.ld", *extra),
            *("main.c", f"{model.name}.c", "-o", "firmware.elf", *chosen.last),
        ]
        compile_in(folder, command, core.name)
        return _linked(model, core, chosen.version, folder / "firmware.elf")


def _flash(core: Core) -> int:
    return BOARD_FLASH if (core.emulated or "").startswith("qemu:") else FLASH


def _linked(model: CModel, core: Core, compiler: str, path: Path) -> Firmware:
    from elftools.elf.elffile import ELFFile

    with path.open("rb") as stream:
        elf = ELFFile(stream)
        sizes = {s.name: s["sh_size"] for s in elf.iter_sections()}
        segments = tuple(
            Segment(s["p_paddr"], s.data(), s["p_memsz"], bool(s["p_flags"] & _WRITABLE))
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
