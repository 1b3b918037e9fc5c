from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from conftest import MODELS
from hypothesis import given, settings
from hypothesis import strategies as st

from qnnlab.errors import ModelFormatError
from qnnlab.lab import inspect_model
from qnnlab.survey import survey_platforms

KWS = (MODELS / "kws_ref_model.tflite").read_bytes()
edits = st.lists(
    st.tuples(st.integers(0, len(KWS) - 5), st.binary(min_size=1, max_size=4)), min_size=1
)


def test_a_real_model_is_described() -> None:
    found = inspect_model(MODELS / "kws_ref_model.tflite")
    assert found["macs"].value == 2_656_768
    assert found["arena_bytes"].value == 24_272
    assert [fit.platform_key for fit in found.fits] == list(survey_platforms().index)
    document = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    per_channel = [t for t in document["tensors"] if t["quantization"] and t["constant"]]
    assert any(len(t["quantization"]["scale"]) == 64 for t in per_channel)
    with pytest.raises(KeyError):
        _ = found["latency_ms"]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, len(KWS)), edits)
def test_any_damage_is_described_or_refused_in_one_line(
    length: int, changes: list[tuple[int, bytes]]
) -> None:
    damaged = bytearray(KWS)
    for position, content in changes:
        damaged[position : position + len(content)] = content
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "damaged.tflite"
        # Half of the examples keep their length: those reach further than a cut-off file.
        path.write_bytes(bytes(damaged[:length] if length % 2 else damaged))
        try:
            text = json.dumps(inspect_model(path).to_dict(), allow_nan=False)
        except ModelFormatError as error:
            text = str(error)
    assert len(text.splitlines()) == 1
    assert "damaged.tflite" in text
