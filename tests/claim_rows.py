"""Claims, records and a table made up for the tests of the claims."""

import pandas as pd
import yaml

from qnnlab.lab import Record, Spec
from qnnlab.lab.claims import Expectation, parse_claims
from qnnlab.values import Value

ROW = {
    "id": "int8-near-float",
    "section": "II",
    "statement": "Int8 costs a point at most.",
    "source": "a paper",
    "metric": "accuracy",
    "expectation": {"measure": "accuracy_drop", "unit": "points", "at_most": 1.0},
    "check": "figure_difference",
    "parameters": {"figure": "accuracy", "method": "float32", "reference": "ptq_w8a8_pc_minmax"},
    "needs": {
        "tasks": [],
        "methods": ["float32", "ptq_w8a8_pc_minmax"],
        "tables": [],
        "features": [],
    },
    "profile": "quick",
}
TABLE_ROW = {
    **ROW,
    "id": "simd-fewer-cycles",
    "check": "table_ratio",
    "expectation": {"measure": "cycles_ratio", "unit": "×", "below": 1},
    "parameters": {
        "value": "mlperf_cycles.cycles_per_mac",
        "of": {"cpu_core": ["M4", "M7"], "reduce": "max"},
        "over": {"cpu_core": "M0+"},
        "match": ["runtime"],
        "where": {"duplicate_of": ""},
    },
    "needs": {"tasks": [], "methods": [], "tables": ["mlperf_cycles"], "features": []},
    "profile": "none",
}
CYCLES = pd.DataFrame(
    {
        "cpu_core": ["M4", "M7", "M0+", "M4", "M0+", "M0+"],
        "runtime": ["a", "a", "a", "b", "b", "a"],
        "duplicate_of": [None, None, None, None, None, "v0.5/x"],
        "cycles_per_mac": [2.0, 3.0, 12.0, 5.0, 4.0, 1.0],
        "source": ["s"] * 6,
    }
)


def ledger_text(*rows):
    return yaml.safe_dump(list(rows))


def claim_of(row=None, **changes):
    return parse_claims(ledger_text({**(row or ROW), **changes}))[0]


def record(method, accuracy, seed=0, task="digits", profile="quick", reason=None):
    given_value = Value("accuracy", accuracy, "%", "measured", "a runtime", reason)
    spec = Spec(task, method, seed=seed, profile=profile)
    return Record(f"{method}{seed}{profile}{task}", spec, "ok", None, (given_value,))


def runs(*pairs, **keywords):
    """Records of float32 and int8 accuracies, one pair a seed."""
    return [
        record(method, accuracy, seed, **keywords)
        for seed, pair in enumerate(pairs)
        for method, accuracy in zip(ROW["needs"]["methods"], pair, strict=True)
    ]


def expectation(comparison, *bounds):
    return Expectation("x", "", comparison, bounds)
