"""A bench of emulated cores: C is compiled, runs, and its instructions are counted."""

from qnnlab.targets.bench.emulator import run_firmware
from qnnlab.targets.bench.firmware import Firmware, build_firmware
from qnnlab.targets.bench.host import HostModel, host_library
from qnnlab.targets.bench.runs import BenchRun

__all__ = [
    "BenchRun",
    "Firmware",
    "HostModel",
    "build_firmware",
    "host_library",
    "run_firmware",
]
