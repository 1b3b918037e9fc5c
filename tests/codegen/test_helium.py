"""Kernels for Cortex-M55 and the emulator that runs them; without QEMU only what it says then."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
from integer_graphs import Chain, random_codes

from qnnlab.codegen import CModel, generate
from qnnlab.errors import FirmwareFault, MissingExtra
from qnnlab.files import resource
from qnnlab.graph.integer.execute import run_integer
from qnnlab.graph.integer.model import IntegerGraph
from qnnlab.graph.integer.reader import read_integer_graph

pytest.importorskip("ziglang", reason="needs the firmware extra")
pytest.importorskip("unicorn", reason="needs the firmware extra")

from qnnlab.targets.bench import build_firmware, qemu, run_firmware

MODELS = resource("data/mlperf_tiny/models")
GRAPHS = int(os.environ.get("FIRMWARE_GRAPHS", "3"))
HEADER = (
    "#ifndef M\n#define M\n#include <stdint.h>\n#define MODEL_INPUT_BYTES 4\n"
    "#define MODEL_OUTPUT_BYTES 4\nint model_invoke(const int8_t *in, int8_t *out);\n#endif\n"
)
needs_qemu = pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None, reason="needs qemu-system-arm on the PATH"
)


def _assert_equal(graph: IntegerGraph, seed: int, samples: int = 2) -> None:
    codes = random_codes(np.random.default_rng(seed), graph, samples)
    expected = run_integer(graph, codes).reshape(samples, -1)
    runs = run_firmware(build_firmware(generate(graph, "cortex-m55")), codes)
    for run, answer in zip(runs, expected, strict=True):
        assert np.array_equal(run.outputs, answer)
        assert run.instructions == sum(run.by_operator.values()) == sum(run.mix.values())


def _hand_written(body: str) -> CModel:
    return CModel(
        "model", f'#include "model.h"\n{body}', HEADER, "cortex-m55", 0, 4, 4, 0, ("op0_loop",)
    )


def test_it_compiles_without_an_emulator() -> None:
    firmware = build_firmware(
        generate(read_integer_graph(MODELS / "ad01_int8.tflite"), "cortex-m55")
    )
    assert 0 < firmware.code_bytes < 15_000


def test_narrow_weights_stay_packed() -> None:
    chain = Chain(np.random.default_rng(1), 8, (4, 4, 32), 2)
    chain.dense()
    model = generate(chain.graph(), "cortex-m55")
    assert model.weight_bytes < 1.4 * chain.graph().weight_bytes + 8


@needs_qemu
@pytest.mark.parametrize("bits", [1, 2, 4])
def test_narrow_weights(bits: int) -> None:
    for seed in range(GRAPHS):
        chain = Chain(np.random.default_rng(seed), 8, (5, 6, 8), bits)
        chain.depthwise()
        chain.conv()
        chain.dense()
        _assert_equal(chain.graph(), seed)


def test_without_the_emulator(monkeypatch: pytest.MonkeyPatch) -> None:
    firmware = build_firmware(
        _hand_written("int model_invoke(const int8_t *in, int8_t *out) { return 0; }")
    )
    monkeypatch.setattr(qemu.shutil, "which", lambda name: None)
    with pytest.raises(
        MissingExtra, match="cortex-m55 needs qemu-system-arm on the PATH: apt install"
    ):
        run_firmware(firmware, np.zeros((1, 4), np.int8))


@needs_qemu
@pytest.mark.parametrize("name", ["kws_ref_model", "ad01_int8"])
def test_reference_models(name: str) -> None:
    _assert_equal(read_integer_graph(MODELS / f"{name}.tflite"), 3)


@needs_qemu
@pytest.mark.parametrize("kind", ["conv", "depthwise", "add", "average_pool"])
def test_random_networks(kind: str) -> None:
    for seed in range(GRAPHS):
        rng = np.random.default_rng(seed)
        depth = int(rng.choice([1, 3, 4, 8, 16, 24, 33]))
        chain = Chain(rng, 8, (int(rng.integers(3, 10)), int(rng.integers(3, 10)), depth))
        getattr(chain, kind)()
        chain.dense()
        _assert_equal(chain.graph(), seed)


@needs_qemu
def test_scales_above_one() -> None:
    chain = Chain(np.random.default_rng(2), 8, (4, 4, 8))
    chain.conv()
    chain.dense()
    graph = chain.graph()
    first, *rest = graph.ops
    assert first.weights is not None
    scale = (first.weights.scale * 400).astype(np.float32)
    louder = replace(first, weights=replace(first.weights, scale=scale))
    graph = replace(graph, ops=(louder, *rest))
    assert "#define LEFT_SHIFTS 1" in generate(graph, "cortex-m55").source
    _assert_equal(graph, 2)


LOOP = """
__attribute__((noinline, naked)) void op0_loop(const int8_t *p) {
  __asm__("push {lr}\\nmov r3, #1000\\ndls lr, r3\\n1: vctp.32 r3\\nvpst\\nvldrbt.u8 q0, [r0]\\n"
          "vmlava.s8 r4, q0, q0\\nle lr, 1b\\npop {pc}");
}
int model_invoke(const int8_t *in, int8_t *out) { op0_loop(in); return 0; }
"""


@needs_qemu
def test_a_loop_of_vectors_counted_by_hand() -> None:
    run = run_firmware(build_firmware(_hand_written(LOOP)), np.zeros((1, 4), np.int8))[0]
    assert run.by_function["op0_loop"] == 4 + 5 * 1000
    assert run.instructions == sum(run.by_function.values())


@needs_qemu
@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("{ *(volatile int *)0xE8000000 = 1; return 0; }", "wild access to 0xe8000000"),
        ("{ for (;;) ; }", "more than 100,000 instructions"),
        ('{ __asm__("udf #0"); return 0; }', "illegal instruction"),
    ],
)
def test_faults(body: str, message: str) -> None:
    code = f"int model_invoke(const int8_t *in, int8_t *out) {body}"
    firmware = build_firmware(_hand_written(code))
    with pytest.raises(FirmwareFault, match=message) as caught:
        run_firmware(firmware, np.zeros((1, 4), np.int8), budget=100_000)
    assert "operator model_invoke" in str(caught.value)
