import json

import pandas as pd
import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from qnnlab.errors import DataError
from qnnlab.survey import load_table, parse_table
from qnnlab.survey.benchmarks import cycles_per_mac, deployment_spans, edgemark_pairs, mlperf

# Rows of the sources; a row is added here when one is added to its table.
COUNTS = {
    "survey_deployments": 28,
    "method_bench": 293,
    "edgemark": 545,
    "tinyengine": 132,
    "mcunet_zoo": 10,
    "tinymaix": 48,
    "cmsis_nn_ops": 176,
    "sscma": 99,
    "espdl": 30,
    "espnn": 32,
    "device_tables": 19,
    "arm_mlzoo": 45,
    "vela_estimates": 6,
    "mlperf_results": 322,
    "mlperf_cycles": 302,
    "gap9_quant_bits": 4,
}
SCHEMAS = {
    entry["name"]: entry["schema"]
    for entry in json.loads((ROOT / "data/datapackage.json").read_text())["resources"]
}
RANGES = {name: SCHEMAS[name]["x-ranges"] for name in COUNTS if "x-ranges" in SCHEMAS[name]}


@pytest.mark.parametrize(("name", "rows"), COUNTS.items())
def test_a_table_has_every_row_of_its_source(name: str, rows: int) -> None:
    table = load_table(name)
    assert len(table) == rows
    assert table["source"].notna().all()
    assert set(table["verified"]) == {"seen"}


@pytest.mark.parametrize("name", COUNTS)
def test_every_pair_of_low_and_high_end_is_declared_and_in_order(name: str) -> None:
    table = load_table(name)
    lows = {c for c in table if c.endswith("_min") and c.removesuffix("min") + "max" in table}
    assert lows == {low for low, _ in RANGES.get(name, [])}
    for low, high in RANGES.get(name, []):
        both = table[[low, high]].dropna()
        assert (both[low] <= both[high]).all()


def test_deployments_keep_their_text_and_their_doubts() -> None:
    table = load_table("survey_deployments").set_index("row_key")
    assert table["family"].value_counts().to_dict() == {"NPU": 15, "ARM": 10, "RISC-V": 3}
    assert table["ref_key"].nunique() == 26
    row = table.loc["abushahla2025real__arm"]
    assert row["latency_ms_text"] == "0.63; 0.08; 2.88-12.84"
    assert (row["latency_ms_min"], row["latency_ms_max"]) == (0.08, 12.84)
    assert table.loc[table["suspect_quantities"].notna(), "quality_flag"].notna().all()
    assert table["quality_flag"].notna().sum() == 10
    for quantity, text in (("latency_ms", "latency_ms_text"), ("memory_kb", "memory_kb_text")):
        assert (table[f"{quantity}_max"].notna() == table[text].notna()).all()
        bound = table[text].str.startswith("<").fillna(False)
        assert table.loc[bound, f"{quantity}_min"].isna().all()
        assert table.loc[~bound & table[text].notna(), f"{quantity}_min"].notna().all()


def test_spans_leave_out_suspect_cells_and_bounds() -> None:
    spans = deployment_spans().set_index(["family", "quantity"])
    assert len(spans) == 12
    energy = spans.loc[("NPU", "energy_mj")]
    assert (energy["min"], energy["max"], energy["rows"]) == (0.005, 4.275, 5)
    assert (energy["min_all"], energy["rows_all"]) == (2e-8, 6)
    latency = spans.loc[("NPU", "latency_ms")]
    assert (latency["max"], latency["rows"]) == (462, 13)
    assert (latency["max_all"], latency["rows_all"]) == (1000, 15)
    assert (spans["rows"] <= spans["rows_all"]).all()
    assert (spans["min_all"] <= spans["min"]).all()
    assert (spans["max"] <= spans["max_all"]).all()


def test_a_reversed_range_is_refused_with_its_line() -> None:
    path = ROOT / "data/survey/survey_deployments.csv"
    right = path.read_text()
    wrong = right.replace(",905,905,11.2,11.2,", ",906,905,11.2,11.2,")
    assert wrong != right
    with pytest.raises(DataError, match=r"x\.csv:2: column 'latency_ms_min'"):
        parse_table(wrong, SCHEMAS["survey_deployments"], "x.csv")


def test_resubmitted_rows_count_once() -> None:
    table = mlperf(unique=False)
    repeats = table[table["duplicate_of"].notna()]
    firsts = table.set_index("row_key").loc[repeats["duplicate_of"]]
    assert len(repeats) == 12
    assert firsts["duplicate_of"].isna().all()
    for column in ("benchmark", "latency_ms", "energy_uj"):
        assert list(firsts[column]) == list(repeats[column])
    assert len(mlperf()) == 322 - 12
    assert len(cycles_per_mac()) == 302 - 12


