"""Run firmware on QEMU's Cortex-M55, which has the vector instructions that unicorn lacks.

Virtual time goes by instructions, so that a counter of the board tells exactly how many a run
executed. A second start with a trace tells how they fall on operators and kinds.
"""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qnnlab.errors import FirmwareFault, MissingExtra
from qnnlab.targets.bench import qemu_runtime as runtime
from qnnlab.targets.bench.compilers import compiler_version
from qnnlab.targets.bench.decoding import Decoder
from qnnlab.targets.bench.firmware import BOARD_FLASH, RAM, Firmware
from qnnlab.targets.bench.runs import BenchRun

_PROGRAM = "qemu-system-arm"
_TIMEOUT_S = 300
#: Above this a run is not traced: its log would be too long.
_MOST_TRACED = 30_000_000
_RANGES = {"flash": (BOARD_FLASH, 8 * 2**20), "data": (RAM, 512 * 1024)}
_TRACE = re.compile(r"^Trace \d+: 0x[0-9a-f]+ \[[0-9a-f]+/([0-9a-f]+)/")
_LISTED = re.compile(r"^0x([0-9a-f]+):\s")
_CAUSES = (
    (0x100000, "the stack overflows its {stack:,} B"),
    (0x1010, "a fault while registers were stacked, reading or writing {address:#010x}"),
    (0x8000, "wild access to {address:#010x}"),
    (0x0100, "instructions fetched where there is no memory"),
    (0x0002, "access to {address:#010x} is not allowed"),
    (0x0001, "instructions fetched where that is not allowed"),
    (0x2000000, "division by zero"),
    (0x1000000, "unaligned access"),
    (0x0080000, "an instruction of a coprocessor that is switched off"),
    (0x0040000, "return to an address that is none"),
    (0x0030000, "illegal instruction"),
)


def run_on_qemu(firmware: Firmware, inputs: NDArray[np.int8], budget: int) -> list[BenchRun]:
    """Run each of `inputs` (samples, bytes) once, all in one start of the emulator.

    Raises FirmwareFault for a fault, a run past its budget or an emulator that gives no answer,
    and MissingExtra without the emulator.
    """
    program = shutil.which(_PROGRAM)
    if program is None:
        raise MissingExtra(
            f"running on {firmware.core.name} needs {_PROGRAM} on the PATH: "
            "apt install qemu-system-arm"
        )
    _check(firmware)
    with tempfile.TemporaryDirectory(prefix="qnnlab-") as name:
        session = _Session(firmware, program, Path(name), budget)
        runs = session.measured(inputs)
        return [session.traced(run, sample) for run, sample in zip(runs, inputs, strict=True)]


def _check(firmware: Firmware) -> None:
    for segment in firmware.segments:
        end = segment.address + segment.size
        inside = (low <= segment.address and end <= low + size for low, size in _RANGES.values())
        if not any(inside):
            kind = "data" if segment.writable else "flash"
            raise FirmwareFault(
                f"{segment.size:,} B of {kind} do not fit the {_RANGES[kind][1]:,} B "
                f"of {firmware.core.name}'s board"
            )


@lru_cache(maxsize=1)
def _runtime(triple: str, cpu: str) -> bytes:
    """The linked runtime of the board."""
    compiler_version()
    with tempfile.TemporaryDirectory(prefix="qnnlab-") as name:
        folder = Path(name)
        (folder / "runtime.c").write_text(runtime.SOURCE, encoding="utf-8")
        (folder / "link.ld").write_text(runtime.LINK, encoding="utf-8")
        command = [
            *(sys.executable, "-m", "ziglang", "cc", "-target", triple, f"-mcpu={cpu}"),
            *("-Os", "-std=gnu99", "-fno-stack-protector", "-fno-sanitize=all", "-Wall"),
            *("-T", "link.ld", "runtime.c", "-o", "runtime.elf"),
        ]
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
        if done.returncode:
            raise FirmwareFault(f"the board's runtime does not compile: {done.stderr[:300]}")
        return (folder / "runtime.elf").read_bytes()


