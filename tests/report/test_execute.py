from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from qnnlab.errors import ReportError
from qnnlab.report.execute import execute_notebook

CODE = {"execution_count": None, "outputs": []}


def write(path: Path, *sources: str) -> Path:
    cells: list[dict[str, Any]] = [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": "# A title"},
        {
            "cell_type": "code",
            "id": "b",
            "metadata": {"tags": ["parameters"]},
            "source": "seeds = [0]\nprofile = 'small'",
            **CODE,
        },
    ]
    for number, source in enumerate(sources):
        cells.append(
            {"cell_type": "code", "id": f"c{number}", "metadata": {}, "source": source, **CODE}
        )
    document = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def refused(source: Path, parameters: dict[str, Any], timeout_s: float = 60) -> str:
    target = source.parent / "out" / "executed.ipynb"
    with pytest.raises(ReportError) as caught:
        execute_notebook(source, target, parameters, timeout_s=timeout_s)
    assert not target.parent.exists()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_runs_with_parameters_here_and_with_this_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    question = (
        "import os, sys, json\n"
        "print(json.dumps([seeds, sys.executable, os.getcwd(), "
        "os.environ.get('PYTHONDONTWRITEBYTECODE')]))"
    )
    source, target = write(tmp_path / "{a}.ipynb", question), tmp_path / "out" / "done.ipynb"
    execute_notebook(source, target, {"seeds": [1, 2]}, timeout_s=60)
    notebook = json.loads(target.read_text(encoding="utf-8"))
    printed = "".join(notebook["cells"][-1]["outputs"][0]["text"])
    assert json.loads(printed) == [[1, 2], sys.executable, str(Path.cwd()), None]
    assert str(tmp_path) not in json.dumps(notebook["metadata"])


def test_unknown_parameter_is_named_with_the_nearest(tmp_path: Path) -> None:
    message = refused(write(tmp_path / "n.ipynb"), {"seed": 1})
    assert message == "n.ipynb: unknown parameter 'seed'; did you mean seeds?"


def test_values_that_json_cannot_hold_are_refused(tmp_path: Path) -> None:
    source = write(tmp_path / "n.ipynb")
    assert "'seeds': a Path" in refused(source, {"seeds": [Path()]}).replace("PosixPath", "Path")
    assert "finite" in refused(source, {"seeds": float("nan")})
    assert "key 1" in refused(source, {"seeds": {1: 2}})


def test_failing_cell_is_named_in_one_line(tmp_path: Path) -> None:
    source = write(tmp_path / "n.ipynb", "x = 1", "raise ValueError('no such\\nthing')", "x")
    assert refused(source, {"seeds": [1]}) == "n.ipynb, cell 4: ValueError: no such"


def test_dead_kernel_does_not_take_the_caller_down(tmp_path: Path) -> None:
    message = refused(write(tmp_path / "n.ipynb", "import os; os._exit(3)"), {})
    assert message.startswith("n.ipynb, cell 3: DeadKernelError")


def runs(pid: int) -> bool:
    """Whether the process is there and not a zombie that nobody has waited for."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except FileNotFoundError:
        return not Path("/proc/self").exists()


def test_time_runs_out(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    source = write(
        tmp_path / "n.ipynb",
        f"import os, time, pathlib; pathlib.Path({str(pid)!r}).write_text(str(os.getpid()))",
        "time.sleep(60)",
    )
    assert refused(source, {}, timeout_s=6) == "n.ipynb ran longer than its limit of 6 s"
    if pid.exists():
        # A kernel that is told to end, or whose parent is gone, takes a moment to notice.
        deadline = time.monotonic() + 30
        while runs(int(pid.read_text())):
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"nbformat": 4, "cells": 3}'])
def test_what_is_no_notebook_is_refused(tmp_path: Path, content: str) -> None:
    source = tmp_path / "n.ipynb"
    source.write_text(content, encoding="utf-8")
    assert "n.ipynb is not a notebook" in refused(source, {})


def test_missing_notebook_is_refused(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "gone.ipynb", {})
