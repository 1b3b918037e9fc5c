"""Exported folders hold what their ecosystem wants, compile, run and answer as computed."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from qnnlab.codegen import generate
from qnnlab.errors import SpecError
from qnnlab.files import resource
from qnnlab.graph.integer.execute import run_integer
from qnnlab.graph.integer.model import IntegerGraph
from qnnlab.graph.integer.reader import read_integer_graph

pytest.importorskip("jinja2", reason="needs the firmware extra")
pytest.importorskip("ziglang", reason="needs the firmware extra")

from qnnlab.codegen.layouts import (
    LAYOUTS,
    Size,
    check_folder,
    check_name,
    export_files,
    ramp,
    write_folder,
)

ZIG = (sys.executable, "-m", "ziglang")
WARNINGS = ("-Wall", "-Wextra", "-Werror")
FILES = {
    "plain": {"README.md", "Makefile", "main.c", "kws.c", "kws.h"},
    "cmake": {
        *("README.md", "CMakeLists.txt", "toolchain.cmake", "main.c"),
        *("cortex-m4/kws.c", "cortex-m4/kws.h", "host/kws.c", "host/kws.h"),
    },
    "zephyr": {
        *("README.md", "CMakeLists.txt", "prj.conf"),
        *("src/main.c", "src/kws.c", "src/kws.h"),
    },
    "arduino": {"README.md", "kws/kws.ino", "kws/kws.c", "kws/kws.h"},
    "platformio": {
        *("README.md", "platformio.ini", "src/main.cpp", "src/kws.c", "include/kws.h"),
    },
}
KERNEL_H = """#include <stdint.h>
static inline uint32_t k_cycle_get_32(void) { return 0; }
"""
PRINTK_H = "#include <stdio.h>\n#define printk printf\n"
ARDUINO_H = """#pragma once
#include <stdint.h>
struct Port {
  void begin(long) {}
  template <typename T> void print(T) {}
  template <typename T> void println(T) {}
  template <typename T> void println(T, int) {}
};
extern Port Serial;
unsigned long micros();
void delay(unsigned long);
"""


@pytest.fixture(scope="module")
def graph() -> IntegerGraph:
    return read_integer_graph(resource("data/mlperf_tiny/models/kws_ref_model.tflite"))


def _exported(graph: IntegerGraph, layout: str, core: str, folder: Path) -> dict[str, str]:
    sizes = (Size("arena", 10_688, "computed", "the memory plan"),)
    files = export_files(graph, generate(graph, core, "kws"), layout, sizes)
    write_folder(files, folder)
    return files


def _run(*command: object, cwd: Path) -> str:
    done = subprocess.run(
        [*map(str, command)], cwd=cwd, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _cc() -> tuple[str, ...]:
    return ("cc",) if shutil.which("cc") else (*ZIG, "cc", "-fno-sanitize=all")


def test_the_ecosystems_are_known() -> None:
    assert set(LAYOUTS) == set(FILES)
    with pytest.raises(SpecError, match="unknown layout 'zephir'; did you mean zephyr"):
        LAYOUTS["zephir"]


@pytest.mark.parametrize("layout", FILES)
def test_files_of_each_layout(graph: IntegerGraph, layout: str, tmp_path: Path) -> None:
    files = _exported(graph, layout, "cortex-m4", tmp_path / "out")
    assert set(files) == FILES[layout]
    written = {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.*")}
    assert written >= FILES[layout] - {"Makefile"}
    assert not list(tmp_path.glob(".scratch-*"))
    readme = files["README.md"]
    for words in ("10,688 B | computed", "0.584702909", "| 83 |", "490, of shape 49 × 10 × 1"):
        assert words in readme
    assert not any("{{" in text or "{%" in text for text in files.values())


def test_the_header_tells_what_codes_mean(graph: IntegerGraph) -> None:
    header = generate(graph, "cortex-m4", "kws").header
    defined = dict(
        line.split(" ", 2)[1:] for line in header.splitlines() if line.startswith("#define MODEL_")
    )
    source, target = graph.activations[graph.input], graph.activations[graph.output]
    for end, activation in (("INPUT", source), ("OUTPUT", target)):
        scale = np.float32(defined[f"MODEL_{end}_SCALE"].removesuffix("f"))
        assert scale == np.float32(activation.scale)
        assert defined[f"MODEL_{end}_ZERO_POINT"] == f"({activation.zero_point})"


@pytest.mark.parametrize("core", ["cortex-m4", "host"])
def test_cmake_builds_and_its_test_passes(graph: IntegerGraph, core: str, tmp_path: Path) -> None:
    if shutil.which("cmake") is None or shutil.which("cc") is None:
        pytest.skip("cmake or cc is not installed here")
    _exported(graph, "cmake", core, tmp_path / "out")
    _run("cmake", "-S", "out", "-B", "build", cwd=tmp_path)
    _run("cmake", "--build", "build", cwd=tmp_path)
    assert "100% tests passed" in _run("ctest", "--test-dir", "build", cwd=tmp_path)


def test_cmake_cross_compiles(graph: IntegerGraph, tmp_path: Path) -> None:
    if shutil.which("cmake") is None or shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("cmake or arm-none-eabi-gcc is not installed here")
    _exported(graph, "cmake", "cortex-m4", tmp_path / "out")
    toolchain = "-DCMAKE_TOOLCHAIN_FILE=" + str(tmp_path / "out/toolchain.cmake")
    _run("cmake", "-S", "out", "-B", "build", toolchain, cwd=tmp_path)
    _run("cmake", "--build", "build", cwd=tmp_path)
    assert (tmp_path / "build/libqnn_kws.a").stat().st_size > 30_000


def test_the_example_prints_the_codes_of_the_executor(graph: IntegerGraph, tmp_path: Path) -> None:
    _exported(graph, "plain", "host", tmp_path / "out")
    _run(*_cc(), "-std=c99", "-O1", *WARNINGS, "main.c", "kws.c", "-o", "run", cwd=tmp_path / "out")
    lines = _run(tmp_path / "out/run", cwd=tmp_path).splitlines()
    codes = run_integer(graph, ramp(graph)).reshape(-1)
    assert lines[0] == "output codes: " + " ".join(map(str, codes))
    assert f"output {codes.argmax()}, which stands for" in lines[1]
    assert lines[2].endswith("as expected")


def test_an_example_that_answers_otherwise_fails(graph: IntegerGraph, tmp_path: Path) -> None:
    files = export_files(graph, generate(graph, "host", "kws"), "plain")
    wrong = files["main.c"].replace(
        "#define EXPECTED_CHECKSUM 0x", "#define EXPECTED_CHECKSUM 1+0x"
    )
    write_folder({**files, "main.c": wrong}, tmp_path / "out")
    _run(*_cc(), "-O1", "main.c", "kws.c", "-o", "run", cwd=tmp_path / "out")
    done = subprocess.run([tmp_path / "out/run"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "WRONG" in done.stdout


def test_zephyr_main_runs_on_stand_ins(graph: IntegerGraph, tmp_path: Path) -> None:
    _exported(graph, "zephyr", "host", tmp_path / "out")
    (tmp_path / "zephyr/sys").mkdir(parents=True)
    (tmp_path / "zephyr/kernel.h").write_text(KERNEL_H)
    (tmp_path / "zephyr/sys/printk.h").write_text(PRINTK_H)
    sources = ("out/src/main.c", "out/src/kws.c")
    _run(*_cc(), "-O1", *WARNINGS, "-I.", *sources, "-o", "run", cwd=tmp_path)
    assert "as expected" in _run(tmp_path / "run", cwd=tmp_path)


@pytest.mark.parametrize("layout", ["arduino", "platformio"])
def test_arduino_mains_compile_on_stand_ins(
    graph: IntegerGraph, layout: str, tmp_path: Path
) -> None:
    _exported(graph, layout, "cortex-m4", tmp_path / "out")
    (tmp_path / "Arduino.h").write_text(ARDUINO_H)
    main = {"arduino": "out/kws/kws.ino", "platformio": "out/src/main.cpp"}[layout]
    include = ("-include", "Arduino.h", "-I.", "-Iout/include")
    target = ("-target", "thumb-freestanding-eabi", "-mcpu=cortex_m4", "-Os", "-c", "-o", "it.o")
    _run(*ZIG, "c++", *target, *WARNINGS, *include, "-x", "c++", main, cwd=tmp_path)
    code = {"arduino": "out/kws/kws.c", "platformio": "out/src/kws.c"}[layout]
    _run(*ZIG, "cc", *target, *WARNINGS, "-Iout/include", code, cwd=tmp_path)


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m33", "rv32imac", "host"])
def test_platformio_configuration(graph: IntegerGraph, core: str) -> None:
    text = export_files(graph, generate(graph, core, "kws"), "platformio")["platformio.ini"]
    read = configparser.ConfigParser()
    read.read_string(text)
    (section,) = read.sections()
    assert section == f"env:{LAYOUTS['platformio'].boards[core]}"
    assert read[section]["platform"] == {"rv32imac": "sifive", "host": "native"}.get(
        core, "ststm32"
    )


def test_make_builds_for_the_core(graph: IntegerGraph, tmp_path: Path) -> None:
    if shutil.which("make") is None or shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("make or arm-none-eabi-gcc is not installed here")
    _exported(graph, "plain", "cortex-m0", tmp_path / "out")
    assert "-mcpu=cortex-m0" in _run("make", cwd=tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "not a C identifier"),
        ("2kws", "not a C identifier"),
        ("a-b", "not a C identifier"),
        ("../up", "not a C identifier"),
        ("modèle", "not a C identifier"),
        ("kws\n", "not a C identifier"),
        ("while", "not a C identifier"),
        ("Main", "would hide another file"),
        ("stdint", "would hide another file"),
        ("x" * 64, "longer than 63"),
    ],
)
def test_names_that_are_refused(name: str, reason: str) -> None:
    with pytest.raises(SpecError, match=reason):
        check_name(name)
    assert check_name("_kws2") == "_kws2"


def test_a_folder_that_holds_something(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    write_folder({"a/b.txt": "first"}, folder)
    (folder / "mine.txt").write_text("mine")
    with pytest.raises(SpecError, match="is not empty; --force"):
        write_folder({"a/b.txt": "second"}, folder)
    write_folder({"a/b.txt": "second"}, folder, force=True)
    assert (folder / "a/b.txt").read_text() == "second"
    assert (folder / "mine.txt").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_folders_that_can_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SpecError, match="is a file; --out wants a folder"):
        check_folder(tmp_path / "file", True)
    with pytest.raises(
        SpecError, match=r"file/out: can't be written: (Not a directory|File exists)"
    ):
        write_folder({"a": ""}, tmp_path / "file/out")
    (tmp_path / "empty").mkdir()
    write_folder({"a": "text"}, tmp_path / "empty")
    assert (tmp_path / "empty/a").read_text() == "text"


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(SpecError, match="can't be written: No space left"):
        write_folder({"a": "text"}, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
