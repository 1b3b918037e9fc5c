import json
from fractions import Fraction

import pytest
from claim_rows import ROW, claim_of, expectation, runs
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from qnnlab.cli.claims import claims as claims_command
from qnnlab.errors import DataError
from qnnlab.lab import RunStore
from qnnlab.lab.claims import OUTCOMES, SECTIONS, decide, judge, outcome_counts, read_ledger
from qnnlab.report.scorecard import claims_summary, counts_table, figures_table, scorecard_table

numbers = st.floats(-1e6, 1e6)
one_bound = st.builds(
    expectation, st.sampled_from(["at_most", "at_least", "below", "above"]), numbers
)
ranges = st.tuples(numbers, numbers).filter(lambda pair: pair[0] < pair[1])
expectations = one_bound | ranges.map(lambda pair: expectation("between", *pair))


@given(expectations, st.lists(numbers, min_size=1, max_size=6))
def test_verdict_is_the_plain_comparison(wanted, values):
    plain = {
        "at_most": lambda v: v <= wanted.bounds[0],
        "at_least": lambda v: v >= wanted.bounds[0],
        "below": lambda v: v < wanted.bounds[0],
        "above": lambda v: v > wanted.bounds[0],
        "between": lambda v: wanted.bounds[0] <= v <= wanted.bounds[-1],
    }[wanted.comparison]
    outcome = judge(wanted, {"digits": values})
    assert (outcome == "reproduced") == all(map(plain, values))
    if outcome == "partly":
        assert plain(sum(map(Fraction, values)) / len(values))
    if not any(map(plain, values)):
        assert outcome == "not reproduced"


@given(expectations, st.lists(numbers, min_size=1, max_size=6), numbers)
def test_a_violating_seed_never_upgrades(wanted, values, more):
    if not wanted.holds(more):
        before = judge(wanted, {"digits": values})
        after = judge(wanted, {"digits": [*values, more]})
        assert OUTCOMES.index(after) >= OUTCOMES.index(before)


def test_a_ratio_is_averaged_geometrically():
    below = expectation("below", 1)
    assert judge(below, {"a": [0.1, 5.0]}) == "not reproduced"
    assert judge(below, {"a": [0.1, 5.0]}, ratio=True) == "partly"


@pytest.fixture
def verdicts():
    unknown = claim_of(id="later", section="IV", needs={**ROW["needs"], "tasks": ["kws9"]})
    return [decide(claim_of(), runs((99, 98.5), (99, 98.9))), decide(unknown, [])]


def test_exhibits(verdicts):
    assert outcome_counts(verdicts)["reproduced"] == 1
    html = scorecard_table(verdicts)._repr_html_()
    assert "2 claims: 1 reproduced, 1 not testable here." in html
    assert "task kws9" in html
    assert "kind-measured" in html
    figures = figures_table(verdicts)
    assert figures is not None
    assert len(figures.frame) == len(verdicts[0].figures)
    assert figures_table(verdicts[1:]) is None
    assert list(counts_table(verdicts).frame["claims"]) == [1, 1]
    summary = claims_summary(verdicts, "06_claims")
    assert [line.mark for line in summary.lines] == [
        "verdict-reproduced",
        "verdict-not-testable-here",
    ]


def test_command_prints_the_scorecard(monkeypatch, tmp_path):
    monkeypatch.setenv("QNNLAB_RUNS", str(tmp_path))
    for one in runs((99, 98.5)):
        RunStore().put(one)
    runner = CliRunner()
    shown = runner.invoke(claims_command, ["--section", "II"])
    assert shown.exit_code == 0
    assert "reproduced" in shown.output
    listed = json.loads(runner.invoke(claims_command, ["--json", "--section", "III"]).output)
    assert {entry["section"] for entry in listed} == {s for s in SECTIONS if s.startswith("III")}
    by_id = {e["id"]: e for e in json.loads(runner.invoke(claims_command, ["--json"]).output)}
    assert len(by_id) == len(read_ledger())
    assert by_id["int8-ptq-near-float"]["outcome"] == "reproduced"
    markdown = runner.invoke(claims_command, ["--markdown", "--section", "VII"]).output
    assert markdown.startswith("| section | claim |")
    wrong = runner.invoke(claims_command, ["--section", "XI"])
    assert isinstance(wrong.exception, DataError)
    assert runner.invoke(claims_command, ["--json", "--markdown"]).exit_code == 2
