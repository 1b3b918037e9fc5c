"""Hand-broken rows of the real tables: each is refused with file, line, column and rule."""

from __future__ import annotations

import csv
import io

import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from qnnlab.errors import DataError
from qnnlab.survey import parse_table, table_entry

Rows = list[list[str]]
LINE = 3  # the second row of each table is the one that gets broken

BROKEN = [
    ("survey_platforms", "platform_key", "", "is required"),
    ("survey_platforms", "platform_key", "nrf52840", "stands already in line 2"),
    ("survey_platforms", "platform_key", "sparkfun edge", "does not match"),
    ("survey_platforms", "platform_key", "apollo_3", "did you mean apollo3"),
    ("survey_platforms", "family", "arm", "is not one of ARM, RISC-V, NPU"),
    ("survey_platforms", "flash_kb", "1 MB", "is not of type number"),
    ("survey_platforms", "ram_kb", "0.384e-3", "below the minimum"),
    ("survey_platforms", "clock_mhz", "nan", "is not of type number"),
    ("survey_platforms", "source", "", "is required"),
    ("runtime_code", "code_bytes", "36.5", "is not of type integer"),
    ("runtime_code", "core", "m4", "does not match"),
    ("runtime_code", "verified", "maybe", "is not one of seen, known"),
    ("mlperf_tiny_models", "sha1", "abc", "does not match"),
    ("mlperf_tiny_models", "macs_total", "2_656_768", "is not of type integer"),
    ("survey_scope", "survey", "gholami2022", "did you mean gholami2022survey"),
    ("survey_scope", "hardware", "arm", "hardware"),
    ("survey_taxonomy", "method_key", "aqtt", "did you mean aqt"),
    ("survey_taxonomy", "ref_keys", "zhu2020;nobody1999", "unknown ref_key"),
    ("methods", "key", "uniform_symmetric", "stands already in line 2"),
    ("methods", "year", "1918", "below the minimum"),
    ("methods", "needs_data", "perhaps", "is not one of"),
    ("methods", "bits_w_min", "99", "bits_w_m"),
    ("methods", "ref_key", "jacob", "unknown ref_key"),
    ("frameworks", "open_source", "1", "is not one of"),
    ("platforms", "sram_kb", "64 kB", "is not of type number"),
    ("references", "ref_key", "", "is required"),
    ("survey_deployments", "ref_key", "somebody2099", "unknown ref_key"),
    ("survey_deployments", "platform_keys", "stm32h7a3;stm32_h7", "unknown key"),
    ("survey_deployments", "latency_ms_min", "5000", "is above 'latency_ms_max'"),
    ("survey_deployments", "energy_mj_max", "-1", "energy_mj"),
    ("method_bench", "value", "seventy", "is not of type number"),
    ("edgemark", "framework_key", "tflmm", "did you mean tflm"),
    ("mlperf_results", "latency_ms", "13,651", "is not of type number"),
    ("mlperf_results", "duplicate_of", "v9", "unknown row_key"),
    ("datasets", "sha256", "abc", "does not match"),
    ("datasets", "bytes", "162 MB", "is not of type integer"),
    ("datasets", "file", "../up.zip", "does not match"),
    ("datasets", "file", "speech_commands_v0.02.tar.gz", "stands already in line 2"),
    ("datasets", "url", "file:///etc/passwd", "does not match"),
    ("datasets", "archive", "rar", "is not one of"),
    ("datasets", "licence", "", "is required"),
]


def _read(table: str) -> tuple[str, Rows]:
    path = table_entry(table)["path"]
    text = (ROOT / "data" / path).read_text(encoding="utf-8")
    return f"data/{path}", list(csv.reader(io.StringIO(text)))


def _parse(table: str, name: str, rows: Rows) -> None:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    parse_table(stream.getvalue(), table_entry(table)["schema"], name)


@pytest.mark.parametrize(("table", "column", "cell", "rule"), BROKEN)
def test_a_broken_cell_is_named(table: str, column: str, cell: str, rule: str) -> None:
    name, rows = _read(table)
    _parse(table, name, rows)
    rows[LINE - 1][rows[0].index(column)] = cell
    with pytest.raises(DataError) as error:
        _parse(table, name, rows)
    message = str(error.value)
    assert message.startswith(f"{name}:{LINE}: column ")
    assert rule in message
    assert "\n" not in message


@pytest.mark.parametrize("change", ["cell missing", "cell too many", "column missing"])
def test_a_broken_shape_is_named(change: str) -> None:
    name, rows = _read("methods")
    if change == "column missing":
        rows = [row[1:] for row in rows]
    else:
        rows[LINE - 1] = rows[LINE - 1][1:] if change == "cell missing" else [*rows[LINE - 1], ""]
    with pytest.raises(DataError, match=rf"^{name}:{1 if 'column' in change else LINE}: "):
        _parse("methods", name, rows)


@given(st.sampled_from(["survey_platforms", "gap9_quant_bits", "vela_estimates"]), st.data())
def test_a_wrong_number_never_gets_in(table: str, data: st.DataObject) -> None:
    name, rows = _read(table)
    fields = table_entry(table)["schema"]["fields"]
    numeric = [field["name"] for field in fields if field["type"] in ("number", "integer")]
    column = data.draw(st.sampled_from(numeric))
    row = data.draw(st.integers(1, len(rows) - 1))
    rows[row][rows[0].index(column)] = data.draw(
        st.text("abcdefghijklmnopqrstuvwxyz /~<", min_size=1, max_size=6)
    )
    with pytest.raises(DataError, match=rf":{row + 1}: column '{column}': .* is not of type"):
        _parse(table, name, rows)
