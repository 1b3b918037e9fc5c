from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from notebook_cells import code_cell, markdown_cell, shown, write_notebook

from qnnlab.report.exhibits import Figure, Provenance, Table
from qnnlab.report.notebooks import import_nbformat
from qnnlab.report.site import ExecutedNotebook, FailedRun, IndexContext, KeyFigure
from qnnlab.values import Value

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20" viewBox="0 0 40 20">'
    '<rect width="40" height="20" fill="#0072B2"/></svg>'
)
HOSTILE = "<script>alert(1)</script> & co"
ACCURACY = Provenance("accuracy", "%", "measured", "LiteRT 2.3.0")
FLASH = Provenance("flash", "kB", "quoted", "Table II of arXiv:2508.15008")


@pytest.fixture
def pages(tmp_path: Path) -> list[ExecutedNotebook]:
    frame = pd.DataFrame({"method": ["ptq", HOSTILE], "accuracy": [91.25, None]})
    table = Table(
        frame,
        "All runs.",
        [ACCURACY],
        units={"accuracy": "%"},
        reasons={(1, "accuracy"): "the run failed"},
    )
    picture = Figure(SVG, "Accuracy by method.", [ACCURACY, FLASH], alt="a blue box")
    v4 = import_nbformat().v4
    first = write_notebook(
        tmp_path / "01_first.ipynb",
        markdown_cell("# First\n\nA real $x$ becomes $q$; see [next](02_second.ipynb#costs)."),
        code_cell("profile = 'small'", tags=("parameters",)),
        code_cell("# Parameters\nprofile = 'full'\n", tags=("injected-parameters",)),
        markdown_cell("## Method\n\n$$s = \\frac{1}{2^b - 1}$$"),
        code_cell(
            "print('secretword')",
            v4.new_output("stream", name="stdout", text="a streamed line <b>\n"),
            v4.new_output("stream", name="stderr", text="chatter of a library\n"),
        ),
        code_cell("", shown(picture), shown(table)),
        code_cell(
            "1/0", v4.new_output("stream", name="stdout", text="hidden words"), tags=("hide",)
        ),
    )
    second = write_notebook(
        tmp_path / "02_second.ipynb",
        markdown_cell("# Second\n\n## Costs\n\nOn the web: [arXiv](https://arxiv.org)."),
        code_cell("", shown(picture)),
    )
    return [
        ExecutedNotebook("01_first", "First page", first),
        ExecutedNotebook("02_second", "Second page", second),
    ]


@pytest.fixture
def index() -> IndexContext:
    smallest = Value("arena", 4312, "B", "measured", "TFLM")
    missing = Value("energy", None, "mJ", "quoted", "Table IV", "the survey gives none")
    return IndexContext(
        title="A reproduction",
        lead="One paragraph.\n\nAnother one.",
        version="0.1.0",
        commit="abc1234",
        profile="small",
        date=date(2026, 1, 2),
        key_figures=[KeyFigure("Smallest arena", smallest), KeyFigure("Energy", missing)],
        provenance={"Seeds": "0, 1"},
        failures=[FailedRun(f"kws/{HOSTILE}", "ran past its limit")],
    )
