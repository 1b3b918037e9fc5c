from __future__ import annotations

import pytest

from qnnlab import steps


def test_nobody_need_listen() -> None:
    steps.tell("alone", 0.5)


def test_the_innermost_listener_hears() -> None:
    outer: list[str] = []
    inner: list[str] = []
    with steps.listening(lambda what, _: outer.append(what)):
        steps.tell("a", 0)
        with steps.listening(lambda what, _: inner.append(what)), steps.shown():
            steps.tell("b", 0)
        steps.tell("c", 0)
    steps.tell("d", 0)
    assert (outer, inner) == (["a", "c"], ["b"])


def test_what_takes_long_is_shown_in_lines_and_what_does_not_is_not(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(steps.time, "monotonic", lambda: now[0])
    with steps.shown():
        steps.tell("speech", 0.1)
        now[0] += 3
        steps.tell("speech", 0.4)
        now[0] += 1
        steps.tell("speech", 0.5)
        now[0] += 5
        steps.tell("speech", 1.0)
    assert capsys.readouterr().err == "speech: 40 %\nspeech: 100 %\n"
