"""Vela, Arm's compiler for Ethos-U: what it places on the NPU, and what it estimates."""

from __future__ import annotations

import tempfile
from importlib import metadata
from pathlib import Path

from qnnlab.errors import MissingExtra
from qnnlab.graph.tflite import read_tflite
from qnnlab.lab.frameworks.framework import Case, Framework, Trial, counted
from qnnlab.targets.vela import compile_with_vela, npu_estimate
from qnnlab.values import Value

_ACCELERATOR = "ethos-u55-128"
_ON_NPU = "ethos-u"


def _version() -> str:
    try:
        return metadata.version("ethos-u-vela")
    except metadata.PackageNotFoundError:
        raise MissingExtra("ethos-u-vela is not installed: pip install qnnlab[npu]") from None


def _attempt(case: Case) -> Trial:
    """Raises QnnlabError with the compiler's own line where it refuses the model."""
    with tempfile.TemporaryDirectory(prefix="qnnlab-") as name:
        path = Path(name) / "model.tflite"
        path.write_bytes(case.content)
        found = npu_estimate(path, _ACCELERATOR)
        left = _left(path) if found.cpu_operators else ()
    source = f"vela {found.version} for {_ACCELERATOR}"
    return Trial(
        f"compiled for {_ACCELERATOR}",
        None,
        (
            Value("stored_bytes", found.flash_bytes, "B", "estimated", f"{source}, flash"),
            Value("arena_bytes", found.sram_bytes, "B", "estimated", f"{source}, SRAM"),
            Value("npu_cycles", found.cycles, "cycles", "estimated", source),
            Value("npu_seconds", found.seconds, "s", "estimated", source),
        ),
        found.npu_operators,
        found.npu_operators + found.cpu_operators,
        left,
        note="counts operators of Vela's own graph; it compiles, no answer is computed",
    )


def _left(path: Path) -> tuple[str, ...]:
    """The operators that stay on the CPU, read off the file that Vela writes."""
    folder = path.parent
    compile_with_vela(path, _ACCELERATOR, folder)
    written = next(iter(folder.glob("*_vela.tflite")), None)
    if written is None:
        return ()
    rest = read_tflite(written).operators
    return counted([o.name for o in rest if o.options.get("custom_code") != _ON_NPU])


FRAMEWORKS = Framework(
    "vela_u55",
    "Vela, Ethos-U55-128",
    "vela",
    "compiles a .tflite for Arm's NPU and estimates its time; nothing runs here",
    _version,
    _attempt,
)
