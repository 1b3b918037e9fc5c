"""A bench of emulated cores: C is compiled, runs, and its instructions are counted."""

from qnnlab.targets.bench.emulator import BenchRun, run_firmware
from qnnlab.targets.bench.firmware import Firmware, build_firmware

__all__ = ["BenchRun", "Firmware", "build_firmware", "run_firmware"]
