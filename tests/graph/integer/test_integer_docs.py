"""docs/graph.md names every operator, kind and rounding rule that there is."""

from __future__ import annotations

from pathlib import Path

from qnnlab.graph.integer.kinds import KINDS, READERS
from qnnlab.graph.integer.rounding import ROUNDINGS

TEXT = (Path(__file__).resolve().parents[3] / "docs/graph.md").read_text(encoding="utf-8")


def test_nothing_is_left_out() -> None:
    words = set(TEXT.replace("`", " ").replace(",", " ").split())
    assert {*KINDS, *READERS, *ROUNDINGS} <= words
