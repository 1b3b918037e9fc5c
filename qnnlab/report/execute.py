"""Running a notebook in a process of its own."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from qnnlab.errors import ReportError, unknown_name
from qnnlab.files import write_atomic
from qnnlab.report.notebooks import first_line, read_notebook

_GRACE_S = 10


def execute_notebook(
    source: Path, target: Path, parameters: Mapping[str, Any], *, timeout_s: float
) -> None:
    """Run the notebook `source` in the current folder and write it with outputs to `target`.

    `parameters` replace those of its cell tagged "parameters" and must be named there; their
    values are what JSON can hold. `timeout_s` (seconds) limits the whole run. The kernel runs
    this same Python. Raises ReportError, and `target` is left as it was, where the notebook
    or a parameter is no good, a cell fails, the kernel dies or time runs out.
    """
    notebook = read_notebook(source)
    for name, value in parameters.items():
        _check_json_like(f"{source.name}: parameter {name!r}", value)
    request = {"notebook": notebook, "parameters": parameters, "timeout_s": timeout_s}
    with tempfile.TemporaryDirectory(prefix="qnnlab-notebook-") as scratch:
        executed = Path(scratch) / "executed.ipynb"
        _install_kernel(Path(scratch))
        reply = _run_child(source.name, executed, json.dumps(request), timeout_s)
        _raise_failure(source.name, parameters, reply)
        write_atomic(target, executed.read_bytes())


def _check_json_like(what: str, value: Any) -> None:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ReportError(f"{what}: key {key!r} is not a string")
            _check_json_like(what, item)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_json_like(what, item)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ReportError(f"{what}: {value} is not a finite number")
    elif value is not None and type(value) not in {bool, int, float, str}:
        kind = type(value).__name__
        raise ReportError(f"{what}: a {kind} can't be passed; give text, numbers, lists, mappings")


def _install_kernel(scratch: Path) -> None:
    """Describe a kernel "python3" that is this Python, whatever the user has installed."""
    folder = scratch / "kernels" / "python3"
    folder.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "Python 3", "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")


def _child_environment(scratch: Path) -> dict[str, str]:
    # Kernels import large packages; without bytecode each start would compile them again.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    found = environment.get("JUPYTER_PATH")
    environment["JUPYTER_PATH"] = os.pathsep.join([str(scratch), *([found] if found else [])])
    return environment


def _run_child(name: str, executed: Path, request: str, timeout_s: float) -> dict[str, Any]:
    command = [sys.executable, "-m", "qnnlab.report.notebook_child", str(executed)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        env=_child_environment(executed.parent),
        start_new_session=True,
    ) as child:
        try:
            answer, chatter = child.communicate(request, timeout=timeout_s)
        except subprocess.TimeoutExpired:
            raise ReportError(f"{name} ran longer than its limit of {timeout_s:g} s") from None
        finally:
            _stop(child)
    try:
        reply: dict[str, Any] = json.loads(answer.splitlines()[-1])
    except (IndexError, ValueError):
        last = first_line((chatter.strip().splitlines() or ["no message"])[-1])
        raise ReportError(f"{name}: its run ended with status {child.returncode}: {last}") from None
    return reply


def _stop(child: subprocess.Popen[str]) -> None:
    """End the child; on the first signal it shuts its kernel down, which is in no group of ours."""
    if child.poll() is not None:
        return
    child.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        child.wait(_GRACE_S)
        return
    child.kill()
    child.wait()


def _raise_failure(name: str, parameters: Mapping[str, Any], reply: Mapping[str, Any]) -> None:
    if "known" in reply:
        if not reply["known"]:
            raise ReportError(f"{name} has no cell tagged 'parameters', so it takes none")
        unknown = next(key for key in parameters if key not in reply["known"])
        raise ReportError(f"{name}: {unknown_name('parameter', unknown, reply['known'])}")
    if "error" in reply:
        where = f", cell {reply['cell']}" if reply["cell"] else ""
        message = first_line(reply["message"]) if reply["message"].strip() else ""
        raise ReportError(f"{name}{where}: {reply['error']}" + (f": {message}" if message else ""))
