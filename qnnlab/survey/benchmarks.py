"""Queries over the published benchmarks that keep apart what must not be pooled.

Resubmitted MLPerf rows count once; energy belongs to its supply voltage; image classification
was scored on two test sets; an upper bound is not a measurement. All figures are quoted.
"""

from __future__ import annotations

import pandas as pd

from qnnlab.errors import DataError, unknown_name
from qnnlab.survey.tables import load_table

SPAN_QUANTITIES = {"latency_ms": "ms", "energy_mj": "mJ", "memory_kb": "kB", "power_mw": "mW"}

_PAIR_KEY = ["model", "framework", "board", "build"]
_PAIR_FIGURES = ["latency_ms", "flash_kb", "ram_kb"]


def _known(what: str, name: str, values: pd.Series) -> None:
    known = sorted(set(values.dropna()))
    if name not in known:
        raise DataError(unknown_name(what, name, known))


def _unique(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["duplicate_of"].isna()]


def mlperf(benchmark: str | None = None, *, unique: bool = True) -> pd.DataFrame:
    """MLPerf Tiny results, one row a submission and benchmark (`ad`, `ic`, `kws`, `vww`).

    `latency_ms` is the median over windows, `energy_uj` is per inference, `accuracy_value` is in
    percent for `top1_pct` and a fraction for `AUC`. `unique` drops rows that repeat an earlier
    submission. Never pool `energy_uj` over rows that differ in `voltage_v` or have none, nor
    accuracies of `ic` rows that differ in `ic01_set` or have none. Raises DataError on an unknown
    benchmark.
    """
    table = load_table("mlperf_results")
    if benchmark is not None:
        _known("benchmark", benchmark, table["benchmark"])
        table = table[table["benchmark"] == benchmark]
    return (_unique(table) if unique else table).reset_index(drop=True)


def _span(rows: pd.DataFrame, quantity: str) -> tuple[float | None, float | None, int]:
    low, high = rows[f"{quantity}_min"], rows[f"{quantity}_max"]
    count = int(high.notna().sum())
    if count == 0:
        return None, None, 0
    least = low.min() if low.notna().any() else None
    return least, high.max(), count


def deployment_spans() -> pd.DataFrame:
    """Spans of Tables IV-VI: one row a family and quantity, with its `unit`.

    `min`, `max` and `rows` leave out cells that `suspect_quantities` names and cells whose text
    gives an upper bound only; `min_all`, `max_all` and `rows_all` take every filled cell, so that
    `max_all` may be a bound. Rows are different tasks on different devices: a span is a range of
    what was reported, not a comparison. Empty where no row reports the quantity.
    """
    table = load_table("survey_deployments")
    suspect = table["suspect_quantities"].fillna("").str.split(";")
    spans = []
    for family in table["family"].unique():
        of_family = table["family"] == family
        for quantity, unit in SPAN_QUANTITIES.items():
            doubtful = suspect.map(lambda names, quantity=quantity: quantity in names)
            sound = of_family & ~doubtful & table[f"{quantity}_min"].notna()
            kept, every = _span(table[sound], quantity), _span(table[of_family], quantity)
            spans.append((family, quantity, unit, *kept, *every))
    names = ["min", "max", "rows", "min_all", "max_all", "rows_all"]
    frame = pd.DataFrame(spans, columns=["family", "quantity", "unit", *names])
    return frame.astype({name: "Float64" for name in names if not name.startswith("rows")})


def cycles_per_mac(core_family: str | None = None, runtime: str | None = None) -> pd.DataFrame:
    """Cycles per dense MAC of the MLPerf Tiny reference models; each measurement once.

    `runtime` is a runtime as printed or the key of a framework. `same_clock` is False where an
    accelerator runs at another clock than the one that the cycles are counted in: do not pool
    those. `cycles_per_mac` counts every MAC of the reference model, `cycles_per_live_mac` (vww)
    only those that reach the output. Energy per MAC (`pj_per_mac`) belongs to its `voltage_v`.
    Raises DataError on an unknown core family or runtime.
    """
    table = _unique(load_table("mlperf_cycles"))
    if core_family is not None:
        _known("core family", core_family, table["core_family"])
        table = table[table["core_family"] == core_family]
    if runtime is not None:
        _known("runtime", runtime, pd.concat([table["runtime"], table["framework_key"]]))
        table = table[(table["runtime"] == runtime) | (table["framework_key"] == runtime)]
    other = table["accel_clock_mhz"].notna() & (table["accel_clock_mhz"] != table["clock_mhz"])
    same = ~other.fillna(False).astype(bool)
    return table.assign(same_clock=same).reset_index(drop=True)


def _ratios(pairs: pd.DataFrame, comparison: str) -> pd.DataFrame:
    """Speed, flash and RAM ratios of `pairs`, whose base figures end in `_base`."""
    return pairs.assign(
        comparison=comparison,
        speedup=pairs["latency_ms_base"] / pairs["latency_ms"],
        flash_ratio=pairs["flash_kb"] / pairs["flash_kb_base"],
        ram_ratio=pairs["ram_kb"] / pairs["ram_kb_base"],
    )


def edgemark_pairs() -> pd.DataFrame:
    """Pairs of EdgeMark rows that differ in one thing only.

    `comparison` is `int8_vs_float` (full-integer against float; same model, framework, board and
    build) or `framework_vs_tflm` (another framework against TFLM; same model, variant, board and
    build). `speedup` is base latency over latency; `flash_ratio` and `ram_ratio` are the
    whole firmware over that of the base, so they are not ratios of model sizes. Ekkono's own
    format and the CCRX builds have no counterpart in TFLM and are paired with none of it. Never
    average over the two boards: one core has SIMD instructions for int8 that the other lacks.
    """
    table = load_table("edgemark")
    columns = [*_PAIR_KEY, "variant", "row_key", *_PAIR_FIGURES]
    base = table.loc[table["variant"] == "basic", columns]
    full_int = table.loc[table["variant"] == "q_full_int_only", [*columns, "platform", "source"]]
    int8 = full_int.merge(base, on=_PAIR_KEY, suffixes=("", "_base"), validate="1:1")
    int8 = int8.assign(framework_base=int8["framework"])

    is_tflm = table["framework"] == "TFLM"
    key = ["model", "variant", "board", "build"]
    others = table.loc[~is_tflm, [*columns, "platform", "source"]].merge(
        table.loc[is_tflm, columns], on=key, suffixes=("", "_base"), validate="m:1"
    )
    others = others.assign(variant_base=others["variant"])
    pairs = [_ratios(int8, "int8_vs_float"), _ratios(others, "framework_vs_tflm")]
    first = ["comparison", "model", "board", "platform", "build"]
    sides = ["framework", "variant", "row_key", *_PAIR_FIGURES]
    both = [name for side in sides for name in (side, f"{side}_base")]
    order = [*first, *both, "speedup", "flash_ratio", "ram_ratio", "source"]
    return pd.concat(pairs, ignore_index=True)[order]
