"""Frameworks as the catalog and published comparisons tell of them: quoted beside measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from qnnlab.lab.frameworks.catalog import FEATURES, SOURCE, features
from qnnlab.lab.frameworks.cores import SOURCE as PEERS
from qnnlab.lab.frameworks.published import EDGEMARK_BOARD, tinyengine_published
from qnnlab.report.exhibits import Figure, Provenance, Ranked, Table, figure
from qnnlab.report.matrices import draw_matrix
from qnnlab.report.style import colour_map, use_style
from qnnlab.values import Kind

_MARKS = {"yes": "#0072B2", "partial": "#9CCBEB", "no": "#F2F2F2", "": "#FFE9A8"}
_WORDS = {"no": "no, or not named", "": "not known"}
_PANELS = 2
_NAME = 34
_RETRAINED = "EdgeMark's authors trained MLPerf Tiny's networks again, so weights differ."
_EDGEMARK = "Black3rror/EdgeMark, Experiments.xlsx"
_TINYENGINE = "mit-han-lab/tinyengine, README"


def features_figure(table: pd.DataFrame) -> Figure:
    """All frameworks of the catalog × features, by approach and name."""
    from matplotlib import pyplot as plt

    ordered = table.sort_values(["approach", "name"], ignore_index=True)
    marks = features(ordered)
    parts = np.array_split(np.arange(len(marks)), _PANELS)
    with use_style():
        height = 1.5 + 0.185 * max(map(len, parts))
        fig, panels = plt.subplots(1, _PANELS, figsize=(11.4, height))
        for axes, places in zip(panels, parts, strict=True):
            part = marks.iloc[places]
            names = [_short(name) for name in part.index]
            draw_matrix(axes, part.to_numpy().tolist(), _MARKS, names, FEATURES)
            axes.tick_params(axis="y", labelsize=7)
            _groups(axes, ordered["approach"].iloc[places].tolist())
            axes.set_xticks(range(len(FEATURES)), FEATURES, rotation=55, ha="left", fontsize=7.5)
        _legend(fig)
        return figure(
            fig,
            caption=(
                f"{len(marks)} frameworks and what they support. QAT is partial where a model "
                "trained elsewhere is taken in. A target counts where the catalog names it. "
                "Runs here: compared in this notebook."
            ),
            provenance=[Provenance("features", "", "quoted", SOURCE)],
            alt=f"Matrix of {len(marks)} frameworks and {len(FEATURES)} features",
        )


def _groups(axes: Any, approaches: list[str]) -> None:
    """Lines between approaches, whose names stand on the right."""
    for name in dict.fromkeys(approaches):
        places = [place for place, held in enumerate(approaches) if held == name]
        if places[0]:
            axes.axhline(places[0] - 0.5, color="#333333", linewidth=1)
        short = name.replace("deployment ", "").replace(" ", "\n" if len(places) > 1 else " ")
        middle = (places[0] + places[-1]) / 2
        axes.text(len(FEATURES) - 0.35, middle, short, va="center", fontsize=7, color="#333333")


def _legend(fig: Any) -> None:
    from matplotlib.patches import Patch

    patches = [
        Patch(facecolor=colour, edgecolor="#AAAAAA", label=_WORDS.get(name, name))
        for name, colour in _MARKS.items()
    ]
    fig.legend(handles=patches, loc="outside lower center", ncols=len(patches))


def _short(name: str) -> str:
    return name if len(name) <= _NAME else name[: _NAME - 1] + "…"


def features_table(table: pd.DataFrame) -> Table:
    """The same as a table to order by a column."""
    frame = features(table)
    shown = frame.replace({"": "not known"})
    shown.insert(0, "approach", table["approach"].fillna("not known").to_numpy())
    return Table(
        shown,
        caption="The catalog's frameworks by feature. A click on a column's head orders by it.",
        provenance=[Provenance("features", "", "quoted", SOURCE)],
        sortable=True,
    )


def elsewhere_table(table: pd.DataFrame) -> Table:
    """Frameworks that do not run here, with what the catalog quotes of them."""
    columns = {
        "name": "framework",
        "approach": "approach",
        "open_source": "open source",
        "licence": "licence",
        "input_formats": "reads",
        "weight_bits": "weights (bits)",
        "targets": "targets",
        "source": "source",
    }
    rest = table.loc[table["here"] == "", list(columns)].rename(columns=columns)
    return Table(
        rest.fillna("not known").set_index("framework"),
        caption=(
            f"{len(rest)} frameworks that are not compared here: for hardware or an operating "
            "system of their own, by a licence, for other kinds of models, or because nobody "
            "added them yet. Facts are quoted."
        ),
        provenance=[Provenance("facts", "", "quoted", SOURCE)],
        sortable=True,
    )


def edgemark_table(beside: pd.DataFrame) -> Table:
    """`edgemark_beside` as a table: quoted firmware beside emulated, ratios to EdgeMark's TFLM."""
    columns = {
        "kind": "kind",
        "flash_bytes": "flash",
        "ram_bytes": "RAM",
        "flash_ratio": "flash ÷ EdgeMark TFLM",
        "ram_ratio": "RAM ÷ EdgeMark TFLM",
        "latency_ms": "latency",
        "latency_ratio": "latency ÷ EdgeMark TFLM",
        "instructions": "instructions",
    }
    shown = beside.assign(latency_ms=[_latency(row) for row in beside.to_dict("records")])
    frame = shown.set_index(["model", "framework"])[list(columns)].rename(columns=columns)
    reasons = {(label, "instructions"): "EdgeMark gives latency only" for label in frame.index}
    return Table(
        frame,
        caption=(
            f"int8 networks of MLPerf Tiny on a Cortex-M4. Quoted: EdgeMark on {EDGEMARK_BOARD}. "
            "Emulated: our C, built and run here, and TFLM from a table of emulated runs. "
            f"{_RETRAINED} Its figures are of whole firmware on a board; the emulated images hold "
            "no board support, so ratios of flash and RAM favour them. Latency of emulated rows: "
            "instructions × the cycles that such chips were published to need, with its interval."
        ),
        provenance=_kinds(),
        units={"flash": "B", "RAM": "B", "latency": "ms"},
        digits={
            **dict.fromkeys(("flash", "RAM", "instructions"), 0),
            **{f"{name} ÷ EdgeMark TFLM": 2 for name in ("flash", "RAM", "latency")},
        },
        reasons=reasons,
        sortable=True,
    )


