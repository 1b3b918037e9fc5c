"""Run firmware on an emulated core: answers, executed instructions, stack, faults.

Every instruction that is fetched counts, also those of an IT block whose condition fails. The
emulator tells each block of code that it enters; what a block holds is decoded once.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import FirmwareFault, MissingExtra
from qnnlab.targets.bench.decoding import Decoder
from qnnlab.targets.bench.firmware import RAM, Firmware
from qnnlab.targets.bench.runs import BUDGET, BenchRun, sample_bytes

_PAGE = 4096
_STACK_TOP = 0x30000000
_STACK_BYTES = 64 * 1024
_EXIT = 0x07000000
_FILL = 0xA5


def run_firmware(firmware: Firmware, inputs: NDArray[Any], budget: int = BUDGET) -> list[BenchRun]:
    """Run each of `inputs` (samples, …) once; the same input gives the same counts.

    Raises FirmwareFault for a wild access, a stack overflow, an illegal instruction or a run past
    its budget, with address and operator, and MissingExtra without the emulator.
    """
    flat = sample_bytes(firmware.model, inputs)
    if (firmware.core.emulated or "").startswith("qemu:"):
        from qnnlab.targets.bench.qemu import run_on_qemu

        return run_on_qemu(firmware, flat, budget)
    machine = _Machine(firmware)
    return [machine.run(sample.tobytes(), budget) for sample in flat]


class _Machine:
    """One core with the image in its memory."""

    def __init__(self, firmware: Firmware) -> None:
        try:
            import unicorn
        except ImportError:
            raise MissingExtra(
                "emulating firmware needs unicorn: pip install qnnlab[firmware]"
            ) from None
        if firmware.core.emulated is None:
            raise FirmwareFault(f"there is no emulator for {firmware.core.name}")
        self._firmware = firmware
        self._unicorn = unicorn
        self._arm = firmware.core.triple.startswith("thumb")
        self._uc = self._created()
        self._decoder = Decoder(firmware)
        self._sizes: dict[tuple[int, int], int] = {}
        self._map()
        self._counts: Counter[tuple[str, int, int]] = Counter()
        self._starts = {
            firmware.functions[name][0]: name
            for name in (*firmware.model.operators, "model_invoke")
            if name in firmware.functions
        }
        self._operator = "model_invoke"
        self._executed = 0
        self._budget = BUDGET
        self._uc.hook_add(unicorn.UC_HOOK_BLOCK, self._entered)

    def _created(self) -> Any:
        u, model = self._unicorn, self._firmware.core.emulated
        if self._arm:
            uc = u.Uc(u.UC_ARCH_ARM, u.UC_MODE_THUMB | u.UC_MODE_MCLASS)
            uc.ctl_set_cpu_model(getattr(u.arm_const, f"UC_CPU_ARM_{model}"))
            return uc
        return u.Uc(u.UC_ARCH_RISCV, u.UC_MODE_RISCV32)

    def _map(self) -> None:
        u, uc = self._unicorn, self._uc
        for segment in self._firmware.segments:
            start = segment.address // _PAGE * _PAGE
            end = -(-(segment.address + segment.size) // _PAGE) * _PAGE
            rights = u.UC_PROT_READ | (u.UC_PROT_WRITE if segment.writable else u.UC_PROT_EXEC)
            self._join(start, end, rights)
            uc.mem_write(segment.address, segment.data)
        uc.mem_map(_STACK_TOP - _STACK_BYTES, _STACK_BYTES, u.UC_PROT_READ | u.UC_PROT_WRITE)
        uc.mem_map(_EXIT, _PAGE, u.UC_PROT_READ | u.UC_PROT_EXEC)
        # A branch to itself: reached, it ends the run.
        uc.mem_write(_EXIT, b"\xfe\xe7" if self._arm else b"\x01\xa0")

    def _join(self, start: int, end: int, rights: int) -> None:
        """Map what of a range is not mapped yet; flash pages may hold code and constants."""
        for page in range(start, end, _PAGE):
            mapped = any(low <= page <= high for low, high, _ in self._uc.mem_regions())
            if not mapped:
                self._uc.mem_map(page, _PAGE, rights if page >= RAM else 5)

    def _entered(self, uc: Any, address: int, size: int, _data: Any) -> None:
        self._operator = self._starts.get(address, self._operator)
        key = (address, size)
        self._counts[self._operator, address, size] += 1
        known = self._sizes.get(key)
        if known is None:
            known = self._sizes[key] = self._decoder.stretch(address, size).count
        self._executed += known
        if self._executed > self._budget:
            uc.emu_stop()

    def run(self, sample: bytes, budget: int) -> BenchRun:
        """One inference."""
        u, uc, firmware = self._unicorn, self._uc, self._firmware
        self._counts.clear()
        self._executed, self._budget = 0, budget
        self._operator = "model_invoke"
        uc.mem_write(_STACK_TOP - _STACK_BYTES, bytes([_FILL]) * _STACK_BYTES)
        uc.mem_write(firmware.objects["bench_input"][0], sample)
        entry = firmware.functions["bench_run"][0]
        if self._arm:
            uc.reg_write(u.arm_const.UC_ARM_REG_SP, _STACK_TOP)
            uc.reg_write(u.arm_const.UC_ARM_REG_LR, _EXIT | 1)
            entry |= 1
        else:
            uc.reg_write(u.riscv_const.UC_RISCV_REG_SP, _STACK_TOP)
            uc.reg_write(u.riscv_const.UC_RISCV_REG_RA, _EXIT)
        try:
            uc.emu_start(entry, _EXIT)
        except u.UcError as error:
            raise FirmwareFault(self._fault(str(error))) from None
        if self._executed > budget:
            raise FirmwareFault(f"{self._where()}: more than {budget:,} instructions")
        return self._result()

    def _fault(self, reason: str) -> str:
        pointer = (
            self._unicorn.arm_const.UC_ARM_REG_SP
            if self._arm
            else self._unicorn.riscv_const.UC_RISCV_REG_SP
        )
        if self._uc.reg_read(pointer) < _STACK_TOP - _STACK_BYTES:
            reason = f"the stack overflows its {_STACK_BYTES:,} B"
        return f"{self._where()}: {reason}"

    def _where(self) -> str:
        u = self._unicorn
        pc = self._uc.reg_read(
            u.arm_const.UC_ARM_REG_PC if self._arm else u.riscv_const.UC_RISCV_REG_PC
        )
        where = f"{self._firmware.core.name} at {pc:#010x} in {self._decoder.function(pc)}"
        return f"{where}, operator {self._operator}"

    def _result(self) -> BenchRun:
        firmware = self._firmware
        address, _ = firmware.objects["bench_output"]
        size = firmware.model.output_bytes
        content = bytes(self._uc.mem_read(address, size))
        outputs = np.frombuffer(content, firmware.model.output_type)
        stack = bytes(self._uc.mem_read(_STACK_TOP - _STACK_BYTES, _STACK_BYTES))
        mix, classes = Counter[str](), Counter[str]()
        by_function, by_operator = Counter[str](), Counter[str]()
        for key, count in self._counts.items():
            operator, address, size = key
            if address == _EXIT:
                continue
            found = self._decoder.stretch(address, size)
            by_function[found.function] += found.count * count
            by_operator[operator] += found.count * count
            for total, parts in ((mix, found.mix), (classes, found.classes)):
                for kind, part in parts.items():
                    total[kind] += part * count
        return BenchRun(
            outputs.copy(),
            sum(by_function.values()),
            dict(mix),
            dict(by_operator),
            dict(by_function),
            len(stack.lstrip(bytes([_FILL]))),
            dict(classes),
        )
