"""Figures and tables of generated firmware."""

from __future__ import annotations

import numpy as np
import pytest
from integer_graphs import Chain

from qnnlab.files import resource
from qnnlab.graph.integer.passes import remove_dead_channels, with_weight_bits
from qnnlab.graph.integer.reader import read_integer_graph

pytest.importorskip("ziglang", reason="needs the firmware extra")
pytest.importorskip("unicorn", reason="needs the firmware extra")

from qnnlab.lab.bench import bench_frame, bench_model, operators_frame, random_codes
from qnnlab.lab.firmware_peers import PEER_MODELS, best_peers, firmware_peers
from qnnlab.report.firmware_exhibits import (
    cores_table,
    dead_table,
    frameworks_table,
    mix_figure,
    operators_figure,
    peers_table,
    widths_figure,
    widths_table,
)

AD = resource("data/mlperf_tiny/models/ad01_int8.tflite")


def test_cores_operators_and_peers() -> None:
    graph = read_integer_graph(AD)
    runs = bench_model(graph, ["cortex-m4", "rv32imac", "host"], random_codes(graph, 2))
    assert [run.differing for run in runs] == [0, 0, 0]
    text = repr(cores_table(runs, "ad"))
    assert "2 of 2 equal" in text
    assert "not run" in text
    assert "no firmware is built for host" in cores_table(runs, "ad")._repr_html_()
    assert "2 cores" in mix_figure(runs, "ad").alt
    assert "10 operators" in operators_figure(runs[0], graph, "ad").alt
    ratio = runs[0].first.instructions / best_peers().loc[("ad", "cortex-m4")]["instructions"]
    table = peers_table({"ad": runs})
    assert f"{ratio:.2f}" in repr(table)
    assert "rv32imac" not in repr(table)
    assert ratio < 0.6


def test_frames() -> None:
    graph = read_integer_graph(AD)
    runs = bench_model(graph, ["cortex-m3"], random_codes(graph, 1))
    frame = bench_frame(runs)
    assert frame.loc[0, "cycles_low"] <= frame.loc[0, "cycles_high"]
    assert frame.loc[0, "instructions"] <= frame.loc[0, "cycles_high"]
    parts = operators_frame(runs, graph)
    assert parts["instructions"].sum() <= frame.loc[0, "instructions"]
    assert parts["macs"].sum() == 264192


def test_widths_and_dead_channels() -> None:
    chain = Chain(np.random.default_rng(0), 8, (6, 6, 8))
    chain.conv()
    chain.dense()
    graph = chain.graph()
    runs = {
        str(bits): bench_model(
            with_weight_bits(graph, bits), ["cortex-m4"], random_codes(graph, 1)
        )[0]
        for bits in (8, 4, 2, 1)
    }
    assert all(run.differing == 0 for run in runs.values())
    assert "four widths" in widths_figure({"cortex-m4": runs}, "small").alt
    text = repr(widths_table([(f"w{bits}", None, run) for bits, run in runs.items()]))
    assert "1 of 1 equal" in text
    removed = remove_dead_channels(graph)
    assert "equal" in repr(dead_table([("small", removed, runs["8"], runs["8"])]))


def test_frameworks_side_by_side() -> None:
    graph = read_integer_graph(AD)
    run = bench_model(graph, ["cortex-m4"], random_codes(graph, 1))[0]
    text = repr(frameworks_table(AD, "ad", run, None))
    assert "TinyEngine generated (quoted)" in text
    assert "qnnlab generated C, cortex-m4" in text


def test_peers_are_of_the_models_that_are_here() -> None:
    peers = firmware_peers()
    assert set(peers["model"]) == set(PEER_MODELS)
    assert (best_peers()["instructions"] > 0).all()
    folder = resource("data/mlperf_tiny/models")
    assert all((folder / name).exists() for name in PEER_MODELS.values())
