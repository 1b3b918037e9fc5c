"""The tasks' exhibits, on small tasks made here and on real smoke runs."""

from __future__ import annotations

import base64
import io
import re
import wave
from pathlib import Path

import numpy as np
import pytest
from notebook_cells import code_cell, markdown_cell, shown, write_notebook

from qnnlab.lab import Reference, RunStore, Sweep
from qnnlab.lab.difficulty import LADDER
from qnnlab.lab.reference import read_history
from qnnlab.report import samples, task_exhibits
from qnnlab.report.articles import ExecutedNotebook, render_articles
from qnnlab.report.notebooks import parameter_names
from qnnlab.tasks import TASKS, Preview, Task, load_task

RNG = np.random.default_rng(0)
TONE = np.sin(2 * np.pi * 440 * np.arange(8000) / 16000).astype(np.float32)


def task_with(preview: Preview) -> Task:
    from dataclasses import replace

    return replace(TASKS["digits"], preview=lambda: preview)


SOUND = Preview("audio", (TONE, -TONE / 2), ("yes", "<no>"), 16_000)
TRACE = Preview(
    "trace",
    (RNG.standard_normal((50, 2)).astype(np.float32),),
    ("N",),
    100,
    "mV",
    ("a", "b"),
)
IMAGE = Preview(
    "image", tuple(RNG.random((13, 8, 8, 3)).astype(np.float32)), tuple("abcdefghijklm")
)


@pytest.mark.parametrize("preview", [SOUND, TRACE, IMAGE], ids=lambda p: p.kind)
def test_a_preview_is_drawn_and_says_its_origin(preview: Preview) -> None:
    drawn = samples.preview_figure(task_with(preview))
    assert "<svg" in drawn.svg
    assert "real data" in repr(drawn)


def test_players_hold_the_waveform() -> None:
    html = samples.players(task_with(SOUND))._repr_html_()
    assert "&lt;no&gt;" in html
    first, second = (
        base64.b64decode(text) for text in re.findall(r"base64,([A-Za-z0-9+/=]+)", html)
    )
    with wave.open(io.BytesIO(first)) as sound:
        assert (sound.getframerate(), sound.getnframes()) == (16_000, 8000)
        codes = np.frombuffer(sound.readframes(8000), "<i2")
    np.testing.assert_array_equal(codes, np.rint(TONE * 32767).astype(np.int16))
    assert first != second


def test_a_page_keeps_sounds_in_files_of_their_own(tmp_path: Path) -> None:
    path = write_notebook(
        tmp_path / "07_sounds.ipynb",
        markdown_cell("# Sounds"),
        code_cell("", shown(samples.players(task_with(SOUND)))),
    )
    (article,) = render_articles([ExecutedNotebook("07_sounds", "Sounds", path)])
    sounds = [name for name in article.images if name.endswith(".wav")]
    assert len(sounds) == 2
    assert all(f'src="{name}"' in article.html for name in sounds)
    assert "data:audio" not in article.html


def test_parameters_are_read_and_not_run(tmp_path: Path) -> None:
    path = write_notebook(
        tmp_path / "a.ipynb",
        markdown_cell("# A"),
        code_cell("seed = 0\ntasks = 1 / 0", tags=("parameters",)),
        code_cell("other = 3"),
    )
    assert parameter_names(path) == {"seed", "tasks"}


def references_of(study: Sweep, store: RunStore) -> list[Reference]:
    records = [record for record in study.records if record.spec.method == "float32"]
    return [Reference(record, read_history(record, store), store) for record in records]


@pytest.mark.slow
def test_exhibits_of_real_runs(smoke_study: Sweep, smoke_store: RunStore) -> None:
    references = references_of(smoke_study, smoke_store)
    ladder = [record for record in smoke_study.records if record.spec.method in LADDER]
    data = {"digits": load_task("digits", "smoke")[1]}
    digits = [TASKS["digits"]]
    texts = [
        repr(task_exhibits.tasks_table(digits, data)),
        repr(task_exhibits.balance_figure(digits, data)),
        repr(task_exhibits.mlperf_table(references)),
        repr(task_exhibits.model_figure(references[0])),
        repr(task_exhibits.curves_figure(references)),
        repr(task_exhibits.references_table(references)),
        repr(task_exhibits.difficulty_table(ladder)),
        repr(task_exhibits.difficulty_figure(ladder)),
    ]
    assert all("measured" in text for text in texts)
    assert "1,144 / 203 / 450" in texts[0]
    assert "272 864" in texts[2].replace("\N{NARROW NO-BREAK SPACE}", " ")


@pytest.mark.slow
def test_a_reference_comes_back_as_the_model_that_was_measured(
    smoke_study: Sweep, smoke_store: RunStore
) -> None:
    (reference,) = references_of(smoke_study, smoke_store)
    test = load_task("digits", "smoke")[1].test
    answers = reference.model().predict(test.x, verbose=0).argmax(axis=1)
    assert 100 * (answers == test.y).mean() == pytest.approx(
        reference.record["accuracy"].value, abs=0.3
    )
    assert len(reference.history["val_loss"]) == TASKS["digits"].budgets["smoke"].epochs
