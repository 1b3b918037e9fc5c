"""Published deployments (Tables IV to VI): a table to sort and two maps with ranges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from qnnlab.report.atlas.axes import log_axis
from qnnlab.report.atlas.review import SURVEY
from qnnlab.report.exhibits import Figure, Provenance, Ranked, Table, figure
from qnnlab.report.formatting import format_number
from qnnlab.report.style import use_style

SOURCE = f"{SURVEY} Tables IV to VI"
FAMILIES = {"ARM": ("#0072B2", "o"), "RISC-V": ("#D55E00", "s"), "NPU": ("#009E73", "^")}
_NAMES = {
    "latency_ms": "latency",
    "energy_mj": "energy",
    "power_mw": "power",
    "memory_kb": "flash",
}
_QUANTITIES = {name: column for column, name in _NAMES.items()}
# An axis spans what most rows need; a value further out than this stands at the edge.
_FAR = 1000.0
# Below this a figure is easier to read as a power of ten.
_TINY = 1e-4


def flag_marks(frame: pd.DataFrame) -> dict[Any, str]:
    """A number for each row with a doubt, in the rows' order; the same in table and figures."""
    flagged = frame.index[frame["quality_flag"].notna()]
    return {row: str(number) for number, row in enumerate(flagged, start=1)}


def with_energy(frame: pd.DataFrame) -> pd.DataFrame:
    """`frame` with the energy per inference (mJ) and how it came about in `energy_kind`.

    A row that states power but no energy gets power × latency, lowest and highest: *estimated*.
    """
    stated = frame["energy_mj_max"].notna()
    out = frame.copy()
    for end in ("min", "max"):
        # mW × ms = µJ
        product = frame[f"power_mw_{end}"] * frame[f"latency_ms_{end}"] / 1000
        out[f"energy_mj_{end}"] = frame[f"energy_mj_{end}"].where(stated, product)
    kind = pd.Series("quoted", index=frame.index).where(stated, "estimated")
    out["energy_kind"] = kind.where(out["energy_mj_max"].notna())
    return out


def _quoted(value: float) -> str:
    """A quoted figure with all decimals that it was given with."""
    if abs(value) < _TINY:
        return format_number(value)
    return format_number(value, len(f"{value:.9f}".rstrip("0").partition(".")[2]))


def span_text(low: Any, high: Any) -> Ranked | None:
    """A range as text that sorts by its low end; without one it is a limit: "< high"."""
    if pd.isna(high):
        return None
    last = _quoted(float(high))
    if pd.isna(low):
        return Ranked(f"< {last}", float(high))
    text = last if low == high else f"{_quoted(float(low))} – {last}"
    return Ranked(text, float(low))


def deployments_table(frame: pd.DataFrame, labels: Mapping[str, str]) -> Table:
    """The rows of Tables IV to VI to sort; doubts are notes. `labels` names a reference."""
    reset = frame.reset_index(drop=True)
    columns: dict[str, list[Any]] = {
        "study": [labels.get(key, key) for key in reset["ref_key"]],
        "family": list(reset["family"]),
        "application": list(reset["category"]),
        "quantization": list(reset["quantization"]),
        "devices": list(reset["devices"]),
    }
    for name, column in _QUANTITIES.items():
        ends = zip(reset[f"{column}_min"], reset[f"{column}_max"], strict=True)
        columns[name] = [span_text(low, high) for low, high in ends]
    columns["performance"] = list(reset["performance"])
    columns["framework"] = list(reset["framework"])
    flags = reset["quality_flag"]
    return Table(
        pd.DataFrame(columns, dtype=object),
        caption=f"Published deployments, {len(reset)} rows; a number leads to the doubt below.",
        provenance=[
            Provenance("performance", "%", "quoted", SOURCE),
            Provenance("latency", "ms", "quoted", SOURCE),
            Provenance("energy", "mJ", "quoted", SOURCE),
            Provenance("power", "mW", "quoted", SOURCE),
            Provenance("flash of the model", "kB", "quoted", SOURCE),
        ],
        units={"latency": "ms", "energy": "mJ", "power": "mW", "flash": "kB"},
        reasons={
            (row, name): "not stated in the review's table"
            for row in reset.index
            for name in columns
        },
        remarks={(row, "study"): f"{flags[row]}." for row in reset.index[flags.notna()]},
        sortable=True,
    )


