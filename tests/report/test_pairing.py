from __future__ import annotations

import json
from pathlib import Path

import pytest

from qnnlab.errors import ReportError
from qnnlab.report.pairing import out_of_step, paired_ipynb, sync

SOURCE = """\
# %% [markdown]
# # A title

# %% tags=["parameters"]
seed = 0

# %%
print(seed)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "01 odd.name.py").write_text(SOURCE, encoding="utf-8")
    return tmp_path


def test_paired_notebook_is_stable_and_keeps_the_parameters_tag(folder: Path) -> None:
    text = paired_ipynb(folder / "01 odd.name.py")
    assert text == paired_ipynb(folder / "01 odd.name.py")
    notebook = json.loads(text)
    assert [cell["id"] for cell in notebook["cells"]] == [f"01-odd-name-0{n}" for n in (1, 2, 3)]
    assert notebook["cells"][1]["metadata"] == {"tags": ["parameters"]}
    assert all(cell.get("outputs", []) == [] for cell in notebook["cells"])
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"


def test_long_names_give_valid_cell_ids(tmp_path: Path) -> None:
    source = tmp_path / f"{'n' * 100}.py"
    source.write_text(SOURCE, encoding="utf-8")
    ids = [cell["id"] for cell in json.loads(paired_ipynb(source))["cells"]]
    assert len(set(ids)) == 3
    assert max(map(len, ids)) <= 64


def test_sync_brings_notebooks_in_step(folder: Path) -> None:
    paired = folder / "01 odd.name.ipynb"
    assert out_of_step(folder) == [paired]
    assert sync(folder) == [paired]
    assert sync(folder) == []
    assert out_of_step(folder) == []
    (folder / "01 odd.name.py").write_text(SOURCE + "\n# %%\n1\n", encoding="utf-8")
    assert out_of_step(folder) == [paired]


def test_a_notebook_without_its_source_is_out_of_step(folder: Path) -> None:
    sync(folder)
    (folder / "old.ipynb").write_text("{}", encoding="utf-8")
    assert out_of_step(folder) == [folder / "old.ipynb"]


@pytest.mark.parametrize(
    "content",
    [b"print(1)\n", b"# %%\n\xff\n", b"# ---\n# jupyter:\n#   kernelspec: 3\n# ---\n# %%\n1\n"],
)
def test_bad_sources_are_named_and_nothing_is_written(folder: Path, content: bytes) -> None:
    (folder / "02_bad.py").write_bytes(content)
    with pytest.raises(ReportError, match=r"02_bad\.py") as caught:
        sync(folder)
    assert "\n" not in str(caught.value)
    assert list(folder.glob("*.ipynb")) == []
