from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qnnlab.errors import DataError
from qnnlab.lab import Record, Spec, find_value, records_frame, values_frame
from qnnlab.values import KINDS, Value

present = st.builds(
    Value,
    st.text(min_size=1, max_size=12),
    st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans(),
    st.text(max_size=5),
    st.sampled_from(KINDS),
    st.text(max_size=20),
)
absent = st.builds(
    Value,
    st.text(min_size=1, max_size=12),
    st.none(),
    st.text(max_size=5),
    st.sampled_from(KINDS),
    st.text(max_size=20),
    st.text(min_size=1, max_size=20),
)
records = st.builds(
    Record,
    key=st.from_regex(r"[0-9a-f]{24}", fullmatch=True),
    spec=st.just(Spec("digits", "float32")),
    status=st.sampled_from(["ok", "failed"]),
    reason=st.none() | st.text(max_size=20),
    results=st.lists(present | absent, max_size=5).map(tuple),
    provenance=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
    started=st.just("2026-01-01T00:00:00+00:00"),
    seconds=st.floats(0, 1e6),
)


@given(records)
def test_json_round_trip(record: Record) -> None:
    assert Record.from_json(record.to_json()) == record


@given(st.text() | st.recursive(st.none() | st.integers(), st.lists).map(json.dumps))
def test_any_other_document_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="not a record"):
        Record.from_json(text)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("schema_version", 2),
        ("status", "fine"),
        ("spec", {"task": "digits"}),
        ("results", [{"name": "x"}]),
        ("results", 3),
    ],
)
def test_a_wrong_field_is_refused(field: str, value: object) -> None:
    record = Record("k", Spec("digits", "float32"), "ok", None, ())
    document = {**json.loads(record.to_json()), field: value}
    with pytest.raises(DataError, match="not a record"):
        Record.from_json(json.dumps(document))


@pytest.mark.parametrize(
    "fields",
    [
        ("x", 1.0, "s", "guessed", "me"),
        ("x", float("nan"), "s", "measured", "me"),
        ("x", None, "s", "measured", "me"),
        ("x", 1.0, "s", "measured", "me", "but why"),
    ],
)
def test_a_value_without_its_papers_is_refused(fields: tuple[object, ...]) -> None:
    with pytest.raises(DataError, match="'x'"):
        Value(*fields)  # type: ignore[arg-type]


def test_tables_of_records() -> None:
    spec = Spec("digits", "float32")
    accuracy = Value("accuracy", 90.0, "%", "measured", "a test")
    arena = Value("arena_bytes", None, "B", "measured", "tflm", "not installed")
    done = Record("a", spec, "ok", None, (accuracy, arena))
    failed = Record("b", spec, "failed", "no luck", ())
    frame = records_frame([done, failed])
    assert frame["accuracy"].tolist()[0] == 90.0
    assert frame["reason"].tolist()[1] == "no luck"
    values = values_frame([done, failed])
    assert values["reason"].tolist()[1] == "not installed"
    assert find_value([failed, done], "accuracy") == accuracy
    assert find_value([failed, done], "arena_bytes") is None
    assert done["accuracy"] is accuracy
    with pytest.raises(KeyError):
        _ = failed["accuracy"]
