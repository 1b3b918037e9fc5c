#!/usr/bin/env python3
"""One file to start with: builds the environment beside the checkout, then does the job.

    python3 run.py report [--profile smoke|quick|full]   experiments, notebooks, rendered report
    python3 run.py test                                  lint, types and the test suite
    python3 run.py lab                                   JupyterLab on the notebooks
    python3 run.py shell                                 a shell with qnnlab on its path
    python3 run.py <anything else>                       the same as `qnnlab <anything else>`

Needs python3 and a connection to the package index at the first start, nothing else: neither pip
nor venv, and no administrator.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
BOOTSTRAP = ROOT / "bootstrap"
UV_FOLDER = ROOT / ".bootstrap"
VENV = ROOT / ".venv"
STAMP = VENV / "qnnlab-synced"
SUPPORTED = ((3, 10), (3, 14))
WINDOWS = os.name == "nt"
BIN = VENV / ("Scripts" if WINDOWS else "bin")


def stop(message):
    """End with one line that a person can act on."""
    sys.exit(f"run.py: {message}")


def digest(*paths):
    """Digest of the files that an installation follows from."""
    state = hashlib.sha256()
    for path in paths:
        state.update(path.read_bytes())
    return state.hexdigest()


def call(command, **options):
    """Run a command; a failure ends the program with the command's own exit code."""
    try:
        code = subprocess.run([str(part) for part in command], check=False, **options).returncode
    except OSError as error:
        stop(f"can't start {command[0]}: {error.strerror}")
    if code:
        sys.exit(code)


def uv_binary():
    """The pinned uv, installed below the checkout by the pip that the checkout carries.

    Debian's bare python3 has neither pip nor ensurepip; a pip wheel runs as it is.
    """
    requirements = BOOTSTRAP / "uv.txt"
    folder = UV_FOLDER / digest(requirements)[:12]
    uv = folder / "bin" / ("uv.exe" if WINDOWS else "uv")
    if uv.exists():
        return uv
    wheel = next(BOOTSTRAP.glob("pip-*.whl"))
    checksum = (BOOTSTRAP / "pip.sha256").read_text().split()[0]
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != checksum:
        stop(f"{wheel.name} does not have its checksum; restore it with git checkout")
    print("run.py: fetching uv", file=sys.stderr)
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    pip = [sys.executable, wheel / "pip", "install", "--quiet", "--disable-pip-version-check"]
    options = ["--no-deps", "--require-hashes", "--target", partial, "--requirement", requirements]
    call([*pip, *options], env={**os.environ, "PIP_ROOT_USER_ACTION": "ignore"})
    partial.rename(folder)
    return uv


def python_choice():
    """This Python if it is supported, else a range that uv looks for (or fetches)."""
    low, high = SUPPORTED
    if low <= sys.version_info[:2] < high:
        return sys.executable
    return ">={}.{},<{}.{}".format(*low, *high)


def prepare():
    """Make the environment equal to requirements.lock; does nothing when it is already."""
    wanted = digest(ROOT / "requirements.lock", ROOT / "pyproject.toml", BOOTSTRAP / "uv.txt")
    if STAMP.exists() and STAMP.read_text() == wanted:
        return
    if sys.version_info < SUPPORTED[0]:
        stop(
            "needs Python {}.{} or newer, this is {}.{}; try python3.12 run.py".format(
                *SUPPORTED[0], *sys.version_info[:2]
            )
        )
    uv = uv_binary()
    print("run.py: installing the environment (once, about a minute)", file=sys.stderr)
    quiet = [] if sys.stderr.isatty() else ["--quiet"]
    if not (BIN / ("python.exe" if WINDOWS else "python")).exists():
        shutil.rmtree(VENV, ignore_errors=True)
        call([uv, "venv", *quiet, "--python", python_choice(), VENV])
    python = ["--python", VENV]
    call([uv, "pip", "sync", *quiet, *python, "--require-hashes", ROOT / "requirements.lock"])
    offline = ["--no-deps", "--no-build-isolation"]
    call([uv, "pip", "install", *quiet, *python, *offline, "--editable", ROOT])
    STAMP.write_text(wanted)


def environment():
    """The environment that jobs run in: this checkout's programs first, its runs, its data."""
    path = os.pathsep.join([str(BIN), os.environ.get("PATH", "")])
    runs = os.environ.get("QNNLAB_RUNS") or str(ROOT / "runs")
    data = os.environ.get("QNNLAB_DATA") or str(ROOT / "datasets")
    own = {"PATH": path, "VIRTUAL_ENV": str(VENV), "QNNLAB_RUNS": runs, "QNNLAB_DATA": data}
    return {**os.environ, **own}


def test(arguments):
    """Lint, format, types, imports between rooms, then the tests (arguments go to pytest).

    Without arguments two processes share the test files.
    """
    for command in (
        ["ruff", "check", "--quiet", "."],
        ["ruff", "format", "--check", "--quiet", "."],
        ["mypy", "--no-error-summary"],
        ["lint-imports", "--no-logo"],
    ):
        print("run.py: " + " ".join(command), file=sys.stderr)
        call([BIN / command[0], *command[1:]], cwd=ROOT, env=environment())
    workers = ["-n", "2", "--dist", "loadfile"] if not arguments else []
    call([BIN / "python", "-m", "pytest", *workers, *arguments], cwd=ROOT, env=environment())


def main(arguments):
    """Prepare the environment and do the job."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__)
        return
    job, rest = arguments[0], arguments[1:]
    prepare()
    if job == "test":
        test(rest)
    elif job == "lab":
        call([BIN / "jupyter", "lab", *rest], cwd=ROOT / "notebooks", env=environment())
    elif job == "shell":
        shell = os.environ.get("COMSPEC" if WINDOWS else "SHELL", "/bin/sh")
        call([shell, *rest], env=environment())
    else:
        call([BIN / "qnnlab", *arguments], env=environment())


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