@given(st.sampled_from(["ad", "ic", "kws", "vww"]))
def test_a_benchmark_is_a_part_of_the_whole(benchmark: str) -> None:
    part, whole = mlperf(benchmark), mlperf()
    assert set(part["row_key"]) == set(whole.loc[whole["benchmark"] == benchmark, "row_key"])
    assert part["duplicate_of"].isna().all()
    assert part["ic01_set"].notna().all() == (benchmark == "ic")


def test_energy_carries_its_voltage_where_known() -> None:
    table = mlperf(unique=False)
    energy = table[table["energy_uj"].notna()]
    assert (len(energy), int(energy["voltage_v"].notna().sum())) == (136, 107)
    assert table["voltage_v"].notna().eq(table["voltage_text"].notna()).all()
    gap9 = table[(table["submitter"] == "greenwaves-technologies") & table["voltage_v"].notna()]
    assert set(gap9["voltage_v"]) == {0.65, 0.8}
    assert set(gap9["voltage_io_v"]) == {1.8}


def test_cycles_follow_from_the_results() -> None:
    cycles = load_table("mlperf_cycles").set_index("row_key")
    results = load_table("mlperf_results").set_index("row_key").loc[cycles.index]
    for column in ("latency_ms", "energy_uj", "clock_mhz", "voltage_v", "source"):
        pd.testing.assert_series_equal(cycles[column], results[column])
    figures = cycles[["latency_ms", "clock_mhz", "dense_macs", "cycles_per_mac"]].astype(float)
    expected = figures["latency_ms"] * figures["clock_mhz"] * 1e3 / figures["dense_macs"]
    assert ((figures["cycles_per_mac"] / expected - 1).abs() < 1e-3).all()
    energy = cycles[["energy_uj", "dense_macs", "pj_per_mac"]].dropna().astype(float)
    expected = energy["energy_uj"] * 1e6 / energy["dense_macs"]
    assert ((energy["pj_per_mac"] / expected - 1).abs() < 1e-3).all()


def test_cycles_are_filtered_by_core_and_runtime() -> None:
    table = cycles_per_mac("Cortex-M4", "tflm")
    assert len(table) == 4
    assert set(table["core_family"]) == {"Cortex-M4"}
    printed = cycles_per_mac(runtime="X-CUBE-AI 7.1.0")
    assert set(printed["framework_key"]) == {"st_edge_ai"}
    other = cycles_per_mac()
    assert set(other.loc[~other["same_clock"], "submitter"]) == {"fpgaconvnet", "kai_jiang"}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mlperf("kwss"), "unknown benchmark 'kwss'; did you mean kws"),
        (lambda: cycles_per_mac("Cortex-M44"), "did you mean Cortex-M4"),
        (lambda: cycles_per_mac(runtime="tflmm"), "did you mean tflm"),
    ],
)
def test_unknown_names_are_refused(call, message: str) -> None:
    with pytest.raises(DataError, match=message):
        call()


def test_edgemark_pairs_differ_in_one_thing() -> None:
    pairs = edgemark_pairs()
    assert pairs["comparison"].value_counts().to_dict() == {
        "int8_vs_float": 178,
        "framework_vs_tflm": 114,
    }
    int8 = pairs["comparison"] == "int8_vs_float"
    assert (pairs.loc[int8, "framework"] == pairs.loc[int8, "framework_base"]).all()
    assert set(pairs.loc[int8, "variant_base"]) == {"basic"}
    assert (pairs.loc[~int8, "variant"] == pairs.loc[~int8, "variant_base"]).all()
    assert set(pairs.loc[~int8, "framework"]) == {"EI", "eAI Translator"}
    assert set(pairs.loc[~int8, "build"]) == {"default"}
    first = pairs[pairs["row_key"] == "cnn_1__tflm__nucleo_l4r5zi__default__q_full_int_only"]
    assert first["speedup"].item() == 10.464096 / 4.372187


def test_derived_columns_agree_with_what_they_derive_from() -> None:
    bench = load_table("method_bench").dropna(subset=["baseline"])
    assert ((bench["value"] - bench["baseline"] - bench["delta"]).abs() < 1e-6).all()
    assert load_table("method_bench")["method_key"].notna().all()
    espnn = load_table("espnn")
    assert ((espnn["unoptimized"] / espnn["optimized"] - espnn["speedup"]).abs() < 0.02).all()
    vela = load_table("vela_estimates")
    assert set(vela["kind"]) == {"estimated"}
    assert ((vela["macs"] / vela["cycles_total"] - vela["mac_per_cycle"]).abs() < 0.01).all()
    chips = load_table("tinymaix").set_index("chip")
    assert chips.loc["W801", "ram"] == "160+128KB+8MB"
    assert chips.loc["W801", "ram_kb"] == 160 + 128 + 8 * 1024
    zoo = load_table("arm_mlzoo").set_index("row_key")
    tiny = zoo.loc["speech_recognition__tiny_wav2letter__int8"]
    assert (tiny["metric"], tiny["value"], tiny["metric_2"], tiny["value_2"]) == (
        "LER",
        0.0348,
        "WER",
        0.112,
    )