def _extent(frame: pd.DataFrame, column: str) -> tuple[float, float]:
    """The axis' ends: of all values but those far below the next."""
    ends = pd.concat([frame[f"{column}_min"], frame[f"{column}_max"]]).dropna()
    values = sorted({float(value) for value in ends if value > 0})
    while len(values) > 2 and values[0] * _FAR < values[1]:
        values.pop(0)
    return values[0] / 2, values[-1] * 2


def _range(row: pd.Series, column: str, floor: float = 0.0) -> tuple[float, float]:
    """A row's low and high end, not below `floor`; a limit is both."""
    low, high = row[f"{column}_min"], row[f"{column}_max"]
    return max(high if pd.isna(low) else low, floor), max(high, floor)


def _draw_row(axes: Any, row: pd.Series, column: str, floor: float, mark: str | None) -> None:
    """One deployment: a marker in the middle of its ranges, bars from end to end."""
    colour, marker = FAMILIES[row["family"]]
    beyond = row[f"{column}_max"] < floor
    low, high = _range(row, column, floor * 1.3 if beyond else floor)
    left, right = _range(row, "latency_ms")
    x, y = (left * right) ** 0.5, (low * high) ** 0.5
    estimated = column == "energy_mj" and row["energy_kind"] == "estimated"
    style = {"color": colour, "linewidth": 1.3, "zorder": 2, "linestyle": "-"}
    if estimated:
        style |= {"alpha": 0.6, "linestyle": ":"}
    axes.plot([left, right], [y, y], **style)
    axes.plot([x, x], [low, high], **style)
    axes.plot(
        x,
        y,
        marker="v" if beyond else marker,
        color=colour,
        markersize=5 if estimated else 7.5,
        markerfacecolor="white" if mark else colour,
        markeredgewidth=1.4,
        zorder=3,
    )
    if pd.isna(row[f"{column}_min"]):
        axes.annotate("", (x, y / 1.7), (x, y), arrowprops=_arrow(colour))
    if pd.isna(row["latency_ms_min"]):
        axes.annotate("", (x / 2.1, y), (x, y), arrowprops=_arrow(colour))
    text = mark or ""
    if beyond:
        text += f"  {format_number(float(row[f'{column}_max']))} (below the axis)"
    if text:
        axes.annotate(text, (x, y), (6, 5), textcoords="offset points", size=9)


def _arrow(colour: str) -> dict[str, Any]:
    return {"arrowstyle": "->", "color": colour, "linewidth": 1.1, "shrinkA": 0, "shrinkB": 0}


def _legend(fig: Any, estimated: bool, limits: bool) -> None:
    from matplotlib.lines import Line2D

    def handle(label: str, colour: str, marker: str, **style: Any) -> Any:
        return Line2D([], [], color=colour, marker=marker, label=label, **style)

    handles = [handle(name, *look) for name, look in FAMILIES.items()]
    handles.append(handle("doubtful", "#4D4D4D", "o", markerfacecolor="white", linestyle=""))
    if estimated:
        handles.append(handle("power × latency", "#4D4D4D", "o", markersize=4, linestyle=":"))
    if limits:
        handles.append(handle("at most", "#4D4D4D", "$\\leftarrow$", linestyle=""))
    fig.legend(handles=handles, loc="outside lower center", ncols=len(handles))


