"""What is here: by download or by hand, told, fingerprinted, checked and removed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from local_web import BODY, CLIPS, Web, extracted, fails, names

from qnnlab.errors import DatasetError
from qnnlab.survey import load_table
from qnnlab.tasks.downloads import (
    MANIFEST,
    check_dataset,
    dataset_names,
    describe,
    downloads_folder,
    fingerprint,
    get_dataset,
    remove_dataset,
    still_to_download,
)

pytestmark = pytest.mark.usefixtures("data")


def test_an_archive_put_there_by_hand_needs_no_connection(data: Path) -> None:
    row = Web(url="http://127.0.0.1:1").row()
    downloads_folder().mkdir(parents=True)
    (downloads_folder() / row.name).write_bytes(BODY)
    assert still_to_download("clips", [row]) == 0

    def never(_: object) -> bool:
        raise AssertionError("asked")

    assert extracted(get_dataset("clips", confirm=never, files=[row])) == CLIPS


@pytest.mark.parametrize("content", [BODY[:-1], BODY + b"x", BODY[:-1] + b"\xff", b""])
def test_a_wrong_archive_by_hand_is_set_aside(content: bytes, data: Path) -> None:
    row = Web(url="http://127.0.0.1:1").row()
    downloads_folder().mkdir(parents=True)
    (downloads_folder() / row.name).write_bytes(content)
    assert "set aside as clips.tar.gz.bad" in fails(row)
    assert names(downloads_folder()) == ["clips.tar.gz.bad"]


def test_a_tree_put_there_by_hand_is_used_and_called_unverified(web: Web, data: Path) -> None:
    folder = data / "clips" / "yes"
    folder.mkdir(parents=True)
    (folder / "1.wav").write_bytes(b"abc")
    row = web.row()
    assert describe("clips", [row]).state == "by hand"
    assert get_dataset("clips", files=[row]) == data / "clips"
    assert web.asked == []
    first = fingerprint("clips", [row])
    assert re.fullmatch(r"clips:unverified:[0-9a-f]{16}", first)
    assert fingerprint("clips", [row]) == first
    (folder / "2.wav").write_bytes(b"abcd")
    (folder / "lost.wav").symlink_to(folder / "nowhere")
    assert fingerprint("clips", [row]) != first
    assert "3 files, 7 bytes, by hand: not verified" in check_dataset("clips", [row])[0]


def test_an_empty_folder_is_no_data_set(web: Web, data: Path) -> None:
    (data / "clips").mkdir(parents=True)
    assert extracted(get_dataset("clips", files=[web.row()])) == CLIPS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"files": [{}], "tree": ""}',
        '{"files": 3}',
        '{"files": [], "tree": ""}',
    ],
)
def test_a_manifest_that_can_not_be_read_makes_it_by_hand(text: str, web: Web, data: Path) -> None:
    get_dataset("clips", files=[web.row()])
    (data / "clips" / MANIFEST).write_text(text)
    assert describe("clips", [web.row()]).state == "by hand"
    assert ":unverified:" in fingerprint("clips", [web.row()])


def test_nothing_is_downloaded_against_the_will(web: Web) -> None:
    asked = []
    message = fails(web.row(), confirm=lambda found: bool(asked.append(found)))
    assert "not agreed" in message
    assert web.asked == []
    assert (asked[0].licence, asked[0].size) == ("CC0", len(BODY))
    get_dataset("clips", confirm=lambda _: True, files=[web.row()])


def test_check_finds_what_changed_and_get_mends_it(web: Web, data: Path) -> None:
    row = web.row()
    folder = get_dataset("clips", files=[row])
    assert len(check_dataset("clips", [row])) == 2
    (folder / "yes/3.wav").write_bytes(b"cut")
    with pytest.raises(DatasetError, match="makes it anew"):
        check_dataset("clips", [row])
    assert extracted(get_dataset("clips", files=[row])) == CLIPS
    archive = data / "downloads" / row.name
    archive.write_bytes(BODY[:-1] + bytes([BODY[-1] ^ 1]))
    with pytest.raises(DatasetError, match="wrong content"):
        check_dataset("clips", [row])
    remove_dataset("clips", archives_only=True, files=[row])
    assert "not kept" in check_dataset("clips", [row])[1]
    assert len(web.asked) == 1
    (folder / "yes/3.wav").unlink()
    assert still_to_download("clips", [row]) == len(BODY)


def test_remove_takes_everything_and_follows_no_link(web: Web, data: Path, tmp_path: Path) -> None:
    row = web.row()
    get_dataset("clips", files=[row])
    deleted = remove_dataset("clips", files=[row])
    assert deleted == [data / "clips", data / "downloads" / row.name]
    assert remove_dataset("clips", files=[row]) == []
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "1.wav").write_bytes(b"x")
    (data / "clips").symlink_to(elsewhere, target_is_directory=True)
    remove_dataset("clips", files=[row])
    assert not (data / "clips").exists()
    assert (elsewhere / "1.wav").exists()


def test_the_catalog_holds_what_a_download_needs() -> None:
    assert dataset_names() == load_table("datasets")["dataset"].unique().tolist()
    assert {"speech_commands", "cifar10", "coco2014", "toycar"} <= set(dataset_names())
    assert {"uci_har", "wisdm", "mitdb"} <= set(dataset_names())
    for name in dataset_names():
        found = describe(name)
        assert (found.state, found.to_download) == ("not here", found.size)
        assert found.licence_url.startswith("https://")
        assert found.room > found.size
        assert all(file.identity for file in found.files)
        assert fingerprint(name).startswith(f"{name}:")
    assert fingerprint("unknown") == "absent"


def test_an_unknown_data_set_names_the_nearest() -> None:
    with pytest.raises(DatasetError, match="did you mean cifar10"):
        get_dataset("cifar")
    with pytest.raises(DatasetError, match="`qnnlab data get mitdb` downloads it"):
        check_dataset("mitdb")


def test_importing_it_brings_neither_pooch_nor_pandas() -> None:
    code = (
        "import sys, qnnlab.tasks.downloads as d\n"
        "assert d.fingerprint\n"
        "assert not {'pooch', 'requests', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
