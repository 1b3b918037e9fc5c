"""Generated firmware as figures: cores, operators, peers, narrow weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from qnnlab.graph.integer.execute import run_integer
from qnnlab.graph.integer.model import IntegerGraph
from qnnlab.graph.integer.passes import Removed
from qnnlab.graph.integer.reader import read_integer_graph
from qnnlab.graph.runtimes import SHOWN, RuntimeRun
from qnnlab.lab.bench import CoreRun, operators_frame, random_codes
from qnnlab.lab.firmware_peers import best_peers, firmware_peers
from qnnlab.lab.measure import try_runtime
from qnnlab.report.exhibits import Figure, Provenance, Table, figure
from qnnlab.report.style import PALETTE, use_style
from qnnlab.targets.vela import NpuEstimate
from qnnlab.values import Value

_INPUTS = 64
_MIX = ("load", "store", "multiply", "branch", "other")
_COLUMNS = {
    "instructions": "instructions",
    "instructions_per_mac": "per MAC",
    "cycles_low": "cycles from",
    "cycles_high": "cycles to",
    "code_bytes": "code",
    "weight_bytes": "weights",
    "arena_bytes": "arena",
    "stack_bytes": "stack",
}


def cores_table(runs: Sequence[CoreRun], model: str) -> Table:
    """A row a core: instructions, cycles, memory, and whether the answers are equal."""
    rows, reasons = {}, {}
    for run in runs:
        values = {value.name: value for value in run.values()}
        row: dict[str, Any] = {shown: values.get(name) for name, shown in _COLUMNS.items()}
        row["answers"] = f"{len(run.runs) - run.differing} of {len(run.runs)} equal"
        if run.reason:
            row["answers"] = "not run"
        rows[run.core] = row
        for shown in _COLUMNS.values():
            if row[shown] is None:
                reasons[run.core, shown] = run.reason or "no table of cycles for this core"
    return Table(
        pd.DataFrame.from_dict(rows, orient="index").rename_axis("core"),
        caption=(
            f"{model} as generated C: executed instructions of one inference, cycles without wait "
            "states, bytes of flash (code, weights) and RAM (arena, stack). Answers are compared "
            "with the integer executor's, byte for byte."
        ),
        provenance=[Provenance("answers", "", "emulated", "integer executor, TFLM's rounding")],
        digits={"per MAC": 2, **dict.fromkeys(("instructions", "cycles from", "cycles to"), 0)},
        reasons=reasons,
    )


def mix_figure(runs: Sequence[CoreRun], model: str) -> Figure:
    """Executed instructions of each core, by kind."""
    from matplotlib import pyplot as plt

    shown = [run for run in runs if run.firmware is not None and run.first.mix]
    with use_style():
        fig, axes = plt.subplots(figsize=(7.6, 0.5 * len(shown) + 1.6))
        base = [0.0] * len(shown)
        for kind, colour in zip(_MIX, PALETTE, strict=False):
            counts = [run.first.mix.get(kind, 0) / 1e6 for run in shown]
            axes.barh([run.core for run in shown], counts, left=base, label=kind, color=colour)
            base = [low + count for low, count in zip(base, counts, strict=True)]
        axes.invert_yaxis()
        axes.set_xlabel("executed instructions (millions)")
        axes.legend(ncols=len(_MIX), loc="upper center", bbox_to_anchor=(0.5, 1.2), frameon=False)
        return figure(
            fig,
            caption=f"{model}: what one inference executes, by kind of instruction.",
            provenance=[Provenance("instructions", "", "emulated", "unicorn, capstone")],
            alt=f"Stacked bars of instructions for {len(shown)} cores",
        )


def operators_figure(run: CoreRun, graph: IntegerGraph, model: str) -> Figure:
    """Where the instructions go: a bar an operator, with instructions per MAC."""
    from matplotlib import pyplot as plt

    frame = operators_frame([run], graph)
    labels = [f"{row.operator} {row.kind}" for row in frame.itertuples()]
    with use_style():
        fig, axes = plt.subplots(figsize=(7.6, 0.24 * len(frame) + 1.4))
        colours = [PALETTE[0] if row.macs else PALETTE[1] for row in frame.itertuples()]
        axes.barh(labels, frame["instructions"] / 1e6, color=colours)
        for place, row in enumerate(frame.itertuples()):
            text = f" {row.instructions_per_mac:.2f} per MAC" if row.macs else ""
            axes.annotate(text, (row.instructions / 1e6, place), va="center", fontsize=7)
        axes.margins(x=0.15)
        axes.invert_yaxis()
        axes.set_xlabel("executed instructions (millions)")
        return figure(
            fig,
            caption=(
                f"{model} on {run.core}: instructions of each operator; operators without "
                "multiplications by weights in the second colour."
            ),
            provenance=[Provenance("instructions", "", "emulated", "unicorn")],
            alt=f"Bars of instructions for {len(frame)} operators",
        )


def peers_table(ours: Mapping[str, Sequence[CoreRun]]) -> Table:
    """By model and core: our instructions, the best exact peer's, and the ratio."""
    peers = best_peers()
    rows = []
    for model, runs in ours.items():
        for run in runs:
            if run.firmware is None or (model, run.core) not in peers.index:
                continue
            peer = peers.loc[(model, run.core)]
            rows.append(
                {
                    "model": model,
                    "core": run.core,
                    "ours": run.first.instructions,
                    "best peer": int(peer["instructions"]),
                    "ours / peer": run.first.instructions / peer["instructions"],
                    "our code": run.firmware.code_bytes,
                    "peer's code": int(peer["code_bytes"]),
                    "peer": peer["peer"],
                }
            )
    frame = pd.DataFrame(rows).set_index(["model", "core"])
    source = "data/runtimes/firmware_peers.csv"
    return Table(
        frame,
        caption=(
            "Executed instructions of one inference beside the peer with the fewest among those "
            "whose answers equal TFLM's."
        ),
        provenance=[
            Provenance("ours", "instructions", "emulated", "unicorn"),
            Provenance("our code", "B", "measured", "zig"),
            Provenance("best peer", "instructions", "quoted", source),
            Provenance("peer's code", "B", "quoted", source),
        ],
        units={"our code": "B", "peer's code": "B"},
        digits={"ours": 0, "best peer": 0, "ours / peer": 2, "our code": 0, "peer's code": 0},
        sortable=True,
    )