def _latency(row: Mapping[Any, Any]) -> Ranked:
    """Latency in ms as text, of emulated rows with its interval."""
    if row["kind"] == "emulated":
        return Ranked.within(*(row[f"latency{end}_ms"] for end in ("", "_low", "_high")))
    return Ranked.of(row["latency_ms"])


def _kinds() -> list[Provenance]:
    emulated: Kind = "emulated"
    return [
        Provenance("EdgeMark's flash and RAM", "B", "quoted", _EDGEMARK),
        Provenance("EdgeMark's latency", "ms", "quoted", _EDGEMARK),
        Provenance("flash and RAM of emulated rows", "B", emulated, f"qnnlab bench; {PEERS}"),
        Provenance("instructions", "", emulated, f"qnnlab bench; {PEERS}"),
        Provenance("latency of emulated rows", "ms", emulated, "instructions × published cycles"),
    ]


def edgemark_figure(beside: pd.DataFrame) -> Figure:
    """Flash and RAM of EdgeMark's and the emulated firmware, model by model."""
    from matplotlib import pyplot as plt

    models = list(dict.fromkeys(beside["model"]))
    names = sorted(set(beside["framework"]), key=lambda name: (not name.startswith("Edge"), name))
    with use_style():
        fig, panels = plt.subplots(1, 2, figsize=(8.8, 1.4 + 0.75 * len(models)), sharey=True)
        for axes, column in zip(panels, ("flash", "RAM"), strict=True):
            _bars(axes, beside, f"{column.lower()}_bytes", names)
            axes.set_xlabel(f"{column} (kB of 1,024 bytes)")
            axes.margins(x=0.12)
            axes.grid(axis="y", visible=False)
        panels[0].set_yticks(range(len(models)), models)
        panels[0].set_ylim(len(models) - 0.5, -0.5)
        handles, labels = panels[0].get_legend_handles_labels()
        fig.legend(handles, labels, loc="outside lower center", ncols=2)
        return figure(
            fig,
            caption=(
                "Whole firmware of the same networks in int8 on a Cortex-M4. Hatched bars are "
                f"quoted from EdgeMark, plain ones were emulated. {_RETRAINED}"
            ),
            provenance=_kinds(),
            alt="Bars of flash and RAM, one a framework, for the networks of MLPerf Tiny",
        )


