import copy

import pytest
from claim_rows import CYCLES, ROW, TABLE_ROW, claim_of, ledger_text, record, runs

from qnnlab.errors import DataError
from qnnlab.lab.claims import (
    CHECKS,
    SECTIONS,
    decide,
    missing_names,
    parse_claims,
    read_ledger,
    registry,
    scorecard,
    verdict,
)
from qnnlab.survey import load_table


def test_ledger_covers_the_review():
    claims = read_ledger()
    assert len(claims) >= 44
    assert {claim.section for claim in claims} == set(SECTIONS)
    assert len({claim.id for claim in claims}) == len(claims)
    assert {claim.check for claim in claims} <= set(CHECKS)
    assert set(CHECKS) == {claim.check for claim in claims}, "a check that no claim uses"


def test_ledger_sources_can_be_cited():
    known = set(load_table("references")["ref_key"])
    for claim in read_ledger():
        first, *cited = (part.strip() for part in claim.source.split(";"))
        assert first.startswith("arXiv:2508.15008 "), claim.id
        unknown = [key for key in cited if key not in known and not key.startswith("Tables ")]
        assert not unknown, claim.id


def test_ledger_is_decided_from_tables_alone():
    verdicts = scorecard([])
    decided = [v for v in verdicts if v.outcome != "not testable here"]
    assert len(decided) >= 14
    assert all(v.figures for v in decided)
    table_only = [v for v in verdicts if v.claim.profile == "none"]
    assert [v.claim.id for v in table_only if not v.figures] == []


WRONG = {
    "not one of the fields": lambda row: row.update(verdict="reproduced"),
    "no source": lambda row: row.pop("source"),
    "empty statement": lambda row: row.update(statement=" "),
    "unknown section": lambda row: row.update(section="IX"),
    "unknown check": lambda row: row.update(check="figure_diference"),
    "unknown parameter": lambda row: row["parameters"].update(metod="float32"),
    "missing parameter": lambda row: row["parameters"].pop("figure"),
    "no bound": lambda row: row["expectation"].pop("at_most"),
    "two bounds": lambda row: row["expectation"].update(at_least=0),
    "text as a bound": lambda row: row["expectation"].update(at_most="1"),
    "yes as a bound": lambda row: row["expectation"].update(at_most=True),
    "no measure": lambda row: row["expectation"].pop("measure"),
    "reversed range": lambda row: row.update(
        expectation={"measure": "x", "unit": "", "between": [2, 1]}
    ),
    "half a range": lambda row: row.update(
        expectation={"measure": "x", "unit": "", "between": [2]}
    ),
    "needs without features": lambda row: row["needs"].pop("features"),
    "needs as text": lambda row: row["needs"].update(methods="float32"),
    "method not in needs": lambda row: row["needs"].update(methods=["float32"]),
    "unknown profile": lambda row: row.update(profile="fast"),
    "no profile for runs": lambda row: row.update(profile="none"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_row_is_named(name):
    row = copy.deepcopy(ROW)
    WRONG[name](row)
    with pytest.raises(DataError, match=r"^ledger\.yaml: claim 'int8-near-float': ."):
        parse_claims(ledger_text(row), "ledger.yaml")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("- [", "not valid YAML"),
        ("a: 1", "must be a list"),
        ("- 3", "row 1: None is no id"),
        ("- {id: Bad Name}", "row 1: 'Bad Name' is no id"),
        (ledger_text(ROW, ROW), "claim 'int8-near-float': a claim above has the same id"),
    ],
)
def test_wrong_file_is_named(text, rule):
    with pytest.raises(DataError, match=r"^ledger\.yaml: ") as caught:
        parse_claims(text, "ledger.yaml")
    assert rule in str(caught.value)


def test_unknown_column_names_claim_and_nearest():
    claim = claim_of(TABLE_ROW, parameters={**TABLE_ROW["parameters"], "match": ["runtme"]})
    with pytest.raises(DataError, match=r"claim 'simd-fewer-cycles': unknown column .*runtime"):
        decide(claim, [], tables=lambda _: CYCLES)