def widths_table(rows: Sequence[tuple[str, Any, CoreRun]]) -> Table:
    """A row a method: its score, and flash and instructions on one core."""
    entries = []
    for method, score, run in rows:
        values = {value.name: value for value in run.values()}
        entry = {"method": method, "score": score}
        names = ("weight_bytes", "code_bytes", "instructions", "instructions_per_mac")
        entry.update({name.replace("_", " "): values.get(name) for name in names})
        entry["answers"] = f"{len(run.runs) - run.differing} of {len(run.runs)} equal"
        entries.append(entry)
    core = rows[0][2].core
    return Table(
        pd.DataFrame(entries).set_index("method"),
        caption=(
            f"Narrow weights on {core}: what the packed form saves of flash, and what unpacking "
            "costs in executed instructions."
        ),
        digits={"instructions": 0, "instructions per mac": 2},
    )


def widths_figure(runs: Mapping[str, Mapping[str, CoreRun]], model: str) -> Figure:
    """Flash for weights against instructions, relative to int8: a line a core, a point a width."""
    from matplotlib import pyplot as plt

    from qnnlab.report.style import MARKERS

    with use_style():
        fig, axes = plt.subplots(figsize=(7.2, 4.2))
        for place, (core, by_width) in enumerate(runs.items()):
            reference = by_width["8"]
            assert reference.firmware is not None
            points = [
                (
                    run.firmware.model.weight_bytes / reference.firmware.model.weight_bytes,
                    run.first.instructions / reference.first.instructions,
                    width,
                )
                for width, run in by_width.items()
                if run.firmware is not None
            ]
            flash, instructions, widths = zip(*points, strict=True)
            axes.plot(flash, instructions, marker=MARKERS[place], color=PALETTE[place], label=core)
            for x, y, width in zip(flash, instructions, widths, strict=True):
                axes.annotate(
                    f"{width} bit", (x, y), fontsize=7, textcoords="offset points", xytext=(3, 4)
                )
        axes.axhline(1, ls=":", lw=1, color="#666666")
        axes.set_xlabel("flash for weights, share of int8's")
        axes.set_ylabel("executed instructions, share of int8's")
        axes.legend()
        return figure(
            fig,
            caption=(
                f"{model} with weights of 8, 4, 2 bits and one: flash that packing saves, and "
                "instructions executed."
            ),
            provenance=[
                Provenance("instructions", "", "emulated", "unicorn"),
                Provenance("weights", "B", "measured", "generated constants"),
            ],
            alt=f"Lines of {len(runs)} cores over four widths of weights",
        )


