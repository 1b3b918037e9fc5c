from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qnnlab.errors import SpecError
from qnnlab.lab import PROFILES, Spec

names = st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,30}", fullmatch=True)
specs = st.builds(Spec, names, names, names, st.integers(0, 2**31 - 1), st.sampled_from(PROFILES))


@given(specs)
def test_text_and_json_forms_are_inverses(spec: Spec) -> None:
    assert Spec.parse(str(spec)) == spec
    assert Spec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


@given(st.text())
def test_any_text_is_a_spec_or_one_line(text: str) -> None:
    try:
        spec = Spec.parse(text)
    except SpecError as error:
        line = str(error)
    else:
        line = str(spec)
        assert line == text
    assert len(line.splitlines()) == 1


@given(st.dictionaries(st.text(max_size=8), st.integers() | st.text() | st.none(), max_size=6))
def test_any_mapping_is_a_spec_or_one_line(fields: dict[str, object]) -> None:
    with pytest.raises(SpecError):
        Spec.from_dict(fields)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"task": "Digits"}, "task 'Digits'"),
        ({"method": ""}, "method ''"),
        ({"seed": -1}, "seed -1"),
        ({"seed": True}, "seed True"),
        ({"seed": 2**31}, "seed 2147483648"),
        ({"profile": "quik"}, "did you mean quick"),
    ],
)
def test_wrong_field_is_named(fields: dict[str, object], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        Spec.from_dict({"task": "digits", "method": "float32", **fields})


def test_check_names_the_nearest() -> None:
    with pytest.raises(SpecError, match="did you mean digits"):
        Spec("digit", "float32").check()
    with pytest.raises(SpecError, match="qat_tfmot_w8a8"):
        Spec("digits", "qat_tfmot").check()
    with pytest.raises(SpecError, match="unknown target"):
        Spec("digits", "float32", target="moon").check()


def test_parent_keeps_task_seed_and_profile() -> None:
    parent = Spec("digits", "qat_tfmot_w8a8", seed=3, profile="full").parent()
    assert parent == Spec("digits", "float32", seed=3, profile="full")
    assert parent is not None
    assert parent.parent() is None
