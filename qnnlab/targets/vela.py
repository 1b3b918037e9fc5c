"""What Arm's compiler for Ethos-U estimates for a model: cycles, SRAM, flash."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from qnnlab.errors import MissingExtra, QnnlabError, SpecError
from qnnlab.files import write_atomic
from qnnlab.tasks.storage import data_folder

ACCELERATORS = (
    *("ethos-u55-32", "ethos-u55-64", "ethos-u55-128", "ethos-u55-256"),
    *("ethos-u65-256", "ethos-u65-512"),
    *("ethos-u85-128", "ethos-u85-256", "ethos-u85-512", "ethos-u85-1024", "ethos-u85-2048"),
)
# The package has no __main__ of its own.
_START = "from ethosu.vela.vela import main; raise SystemExit(main())"
_TIMEOUT_S = 300
_KIB = 1024


@dataclass(frozen=True)
class NpuEstimate:
    """Vela's own estimates for one inference; operators by where they would run."""

    accelerator: str
    version: str
    cycles: int
    seconds: float
    sram_bytes: int
    flash_bytes: int
    npu_operators: int
    cpu_operators: int


def compile_with_vela(
    model: Path | str, accelerator: str, folder: Path
) -> subprocess.CompletedProcess[str]:
    """Compile the .tflite at `model` into `folder`, in a child process; its status is not checked.

    Raises QnnlabError where the compiler takes too long.
    """
    command = [
        *(sys.executable, "-c", _START, str(model)),
        *("--accelerator-config", accelerator, "--output-dir", str(folder)),
    ]
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise QnnlabError(f"{model}: vela took more than {_TIMEOUT_S} s") from None


def npu_estimate(model: Path | str, accelerator: str = "ethos-u55-128") -> NpuEstimate:
    """Compile the .tflite at `model` for an NPU, in a child process.

    Raises MissingExtra without the compiler, SpecError for an unknown accelerator and QnnlabError
    with the compiler's last line where it refuses the model.
    """
    if accelerator not in ACCELERATORS:
        raise SpecError(f"accelerator {accelerator!r} is none of {', '.join(ACCELERATORS)}")
    try:
        version = metadata.version("ethos-u-vela")
    except metadata.PackageNotFoundError:
        raise MissingExtra("NPU estimates need ethos-u-vela: pip install qnnlab[npu]") from None
    with tempfile.TemporaryDirectory(prefix="qnnlab-") as name:
        done = compile_with_vela(model, accelerator, Path(name))
        summary = next(iter(Path(name).glob("*_summary_*.csv")), None)
        if done.returncode or summary is None:
            said = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
            raise QnnlabError(f"{model}: vela refuses it: {said[-1][:300]}")
        with summary.open(encoding="utf-8", newline="") as stream:
            row = next(csv.DictReader(stream))
    placed = {
        word: int(count) for word, count in re.findall(r"(CPU|NPU) operators = (\d+)", done.stdout)
    }
    flash = float(row["on_chip_flash_memory_used"]) + float(row["off_chip_flash_memory_used"])
    return NpuEstimate(
        accelerator,
        version,
        round(float(row["cycles_total"])),
        float(row["inference_time"]),
        round(_KIB * float(row["sram_memory_used"])),
        round(_KIB * flash),
        placed.get("NPU", 0),
        placed.get("CPU", 0),
    )


def kept_estimate(model: Path, accelerator: str) -> NpuEstimate:
    """As `npu_estimate`, but made once for a model, an accelerator and a version of the compiler.

    Kept below the data folder; where nothing can be kept or read, it is made anew.
    """
    kept = _kept_file(model, accelerator)
    with suppress(OSError, ValueError, TypeError):
        return NpuEstimate(**json.loads(kept.read_text(encoding="utf-8")))
    found = npu_estimate(model, accelerator)
    with suppress(OSError):
        write_atomic(kept, json.dumps(asdict(found)))
    return found


def _kept_file(model: Path, accelerator: str) -> Path:
    try:
        version = metadata.version("ethos-u-vela")
    except metadata.PackageNotFoundError:
        version = "none"
    digest = hashlib.sha256(model.read_bytes()).hexdigest()[:32]
    return data_folder() / "vela" / f"{digest}-{accelerator}-{version}.json"
