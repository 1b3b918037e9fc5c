"""The cores that code is generated for: instruction set, compiler flags, emulator model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from qnnlab.errors import SpecError
from qnnlab.registry import LazyNames


@dataclass(frozen=True)
class Core:
    """A processor core.

    `isa` names the instruction set that kernels are written for: "thumb1" (products of 32 bits at
    most), "thumb2" (MLA), "dsp" (SMLAD and SXTB16), "helium" (vectors of 16 bytes) or "portable"
    (C alone). `triple` and `cpu` are clang's, empty for this computer; `emulated` is the
    emulator's model, None where it has none, with "qemu:" in front of a board of QEMU.
    """

    name: str
    title: str
    isa: str
    triple: str
    cpu: str
    emulated: str | None

    @property
    def gcc_flags(self) -> tuple[str, ...]:
        """What chooses it for a GCC of its architecture, whose names for cores are ours."""
        if not self.triple:
            return ()
        if not self.triple.startswith("thumb"):
            return (f"-march={self.name}", "-mabi=ilp32")
        # Without it GCC reads assembly for cores of 16-bit instructions in the older syntax.
        old = ("-masm-syntax-unified",) if self.isa == "thumb1" else ()
        return (f"-mcpu={self.name}", "-mthumb", *old)


_THUMB = "thumb-freestanding-eabi"
_ALL = (
    Core("cortex-m0", "Arm Cortex-M0", "thumb1", _THUMB, "cortex_m0", "CORTEX_M0"),
    Core("cortex-m3", "Arm Cortex-M3", "thumb2", _THUMB, "cortex_m3", "CORTEX_M3"),
    Core("cortex-m4", "Arm Cortex-M4", "dsp", _THUMB, "cortex_m4", "CORTEX_M4"),
    Core("cortex-m7", "Arm Cortex-M7", "dsp", _THUMB, "cortex_m7", "CORTEX_M7"),
    Core("cortex-m33", "Arm Cortex-M33", "dsp", _THUMB, "cortex_m33+dsp", "CORTEX_M33"),
    Core(
        "rv32imac",
        "RISC-V RV32IMAC",
        "portable",
        "riscv32-freestanding-none",
        "generic_rv32+m+a+c",
        "ANY",
    ),
    Core(
        "cortex-m55",
        "Arm Cortex-M55",
        "helium",
        _THUMB,
        "cortex_m55+mve",
        "qemu:mps3-an547",
    ),
    Core("host", "this computer", "portable", "", "", None),
)

#: Cores by name; an unknown one is a SpecError that says which are near.
CORES: Mapping[str, Core] = LazyNames("core", lambda: {core.name: core for core in _ALL}, SpecError)