@pytest.mark.parametrize(
    ("pairs", "outcome"),
    [
        ([(99, 98.5), (99, 98.0)], "reproduced"),  # exactly one point is at most one point
        ([(99, 98.9), (99, 97.5)], "partly"),  # the mean holds, the second seed does not
        ([(99, 97.0), (99, 97.5)], "not reproduced"),
    ],
)
def test_each_outcome_of_seeds(pairs, outcome):
    found = decide(claim_of(), runs(*pairs))
    assert found.outcome == outcome
    assert "digits: mean" in found.why
    assert {figure.kind for figure in found.figures} == {"measured"}


def test_decimals_are_compared_exactly():
    assert 98.9 - 98.6 > 0.3
    within = claim_of(expectation={"measure": "drop", "unit": "points", "at_most": 0.3})
    assert decide(within, runs((98.9, 98.6))).outcome == "reproduced"


def test_some_tasks_only_is_partly():
    records = runs((99, 98.9)) + runs((99, 90), task="other")
    assert decide(claim_of(), records).outcome == "partly"


def test_no_run_is_not_testable_and_names_the_runs():
    found = decide(claim_of(), [])
    assert found.outcome == "not testable here"
    assert "float32, ptq_w8a8_pc_minmax" in found.why
    assert found.figures == ()


def test_an_absent_figure_is_not_testable_with_its_reason():
    records = [record("float32", 99.0), record("ptq_w8a8_pc_minmax", None, reason="it crashed")]
    found = decide(claim_of(), records)
    assert found.outcome == "not testable here"
    assert "it crashed" in found.why


def test_lower_profiles_do_not_count_and_the_best_one_does():
    smoke = runs((99, 90), profile="smoke")
    assert decide(claim_of(), smoke, "smoke").outcome == "not testable here"
    assert decide(claim_of(profile="smoke"), smoke, "smoke").outcome == "not reproduced"
    full = runs((99, 98.9), profile="full")
    assert decide(claim_of(), smoke + runs((99, 90)) + full).outcome == "reproduced"


def test_only_seeds_that_every_method_finished_are_compared():
    records = [*runs((99, 98.9)), record("float32", 50.0, seed=1)]
    found = decide(claim_of(), records)
    assert found.outcome == "reproduced"
    assert "50" not in found.why


def test_missing_method_is_named_and_turns_on(monkeypatch):
    row = copy.deepcopy(ROW)
    row["parameters"]["reference"] = "ptq_w4a8_new"
    row["needs"] = {
        **row["needs"],
        "methods": ["float32", "ptq_w4a8_new"],
        "features": ["targets.nowhere"],
    }
    claim = claim_of(row)
    records = [record("float32", 99.0), record("ptq_w4a8_new", 98.5)]
    found = decide(claim, records)
    assert found.outcome == "not testable here"
    assert "method ptq_w4a8_new" in found.why
    assert "feature targets.nowhere" in found.why
    monkeypatch.setattr(verdict, "RECIPES", {"float32": None, "ptq_w4a8_new": None})
    assert missing_names(claim) == {"feature": ["targets.nowhere"]}
    monkeypatch.setattr(verdict, "_has_module", lambda feature: feature == "targets.nowhere")
    assert decide(claim, records).outcome == "reproduced"


def test_missing_task_and_table_are_named():
    needs = {"tasks": ["kws9"], "methods": ["float32"], "tables": ["tabel"], "features": []}
    parameters = {"figure": "accuracy", "method": "float32"}
    claim = claim_of(check="figure_level", parameters=parameters, needs=needs)
    assert missing_names(claim) == {"task": ["kws9"], "table": ["tabel"]}