@dataclass(frozen=True)
class _Session:
    """A firmware in a folder with the files that the emulator loads."""

    firmware: Firmware
    program: str
    folder: Path
    budget: int

    def measured(self, inputs: NDArray[np.int8]) -> list[BenchRun]:
        self._order(inputs)
        clock = ("-icount", f"shift={runtime.SHIFT},sleep=off")
        found = self._started(clock)
        size = 4 * runtime.RESULT_WORDS + -(-self.firmware.model.output_bytes // 4) * 4
        runs = []
        for start in range(0, size * len(inputs), size):
            whole = found.ljust(start + size, b"\0")
            words = struct.unpack_from(f"<{runtime.RESULT_WORDS}I", whole, start)
            if words[0] or len(found) < start + size:
                raise FirmwareFault(self._fault(words, found[start + 4 * runtime.RESULT_WORDS :]))
            ticks = words[1] + (words[2] << 32)
            outputs = found[start + 4 * runtime.RESULT_WORDS :][: self.firmware.model.output_bytes]
            # The empty call that is subtracted has one instruction, its return.
            count = round(ticks / runtime.TICKS) + 1
            codes = np.frombuffer(outputs, self.firmware.model.output_type).copy()
            runs.append(BenchRun(codes, count, {}, {}, {}, words[3]))
        return runs

    def _order(self, inputs: NDArray[np.int8]) -> None:
        model, named = self.firmware.model, self.firmware.objects
        ticks = int(self.budget * runtime.TICKS)
        words = (
            *(self.firmware.functions["bench_run"][0], named["bench_input"][0], model.input_bytes),
            *(named["bench_output"][0], model.output_bytes, len(inputs)),
            *(ticks & 0xFFFFFFFF, ticks >> 32),
        )
        order = struct.pack(f"<{runtime.ORDER_WORDS}I", *words) + inputs.tobytes()
        (self.folder / "order.bin").write_bytes(order)
        for position, segment in enumerate(self.firmware.segments):
            (self.folder / f"{position}.bin").write_bytes(segment.data)
        core = self.firmware.core
        (self.folder / "runtime.elf").write_bytes(_runtime(core.triple, core.cpu))

    def _started(self, options: Sequence[str]) -> bytes:
        """What the runtime leaves; raises FirmwareFault where there is nothing in time."""
        loaded = [(f"{i}.bin", s.address) for i, s in enumerate(self.firmware.segments) if s.data]
        loaded.append(("order.bin", runtime.ORDER))
        machine = (self.firmware.core.emulated or "").removeprefix("qemu:")
        command = [
            *(self.program, "-M", machine, "-display", "none", "-monitor", "none"),
            *("-serial", "none", "-nodefaults", "-no-reboot"),
            *("-semihosting-config", "enable=on,target=native", "-kernel", "runtime.elf", *options),
        ]
        for file, address in loaded:
            command += ["-device", f"loader,file={file},addr={address:#x},force-raw=on"]
        results = self.folder / "results.bin"
        results.unlink(missing_ok=True)
        try:
            done = subprocess.run(
                command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise FirmwareFault(
                f"{self.firmware.core.name}: no answer from {_PROGRAM} within {_TIMEOUT_S} s"
            ) from None
        except OSError as error:
            raise FirmwareFault(f"{_PROGRAM} could not be started: {error.strerror}") from None
        if not results.is_file():
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise FirmwareFault(
                f"{self.firmware.core.name}: {_PROGRAM} ended with {done.returncode} and left no "
                f"results: {(said or ['no message'])[0][:300]}"
            )
        return results.read_bytes()

    def _fault(self, words: Sequence[int], stack: bytes) -> str:
        reason, _, _, _, place, status, address, _ = words
        words_above = struct.unpack(f"<{len(stack) // 4}I", stack[: len(stack) // 4 * 4])
        above = [word & ~1 for word in words_above]
        # Of the eight words of the frame, LR alone is a return address.
        calls = above[5:6] + above[8:]
        if not place:
            place = next((word for word in calls if self._function(word) != "?"), 0)
        inside = (self._function(word) for word in (place, *calls))
        operators = set(self.firmware.model.operators)
        operator = next((name for name in inside if name in operators), "model_invoke")
        if reason == 2:
            cause = f"more than {self.budget:,} instructions"
        elif reason == 1:
            found = next((text for bits, text in _CAUSES if status & bits), "a fault")
            cause = found.format(stack=runtime.STACK_BYTES, address=address)
        else:
            cause = "it left no results"
        core = self.firmware.core.name
        where = f"{core} at {place:#010x} in {self._function(place)}, operator {operator}"
        return f"{where}: {cause}"

    def _function(self, address: int) -> str:
        for name, (start, size) in self.firmware.functions.items():
            if start <= address < start + max(size, 2):
                return name
        return "?"

    def traced(self, run: BenchRun, sample: NDArray[np.int8]) -> BenchRun:
        """`run` with its instructions by operator, function and kind."""
        if run.instructions > _MOST_TRACED:
            return run
        self._order(sample[None])
        start, size = _RANGES["flash"]
        log = self.folder / "trace.log"
        self._started(
            ("-d", "in_asm,exec,nochain", "-D", log.name, "-dfilter", f"{start:#x}+{size:#x}")
        )
        with log.open(encoding="utf-8", errors="replace") as lines:
            blocks, listed = _read_trace(lines)
        log.unlink()
        return self._attributed(run, blocks, listed)

    def _attributed(
        self, run: BenchRun, blocks: Iterable[int], listed: dict[int, list[int]]
    ) -> BenchRun:
        starts = {
            self.firmware.functions[name][0]: name
            for name in (*self.firmware.model.operators, "model_invoke")
            if name in self.firmware.functions
        }
        operator, counts = "model_invoke", Counter[tuple[str, int]]()
        for block in blocks:
            operator = starts.get(block, operator)
            counts[operator, block] += 1
        decoder = Decoder(self.firmware)
        mix, classes = Counter[str](), Counter[str]()
        by_operator, by_function = Counter[str](), Counter[str]()
        for (operator, block), count in counts.items():
            # The listing has a line for each half of what its disassembler does not know.
            found = decoder.stretch(block, listed[block][-1] - block + 2)
            by_operator[operator] += count * found.count
            by_function[found.function] += count * found.count
            for total, parts in ((mix, found.mix), (classes, found.classes)):
                for kind, part in parts.items():
                    total[kind] += part * count
        return BenchRun(
            run.outputs,
            run.instructions,
            dict(mix),
            dict(by_operator),
            dict(by_function),
            run.stack_bytes,
            dict(classes),
        )


def _read_trace(lines: Iterable[str]) -> tuple[list[int], dict[int, list[int]]]:
    """Blocks in the order of execution, and the addresses of the instructions of each."""
    blocks: list[int] = []
    listed: dict[int, list[int]] = {}
    last: list[int] = []
    for line in lines:
        if match := _TRACE.match(line):
            blocks.append(int(match[1], 16))
        elif line.startswith("IN:"):
            last = []
        elif match := _LISTED.match(line):
            address = int(match[1], 16)
            if not last:
                listed[address] = last
            last.append(address)
    return blocks, listed
