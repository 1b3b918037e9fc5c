"""Instructions of a firmware, decoded once: how many, of what kind, in which function."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from qnnlab.errors import MissingExtra
from qnnlab.targets.bench.firmware import Firmware


@dataclass(frozen=True)
class Decoded:
    """A stretch of instructions: how many, by kind, and by class as tables of cycles have them."""

    count: int
    mix: Counter[str]
    classes: Counter[str]
    function: str


class Decoder:
    """Decodes what lies in a firmware's segments; raises MissingExtra without capstone."""

    def __init__(self, firmware: Firmware) -> None:
        try:
            import capstone
        except ImportError:
            raise MissingExtra(
                "counting instructions needs capstone: pip install qnnlab[firmware]"
            ) from None
        self._arm = firmware.core.triple.startswith("thumb")
        if self._arm:
            mode = capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS
            self._decoder: Any = capstone.Cs(capstone.CS_ARCH_ARM, mode)
        else:
            mode = capstone.CS_MODE_RISCV32 | capstone.CS_MODE_RISCVC
            self._decoder = capstone.Cs(capstone.CS_ARCH_RISCV, mode)
        self._segments = firmware.segments
        self._places = sorted((a, n, name) for name, (a, n) in firmware.functions.items())
        self._starts = [place[0] for place in self._places]
        self._stretches: dict[tuple[int, int], Decoded] = {}

    def stretch(self, address: int, size: int) -> Decoded:
        """The instructions from `address` on, `size` bytes."""
        key = (address, size)
        if key not in self._stretches:
            mix, classes, count = Counter[str](), Counter[str](), 0
            for name, operands in self._instructions(address, size):
                kind = _kind(name)
                mix[kind] += 1
                classes.update(_classes(kind, name, operands))
                count += 1
            self._stretches[key] = Decoded(count, mix, classes, self.function(address))
        return self._stretches[key]

    def instruction(self, address: int) -> Decoded:
        """The one instruction at `address`."""
        return self.stretch(address, self._length(self._bytes(address, 4)))

    def function(self, address: int) -> str:
        """The function that `address` lies in; a question mark for none."""
        place = bisect_right(self._starts, address) - 1
        if place >= 0:
            start, size, name = self._places[place]
            if address < start + max(size, 2):
                return name
        return "?"

    def _bytes(self, address: int, size: int) -> bytes:
        for segment in self._segments:
            start = address - segment.address
            if 0 <= start < len(segment.data):
                return segment.data[start : start + size]
        return b""

    def _instructions(self, address: int, size: int) -> Iterator[tuple[str, str]]:
        # The last one may be four bytes long where only its first half was counted in.
        code, done = self._bytes(address, size + 2), 0
        while done < min(size, len(code)):
            found = next(self._decoder.disasm_lite(code[done:], address + done, 1), None)
            # What the decoder does not know is counted by its length.
            if found is None:
                done += self._length(code[done:])
                yield "", ""
            else:
                done += found[1]
                yield found[2], found[3]

    def _length(self, code: bytes) -> int:
        if self._arm:
            return 4 if len(code) > 1 and code[1] >> 3 in (0b11101, 0b11110, 0b11111) else 2
        return 4 if code and code[0] & 3 == 3 else 2


_CONDITIONS = (
    *("eq", "ne", "hs", "lo", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le", "cs"),
    *("cc", "eqz", "nez", "ltu", "geu", "gez", "ltz", "gtz", "lez"),
)
_BRANCHES = frozenset(
    {"b", "bl", "bx", "blx", "cbz", "cbnz", "j", "jal", "jalr", "jr", "ret", "le", "wls", "wlstp"}
    | {"letp"}
    | {f"b{condition}" for condition in _CONDITIONS}
)
_KINDS = {
    # Loads and stores of vectors are decoded as those of coprocessors.
    "load": ("ldr", "ldm", "pop", "lw", "lb", "lh", "ldc"),
    "store": ("str", "stm", "push", "sw", "sb", "sh", "stc"),
    "multiply": ("mul", "mla", "mls", "smla", "smul", "smm", "smu", "umul", "umla"),
}
_LONG = ("smull", "umull", "smlal", "umlal", "mulh")
_SEVERAL = ("ldm", "stm", "push", "pop", "ldrd", "strd")


def _kind(mnemonic: str) -> str:
    """load, store, multiply, branch or other."""
    name = mnemonic.removeprefix("c.").split(".", maxsplit=1)[0]
    if name in _BRANCHES:
        return "branch"
    if name.startswith("sbc"):
        return "other"
    return next((kind for kind, starts in _KINDS.items() if name.startswith(starts)), "other")


def _classes(kind: str, name: str, operands: str) -> dict[str, int]:
    """What tables of cycles call an instruction, and the words that it moves beyond one."""
    if kind == "multiply" and name.startswith(_LONG):
        return {"multiply_long": 1}
    if not name.startswith(_SEVERAL):
        return {kind: 1}
    registers = operands.partition("{")[2].count(",") + 1 if "{" in operands else 2
    return {kind: 1, "word": registers - 1}