def test_refusal_spread_and_ratio():
    needs = ROW["needs"]
    refused = claim_of(
        check="figure_refused",
        parameters={"figure": "accuracy", "method": "float32", "because": "Hybrid"},
        expectation={"measure": "refused", "unit": "", "equals": 1},
    )
    assert decide(refused, [record("float32", None, reason="Hybrid model")]).outcome == "reproduced"
    assert decide(refused, [record("float32", 99.0)]).outcome == "not reproduced"
    spread = claim_of(
        check="figure_spread", parameters={"figure": "accuracy", "methods": needs["methods"]}
    )
    assert decide(spread, runs((90, 91), (90, 89))).outcome == "reproduced"
    ratio = claim_of(
        check="figure_ratio",
        parameters=ROW["parameters"],
        expectation={"measure": "ratio", "unit": "×", "equals": 4},
    )
    assert decide(ratio, runs((80, 20), (40, 10))).outcome == "reproduced"
    assert decide(ratio, runs((80, 0))).outcome == "not testable here"


def test_gain_by_task():
    methods = ROW["needs"]["methods"]
    claim = claim_of(
        check="gain_by_task",
        parameters={
            "figure": "accuracy",
            "method": methods[1],
            "reference": methods[0],
            "task": "digits",
            "than_task": "digits2",
        },
        needs={**ROW["needs"], "tasks": ["digits", "digits2"]},
        expectation={"measure": "extra_gain", "unit": "points", "above": 0},
    )
    first, second = runs((80, 85)), runs((80, 81), task="digits2")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verdict, "TASKS", {"digits": None, "digits2": None})
        assert decide(claim, first + second).outcome == "reproduced"
        assert "on digits2" in decide(claim, first).why


def test_table_pairs_are_matched_and_duplicates_left_out():
    found = decide(claim_of(TABLE_ROW), [], tables=lambda _: CYCLES)
    # Runtime a: 3 / 12; runtime b: 5 / 4. Geometric mean: √(0.25 · 1.25) < 1.
    assert found.outcome == "partly"
    assert found.figures[0].value == pytest.approx((0.25 * 1.25) ** 0.5)
    assert {figure.kind for figure in found.figures} == {"quoted"}


def test_rows_of_one_key_need_a_way_to_reduce_them():
    parameters = {**TABLE_ROW["parameters"], "of": {"cpu_core": ["M4", "M7"]}}
    with pytest.raises(DataError, match="say how to reduce"):
        decide(claim_of(TABLE_ROW, parameters=parameters), [], tables=lambda _: CYCLES)


def test_a_comparison_without_rows_is_not_testable():
    parameters = {**TABLE_ROW["parameters"], "over": {"cpu_core": "M55"}}
    found = decide(claim_of(TABLE_ROW, parameters=parameters), [], tables=lambda _: CYCLES)
    assert found.outcome == "not testable here"


@pytest.mark.parametrize(
    ("condition", "rows"),
    [("", 5), ({"known": True}, 1), ({"not": "v0.5/x"}, 5), ({"matches": "v0.*"}, 1)],
)
def test_conditions(condition, rows):
    claim = claim_of(
        TABLE_ROW,
        check="table_share",
        parameters={"table": "mlperf_cycles", "holds": {"duplicate_of": condition}},
    )
    found = decide(claim, [], tables=lambda _: CYCLES)
    assert [f.value for f in found.figures if f.name == "rows that hold"] == [rows]


def test_new_check_file_is_found(monkeypatch, tmp_path):
    (tmp_path / "extra.py").write_text(
        "from qnnlab.lab.claims.registry import Evidence, Facts, check\n\n"
        '@check("nothing")\ndef nothing(facts: Facts) -> Evidence:\n    return Evidence(())\n',
        encoding="utf-8",
    )
    from qnnlab.lab.claims import checks

    monkeypatch.setattr(checks, "__path__", [*checks.__path__, str(tmp_path)])
    found = registry._find_checks()
    assert "nothing" in found
    assert set(CHECKS) < set(found)


def test_features_read_as_modules():
    for claim in read_ledger():
        for feature in claim.needs.features:
            assert feature.startswith(("targets.", "lab.")), claim.id
