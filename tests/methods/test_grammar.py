"""Names that are methods."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qnnlab.errors import SpecError
from qnnlab.methods import FAMILIES, RECIPES
from qnnlab.methods.estimators import ESTIMATORS
from qnnlab.methods.grammar import read_name
from qnnlab.numerics.observers import OBSERVERS

OBSERVER = st.sampled_from(sorted(OBSERVERS))


def test_every_part_of_a_name_is_a_setting() -> None:
    recipe = RECIPES["ptq_adaround_w4a6sym_pt_mse_akl_e8_cle_biasa"]
    assert recipe.family == "ptq"
    assert recipe.settings == {
        "rounding": "adaround",
        "weight_bits": 4,
        "activation_bits": 6,
        "symmetric_activations": True,
        "granularity": "per_tensor",
        "observer": "mse",
        "activation_observer": "kl",
        "edges": "8",
        "equalize": True,
        "bias_correction": "analytic",
    }
    recipe = RECIPES["qat_lsq_w2a4_pt_apercentile_e8_kd"]
    assert recipe.settings == {
        "estimator": "lsq",
        "weight_bits": 2,
        "activation_bits": 4,
        "granularity": "per_tensor",
        "activation_observer": "percentile",
        "edges": "8",
        "distil": True,
    }
    assert "distilled" in recipe.title


@given(
    rounding=st.sampled_from(["", "gptq_", "adaround_", "brecq_", "floor_", "stochastic_"]),
    bits=st.tuples(st.integers(2, 8), st.integers(2, 16)),
    grain=st.sampled_from(["pc", "pt"]),
    observer=OBSERVER,
    steps=st.lists(st.sampled_from(["e8", "cle", "bias"]), unique=True),
)
def test_names_of_post_training_methods_give_settings_that_the_family_takes(
    rounding: str, bits: tuple[int, int], grain: str, observer: str, steps: list[str]
) -> None:
    name = "_".join(
        [f"ptq_{rounding}w{bits[0]}a{bits[1]}_{grain}_{observer.replace('_', '')}", *steps]
    )
    recipe = read_name(name)
    assert recipe is not None
    wanted = FAMILIES["ptq"].settings
    assert set(recipe.settings) == set(wanted)
    assert all(recipe.settings[key] in allowed for key, allowed in wanted.items())
    assert recipe.settings["observer"] == observer
    assert (recipe.settings["bias_correction"] == "empirical") == ("bias" in steps)


@pytest.mark.parametrize("estimator", list(ESTIMATORS))
def test_every_estimator_has_a_name_for_each_of_its_widths(estimator: str) -> None:
    for bits in ESTIMATORS[estimator].weight_bits:
        recipe = RECIPES[f"qat_{estimator}_w{bits}a8"]
        assert recipe.source == ESTIMATORS[estimator].source
        wanted = FAMILIES["qat"].settings
        assert all(recipe.settings[key] in allowed for key, allowed in wanted.items())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ptq_adarund_w4a8_pc", "adaround"),
        ("ptq_w4a8_pc_msee", "mse"),
        ("ptq_w4a8", "pc or pt"),
        ("ptq_w9a8_pc", "w2 to w8"),
        ("ptq_w1a8_pc", "w2 to w8"),
        ("ptq_w4a17_pc", "a2 to a16"),
        ("qat_lsq_w9a8", "w2 to w8"),
        ("qat_xnor_w2a8", "w1 to w1"),
        ("qat_lqs_w4a4", "lsq"),
        ("qat_w4a4", "estimator"),
        ("qat_lsq_w4a4sym", "sym"),
        ("qat_lsq_w4a4_kdd", "kd"),
    ],
)
def test_a_wrong_part_is_named(name: str, words: str) -> None:
    with pytest.raises(SpecError, match=name) as error:
        _ = RECIPES[name]
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert name not in RECIPES


@given(st.text(alphabet="abpqtw0248_", max_size=24))
def test_any_text_is_a_method_or_one_line(name: str) -> None:
    try:
        recipe = RECIPES[name]
    except SpecError as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert recipe.name == name


def test_a_name_beside_the_rows_is_not_listed() -> None:
    assert "ptq_w5a7_pt_octav" in RECIPES
    assert "ptq_w5a7_pt_octav" not in list(RECIPES)