def dead_table(rows: Sequence[tuple[str, Removed, CoreRun, CoreRun]]) -> Table:
    """By model: channels left out, and instructions and flash with and without them."""
    entries = []
    for model, removed, whole, smaller in rows:
        before = {value.name: value for value in whole.values()}
        after = {value.name: value for value in smaller.values()}
        entries.append(
            {
                "model": model,
                "channels left out": removed.channels,
                "of": removed.of,
                "instructions": before["instructions"],
                "without them": after["instructions"],
                "weights": before["weight_bytes"],
                "weights without": after["weight_bytes"],
                "answers": "equal" if not smaller.differing else "not equal",
            }
        )
    return Table(
        pd.DataFrame(entries).set_index("model"),
        caption=f"Dead channels left out, on {rows[0][2].core}; answers stay equal.",
        provenance=[Provenance("channels", "", "estimated", "interval arithmetic on the graph")],
        digits={"instructions": 0, "without them": 0},
    )


def frameworks_table(path: Path, model: str, ours: CoreRun, npu: NpuEstimate | None) -> Table:
    """One model in four frameworks, and its peers: each row has what its tool can tell."""
    values = {value.name: value for value in ours.values()}
    rows: list[dict[str, Any]] = [
        {
            "framework": f"qnnlab generated C, {ours.core}",
            "instructions": values.get("instructions"),
            "code": values.get("code_bytes"),
            "memory": values.get("arena_bytes"),
        }
    ]
    rows += _interpreters(path)
    if npu is not None:
        source = f"vela {npu.version}"
        rows.append(
            {
                "framework": f"Vela, {npu.accelerator}",
                "cycles": Value("cycles", npu.cycles, "cycles", "estimated", source),
                "memory": Value("memory", npu.sram_bytes, "B", "estimated", source),
            }
        )
    peers = firmware_peers()
    peers = peers[(peers["model"] == model) & (peers["core"] == ours.core)]
    for name, group in peers.sort_values("instructions").groupby("peer", sort=False):
        best = group.iloc[0]
        source = f"data/runtimes/firmware_peers.csv, {best['core']} {best['flags']}"
        rows.append(
            {
                "framework": f"{name} (quoted)",
                "instructions": _quoted("instructions", best["instructions"], source),
                "code": _quoted("code", best["code_bytes"], source),
                "memory": _quoted("memory", best["arena_bytes"], source),
                "answers": best["output_equality"],
            }
        )
    rows[0]["answers"] = f"{ours.differing} of {len(ours.runs)} differ from the executor"
    frame = pd.DataFrame(rows).set_index("framework")
    absent = {
        (label, column): "its tool does not tell"
        for label in frame.index
        for column in frame.columns
        if frame.loc[label, column] is None or frame.loc[label, column] is pd.NA
    }
    return Table(
        frame,
        caption=(
            f"{model}: executed instructions or estimated cycles of one inference, code, and RAM "
            "for activations (TinyEngine and TinyMaix count their weights as code). The generated "
            "C leaves buffers of input and output to its caller."
        ),
        digits={"instructions": 0, "cycles": 0} if npu is not None else {"instructions": 0},
        reasons=absent,
    )


def _interpreters(path: Path) -> list[dict[str, Any]]:
    """TFLM and LiteRT on this computer: memory where it is told, answers beside the executor's."""
    graph = read_integer_graph(path)
    codes = random_codes(graph, _INPUTS)
    expected = run_integer(graph, codes).reshape(len(codes), -1)
    rows = []
    for runtime in ("tflm", "litert_xnnpack"):
        run = try_runtime(path.read_bytes(), codes, runtime)
        if not isinstance(run, RuntimeRun) or run.outputs is None:
            continue
        same = int((run.outputs.reshape(len(codes), -1) == expected).all(axis=1).sum())
        row: dict[str, Any] = {
            "framework": f"{SHOWN[runtime]} on this computer",
            "answers": f"{same} of {len(codes)} inputs equal to the executor",
        }
        if run.arena_bytes is not None:
            source = f"{runtime} {run.version}, 64-bit host"
            row["memory"] = Value("memory", run.arena_bytes, "B", "measured", source)
        rows.append(row)
    return rows


def _quoted(name: str, value: float, source: str) -> Value | None:
    units = {"instructions": "instructions"}
    return (
        None if pd.isna(value) else Value(name, int(value), units.get(name, "B"), "quoted", source)
    )