def _map(
    frame: pd.DataFrame, column: str, label: str, labels: Mapping[str, str]
) -> tuple[Any, dict[str, str], int]:
    """The plot, its notes by mark and how many rows lack one of the two figures."""
    from matplotlib import pyplot as plt

    marks = flag_marks(frame)
    shown = frame.dropna(subset=["latency_ms_max", f"{column}_max"])
    fig, axes = plt.subplots(figsize=(7.2, 5.0))
    floor, ceiling = _extent(shown, column)
    for name, row in shown.iterrows():
        _draw_row(axes, row, column, floor, marks.get(name))
    axes.set(xscale="log", yscale="log", xlabel="latency (ms)", ylabel=label)
    axes.set_ylim(floor, ceiling)
    log_axis(axes, "x")
    log_axis(axes, "y")
    limits = bool(shown[["latency_ms_min", f"{column}_min"]].isna().any(axis=None))
    _legend(fig, column == "energy_mj" and "estimated" in set(shown["energy_kind"]), limits)
    notes = {
        marks[name]: f"{labels.get(row['ref_key'], row['ref_key'])}: {row['quality_flag']}."
        for name, row in shown.iterrows()
        if name in marks
    }
    return fig, notes, len(frame) - len(shown)


def _missing(count: int, what: str) -> str:
    rows = "1 row states" if count == 1 else f"{count} rows state"
    return f" {rows} no {what}: see the table." if count else ""


def latency_energy(frame: pd.DataFrame, labels: Mapping[str, str]) -> Figure:
    """Latency against energy per inference, both with their ranges."""
    energy = with_energy(frame)
    with use_style():
        fig, notes, missing = _map(energy, "energy_mj", "energy per inference (mJ)", labels)
        return figure(
            fig,
            caption=(
                "Latency and energy of published deployments. Bars span the stated ranges, the "
                "marker stands in their middle. Hollow markers are doubtful: see the note of "
                "their number. Small ones on dotted bars: the review states power, and the energy "
                f"is power × latency.{_missing(missing, 'energy or power')}"
            ),
            provenance=[
                Provenance("latency", "ms", "quoted", SOURCE),
                Provenance("energy", "mJ", "quoted", SOURCE),
                Provenance("energy", "mJ", "estimated", "power × latency of the same rows"),
            ],
            alt="Scatter plot of energy against latency on logarithmic axes, one mark a deployment",
            notes=notes,
        )


def latency_memory(frame: pd.DataFrame, labels: Mapping[str, str]) -> Figure:
    """Latency against the model's flash, both with their ranges."""
    with use_style():
        fig, notes, missing = _map(frame, "memory_kb", "model in flash (kB)", labels)
        return figure(
            fig,
            caption=(
                "Latency and model size of published deployments. Bars span the stated ranges; an "
                "arrow marks a figure given as a limit. Hollow markers are doubtful: see the note "
                f"of their number.{_missing(missing, 'memory')}"
            ),
            provenance=[
                Provenance("latency", "ms", "quoted", SOURCE),
                Provenance("flash of the model", "kB", "quoted", SOURCE),
            ],
            alt="Scatter plot of model size against latency on logarithmic axes",
            notes=notes,
        )


def spans_table(spans: pd.DataFrame) -> Table:
    """Each family's lowest and highest figure; `spans` is from `deployment_spans`."""
    rows = [
        {
            "family": span["family"],
            "quantity": f"{_NAMES.get(span['quantity'], span['quantity'])} ({span['unit']})",
            "range": span_text(span["min"], span["max"]),
            "rows": span["rows"],
            "range, doubtful cells and limits too": span_text(span["min_all"], span["max_all"]),
            "all rows": span["rows_all"],
        }
        for _, span in spans.iterrows()
    ]
    shown = pd.DataFrame(rows, dtype=object).astype({"rows": int, "all rows": int})
    none = "no row states it"
    return Table(
        shown,
        caption=(
            "From the lowest to the highest stated figure of each family. These are different "
            "tasks on different chips: a span says what was reported, not who is better."
        ),
        provenance=[Provenance("ranges", "", "quoted", SOURCE)],
        reasons={(row, name): none for row in shown.index for name in shown if "range" in name},
        sortable=True,
    )
