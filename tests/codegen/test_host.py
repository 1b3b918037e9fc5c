"""Generated C on this computer answers as the integer executor does; GCC makes the same of it."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
from integer_graphs import random_chain, random_codes
from operator_graphs import BUILDERS, operator_graph

from qnnlab.codegen import CModel, generate
from qnnlab.errors import CodegenError, FirmwareFault, MissingExtra, ModelFormatError, SpecError
from qnnlab.files import resource
from qnnlab.graph.integer.execute import run_integer
from qnnlab.graph.integer.model import IntegerGraph
from qnnlab.graph.integer.reader import read_integer_graph

pytest.importorskip("jinja2", reason="needs the firmware extra")
pytest.importorskip("ziglang", reason="needs the firmware extra")

from qnnlab.targets.bench import build_firmware, host_library, run_firmware
from qnnlab.targets.bench.compilers import COMPILERS

MODELS = resource("data/mlperf_tiny/models")
ARM_GCC, RISCV_GCC = "arm-none-eabi-gcc", "riscv64-unknown-elf-gcc"
GCC = {
    **dict.fromkeys(("cortex-m0", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33"), ARM_GCC),
    "rv32imac": RISCV_GCC,
}


def _assert_equal(graph: IntegerGraph, model: CModel, seed: int, samples: int = 4) -> None:
    codes = random_codes(np.random.default_rng(seed), graph, samples)
    with host_library(model) as library:
        outputs = library.run(codes)
    assert np.array_equal(outputs, run_integer(graph, codes).reshape(samples, -1))


@pytest.mark.parametrize("name", ["kws_ref_model", "ad01_int8", "pretrainedResnet_quant"])
def test_reference_models(name: str) -> None:
    graph = read_integer_graph(MODELS / f"{name}.tflite")
    _assert_equal(graph, generate(graph, "host"), 1)


@pytest.mark.parametrize("weight_bits", [8, 4])
def test_random_networks(weight_bits: int) -> None:
    made = 0
    for seed in range(40):
        graph = random_chain(np.random.default_rng([seed, weight_bits]), 8, weight_bits)
        try:
            model = generate(graph, "host")
        except CodegenError:
            continue
        _assert_equal(graph, model, seed)
        made += 1
        if made == 8:
            break
    assert made == 8


@pytest.mark.parametrize("kind", sorted(BUILDERS))
def test_operators(kind: str) -> None:
    for seed in range(12):
        try:
            graph = operator_graph(np.random.default_rng([seed, 11]), kind, 8)
            model = generate(graph, "host")
        except (CodegenError, ModelFormatError):
            continue
        _assert_equal(graph, model, seed)
        return
    pytest.skip(f"no C is generated for {kind}")


@pytest.fixture(scope="module")
def small() -> tuple[IntegerGraph, CModel]:
    graph = read_integer_graph(resource("data/golden/dense_softmax.int8.tflite"))
    return graph, generate(graph, "host", "tiny")


def test_two_libraries_live_side_by_side(small: tuple[IntegerGraph, CModel]) -> None:
    graph, model = small
    other = read_integer_graph(MODELS / "ad01_int8.tflite")
    codes = random_codes(np.random.default_rng(0), graph, 2)
    with host_library(model) as first, host_library(generate(other, "host", "tiny")) as second:
        before = first.run(codes)
        second.run(random_codes(np.random.default_rng(0), other, 2))
        assert np.array_equal(first.run(codes), before)


def test_samples_that_do_not_fit_and_a_closed_library(
    small: tuple[IntegerGraph, CModel],
) -> None:
    _, model = small
    size = model.input_bytes
    with host_library(model) as library:
        assert library.run(np.zeros((0, size), np.int8)).shape == (0, model.output_bytes)
        with pytest.raises(FirmwareFault, match=rf"int8\[{size + 1}\], not int8\[{size}\]"):
            library.run(np.zeros((1, size + 1), np.int8))
        with pytest.raises(FirmwareFault, match="a sample is int32"):
            library.run(np.zeros((1, size), np.int32))  # type: ignore[arg-type]
    library.close()
    with pytest.raises(FirmwareFault, match="unloaded"):
        library.run(np.zeros((1, size), np.int8))


def test_code_that_is_not_for_this_computer(small: tuple[IntegerGraph, CModel]) -> None:
    graph, model = small
    with pytest.raises(FirmwareFault, match=r"is for cortex-m4; .* of the core 'host'"):
        host_library(generate(graph, "cortex-m4"))
    with pytest.raises(FirmwareFault, match="no firmware is built for host"):
        build_firmware(model)


def test_what_the_compiler_says(small: tuple[IntegerGraph, CModel]) -> None:
    _, model = small
    with pytest.raises(FirmwareFault, match=r"compiling for this computer failed: .*error"):
        host_library(replace(model, source="int model_invoke(;"))
    with pytest.raises(FirmwareFault, match=r"the library can't be loaded: .*model_invoke"):
        host_library(replace(model, source="extern int nothing;"))
    refusing = '#include "tiny.h"\nint model_invoke(const int8_t *in, int8_t *out) '
    library = host_library(replace(model, source=refusing + "{ return in == out ? 0 : 3; }"))
    with library, pytest.raises(FirmwareFault, match="returned 3"):
        library.run(np.zeros((1, model.input_bytes), np.int8))


def test_zig_where_there_is_no_cc(
    small: tuple[IntegerGraph, CModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    graph, model = small
    monkeypatch.setattr(shutil, "which", lambda _: None)
    _assert_equal(graph, model, 0)


def test_no_compiler_at_all(
    small: tuple[IntegerGraph, CModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    graph, model = small

    def absent() -> str:
        raise MissingExtra("no zig")

    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr("qnnlab.targets.bench.compilers.compiler_version", absent)
    with pytest.raises(MissingExtra, match="needs cc on the PATH: apt install gcc"):
        host_library(model)
    with pytest.raises(MissingExtra, match=f"cortex-m4 needs {ARM_GCC} on the PATH: apt install"):
        build_firmware(generate(graph, "cortex-m4"), compiler="gcc")
    with pytest.raises(MissingExtra, match="rv32imac needs riscv32-unknown-elf-gcc"):
        build_firmware(generate(graph, "rv32imac"), compiler="gcc")


def test_an_unknown_compiler(small: tuple[IntegerGraph, CModel]) -> None:
    with pytest.raises(SpecError, match="unknown compiler 'gc'; did you mean gcc"):
        build_firmware(generate(small[0], "cortex-m4"), compiler="gc")
    assert set(COMPILERS) == {"zig", "gcc"}


@pytest.mark.parametrize("core", GCC)
def test_gcc_answers_as_zig(core: str) -> None:
    pytest.importorskip("unicorn", reason="needs the firmware extra")
    if shutil.which(GCC[core]) is None:
        pytest.skip(f"{GCC[core]} is not installed here")
    graph = read_integer_graph(MODELS / "kws_ref_model.tflite")
    codes = random_codes(np.random.default_rng(0), graph, 2)
    model = generate(graph, core, "kws")
    for optimize in ("-O2", "-O3"):
        firmware = build_firmware(model, optimize, compiler="gcc")
        assert "gcc" in firmware.compiler
        outputs = np.stack([run.outputs for run in run_firmware(firmware, codes)])
        assert np.array_equal(outputs, run_integer(graph, codes).reshape(2, -1))
