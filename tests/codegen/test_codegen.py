"""Generated C answers as the integer executor does, on every emulated core; faults are told."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest
from integer_graphs import Chain, random_codes

from qnnlab.codegen import CModel, generate
from qnnlab.errors import CodegenError, FirmwareFault, SpecError
from qnnlab.files import resource
from qnnlab.graph.integer.execute import run_integer
from qnnlab.graph.integer.model import IntegerGraph
from qnnlab.graph.integer.reader import read_integer_graph

pytest.importorskip("ziglang", reason="needs the firmware extra")
pytest.importorskip("unicorn", reason="needs the firmware extra")

from qnnlab.targets.bench import build_firmware, run_firmware

MODELS = resource("data/mlperf_tiny/models")
# Raise it to search longer: FIRMWARE_GRAPHS=250 takes some minutes.
GRAPHS = int(os.environ.get("FIRMWARE_GRAPHS", "4"))
EMULATED = ("cortex-m0", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "rv32imac")
KINDS = ("conv", "depthwise", "add", "average_pool", "max_pool", "requantize")


def _assert_equal(graph: IntegerGraph, core: str, seed: int, samples: int = 3) -> None:
    codes = random_codes(np.random.default_rng(seed), graph, samples)
    ours = run_integer(graph, codes).reshape(samples, -1)
    runs = run_firmware(build_firmware(generate(graph, core)), codes)
    for run, expected in zip(runs, ours, strict=True):
        assert np.array_equal(run.outputs, expected)


def _random_chain(seed: int) -> IntegerGraph:
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(3, 10)), int(rng.integers(3, 10)), int(rng.choice([1, 3, 4, 8])))
    chain = Chain(rng, 8, shape)
    for kind in rng.choice(KINDS, int(rng.integers(1, 6))):
        getattr(chain, str(kind))()
    chain.dense()
    return chain.graph()


@pytest.mark.parametrize("core", EMULATED)
@pytest.mark.parametrize("name", ["kws_ref_model", "ad01_int8"])
def test_reference_models_on_every_core(core: str, name: str) -> None:
    _assert_equal(read_integer_graph(MODELS / f"{name}.tflite"), core, 1, samples=2)


@pytest.mark.parametrize("name", ["pretrainedResnet_quant", "vww_96_int8", "str_ww_ref_model"])
def test_larger_reference_models(name: str) -> None:
    _assert_equal(read_integer_graph(MODELS / f"{name}.tflite"), "cortex-m4", 2, samples=2)


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m3", "cortex-m4", "rv32imac"])
def test_random_networks(core: str) -> None:
    made = 0
    for seed in range(4 * GRAPHS):
        graph = _random_chain(1000 + seed)
        try:
            generate(graph, core)
        except CodegenError:
            # A random scale now and then needs a shift that no template covers.
            continue
        _assert_equal(graph, core, seed)
        made += 1
        if made == GRAPHS:
            break
    assert made == GRAPHS


@pytest.mark.parametrize(
    ("least", "kernels"), [(-127, "dsp_products"), (-128, "dsp_bytes_products")]
)
def test_two_channels_in_a_halfword(least: int, kernels: str) -> None:
    for seed in range(2 * GRAPHS):
        chain = Chain(np.random.default_rng(seed), 8, (4, 5, 24))
        chain.conv()
        chain.dense()
        graph = chain.graph()
        ops = []
        for op in graph.ops:
            if op.weights is None:
                ops.append(op)
                continue
            codes = np.maximum(op.weights.codes, least)
            codes.reshape(-1)[0] = least
            ops.append(replace(op, weights=replace(op.weights, codes=codes)))
        graph = replace(graph, ops=tuple(ops)).check()
        assert f"void {kernels}" in generate(graph, "cortex-m4").source
        _assert_equal(graph, "cortex-m4", seed)


def test_other_refusals() -> None:
    with pytest.raises(SpecError, match="unknown core 'cortex-m5'; did you mean"):
        generate(_random_chain(3), "cortex-m5")


def test_a_name_from_a_file_stays_in_its_comment() -> None:
    graph = replace(read_integer_graph(MODELS / "ad01_int8.tflite"), name="x */ int y; /*")
    source = generate(graph).source
    assert source.index("int y") < source.index("*/\n#include")
    assert "x * / int y" in source


def test_the_same_run_gives_the_same_counts() -> None:
    graph = read_integer_graph(MODELS / "ad01_int8.tflite")
    model = generate(graph)
    assert model == generate(graph)
    codes = random_codes(np.random.default_rng(0), graph, 2)
    first, second = (run_firmware(build_firmware(model), codes)[0] for _ in range(2))
    assert first.instructions == second.instructions == sum(first.mix.values())
    assert first.by_operator == second.by_operator
    assert sum(first.by_operator.values()) == first.instructions
    assert set(model.operators) <= set(first.by_operator)
    assert first.stack_bytes == second.stack_bytes > 0


def test_memory_is_what_was_planned() -> None:
    graph = read_integer_graph(MODELS / "kws_ref_model.tflite")
    model = generate(graph, "cortex-m4")
    firmware = build_firmware(model)
    # Pointwise and depthwise layers write over their inputs: below the interpreter's 16,000 B.
    assert model.arena_bytes < 16000
    assert firmware.static_bytes <= model.arena_bytes + 490 + 12 + 32
    assert firmware.constant_bytes >= graph.weight_bytes


def _hand_written(body: str, core: str = "cortex-m4") -> CModel:
    header = (
        "#ifndef M\n#define M\n#include <stdint.h>\n#define MODEL_INPUT_BYTES 4\n"
        "#define MODEL_OUTPUT_BYTES 4\nint model_invoke(const int8_t *in, int8_t *out);\n#endif\n"
    )
    return CModel("model", f'#include "model.h"\n{body}', header, core, 0, 4, 4, 0, ("op0_loop",))


LOOP = """
__attribute__((noinline, naked)) void op0_loop(void) {
  __asm__("movs r3, #100\\n1: subs r3, r3, #1\\nbne 1b\\nbx lr");
}
int model_invoke(const int8_t *in, int8_t *out) { op0_loop(); return 0; }
"""


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4"])
def test_a_loop_counted_by_hand(core: str) -> None:
    firmware = build_firmware(_hand_written(LOOP, core))
    run = run_firmware(firmware, np.zeros((1, 4), np.int8))[0]
    # One move, a hundred times two, one return.
    assert run.by_function["op0_loop"] == 202
    assert run.mix["branch"] >= 101


FAULTS = {
    "wild write": (
        "int model_invoke(const int8_t *in, int8_t *out) "
        "{ *(volatile int *)0x60000000 = 1; return 0; }",
        r"cortex-m4 at 0x[0-9a-f]+ in model_invoke.*Invalid memory write",
    ),
    "write to flash": (
        "int model_invoke(const int8_t *in, int8_t *out) "
        "{ *(volatile int *)0x08000000 = 1; return 0; }",
        "Write to write-protected memory",
    ),
    "stack overflow": (
        "static __attribute__((noinline)) int op0_loop(int n) "
        "{ volatile char room[512]; room[n & 511] = 1; return op0_loop(n + 1) + room[0]; }\n"
        "int model_invoke(const int8_t *in, int8_t *out) { return op0_loop(in[0]); }",
        "the stack overflows its 65,536 B",
    ),
    "illegal instruction": (
        'int model_invoke(const int8_t *in, int8_t *out) { __asm__("udf #0"); return 0; }',
        r"(exception|Invalid instruction)",
    ),
    "endless": (
        'int model_invoke(const int8_t *in, int8_t *out) { for (;;) __asm__ volatile("nop"); }',
        r"more than 100,000 instructions",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_told_with_place_and_operator(name: str) -> None:
    body, message = FAULTS[name]
    firmware = build_firmware(
        _hand_written(body), extra=("-Wno-infinite-recursion", "-Wno-array-bounds")
    )
    with pytest.raises(FirmwareFault, match=message) as caught:
        run_firmware(firmware, np.zeros((1, 4), np.int8), budget=100_000)
    assert "operator" in str(caught.value)


def test_what_the_compiler_refuses() -> None:
    with pytest.raises(FirmwareFault, match=r"compiling for cortex-m4 failed: .*error"):
        build_firmware(_hand_written("int model_invoke(;"))


def test_samples_that_do_not_fit() -> None:
    firmware = build_firmware(_hand_written(LOOP))
    with pytest.raises(FirmwareFault, match=r"a sample is int8\[5\], not int8\[4\]"):
        run_firmware(firmware, np.zeros((1, 5), np.int8))