def _bars(axes: Any, beside: pd.DataFrame, column: str, names: list[str]) -> None:
    """A group of bars a model, one a framework; quoted ones are hatched."""
    colours = colour_map(names)
    height = 0.8 / len(names)
    models = list(dict.fromkeys(beside["model"]))
    for place, name in enumerate(names):
        values = beside[beside["framework"] == name].set_index("model")[column].reindex(models)
        quoted = name.startswith("Edge")
        bars = axes.barh(
            np.arange(len(models)) + (place - (len(names) - 1) / 2) * height,
            values.fillna(0) / 1024,
            height,
            color=colours[name],
            alpha=0.55 if quoted else 1.0,
            hatch="//" if quoted else "",
            edgecolor="white",
            label=name,
        )
        texts = ["no value" if pd.isna(v) else f"{v / 1024:.3g}" for v in values]
        axes.bar_label(bars, texts, padding=2, fontsize=7)


def tinyengine_table(peers: pd.DataFrame) -> Table:
    """Ratios to TFLM with CMSIS-NN: published for TinyEngine's models, emulated for MLPerf's."""
    published = tinyengine_published()
    rows = {
        ("TinyEngine, its authors' models", "quoted"): {
            "latency": _span(published["latency_ms"]),
            "peak SRAM": _span(published["peak_sram_kb"]),
            "flash": _span(published["flash_kb"]),
        }
    }
    for name, row in peers.iterrows():
        label = (f"{name}, MLPerf Tiny on Cortex-M4", "emulated")
        rows[label] = {"instructions": _span(row)}
    frame = pd.DataFrame.from_dict(rows, orient="index")
    frame.index = pd.MultiIndex.from_tuples(list(rows), names=["framework", "kind"])
    other = "published and emulated runs tell different quantities"
    reasons = {(label, column): other for label in frame.index for column in frame.columns}
    return Table(
        frame,
        caption=(
            "Ratios to TFLM with CMSIS-NN on the same model: median, and from the least to the "
            f"greatest. TinyEngine's {len(published)} published models are not MLPerf Tiny's, and "
            "its latencies come from an STM32H743; so rows of both kinds are not to be compared "
            "number by number. TinyEngine and TinyMaix round in floating point: their answers "
            "differ from TFLM's."
        ),
        provenance=[
            Provenance("ratios of latency, SRAM and flash", "", "quoted", _TINYENGINE),
            Provenance("ratios of instructions", "", "emulated", f"qnnlab bench; {PEERS}"),
        ],
        reasons=reasons,
        sortable=True,
    )


def _span(values: pd.Series) -> str | None:
    known = values.dropna().astype(float)
    if known.empty:
        return None
    middle = f"{known.median():.2f}"
    if len(known) == 1:
        return f"{middle} (1 model)"
    return f"{middle} ({known.min():.2f} to {known.max():.2f}, {len(known)} models)"
