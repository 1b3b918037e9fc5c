"""Transfers, verification and extraction, from a server on this machine."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from local_web import BODY, CLIPS, MD5, SHA256, Web, archive_of, extracted, fails, names

from qnnlab.errors import DatasetError, MissingExtra
from qnnlab.steps import listening
from qnnlab.tasks import downloads, transfers
from qnnlab.tasks.downloads import (
    MANIFEST,
    check_dataset,
    describe,
    downloads_folder,
    fingerprint,
    get_dataset,
    remove_dataset,
    still_to_download,
)
from qnnlab.tasks.transfers import first_use_record, part_of

pytestmark = pytest.mark.usefixtures("data")


def test_downloaded_verified_extracted_and_noted(web: Web, data: Path) -> None:
    row, told = web.row(md5=MD5), []
    assert describe("clips", [row]).state == "not here"
    with listening(lambda what, share: told.append((what, share))):
        folder = get_dataset("clips", files=[row])
    assert folder == data / "clips"
    assert extracted(folder) == CLIPS
    (entry,) = json.loads((folder / MANIFEST).read_text())["files"]
    assert (entry["url"], entry["bytes"], entry["sha256"]) == (row.url, len(BODY), SHA256)
    assert (entry["verified"], entry["file"]) == ("catalog", row.name)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", entry["date"])
    assert {what.split()[0] for what, _ in told} == {"download", "verify", "extract"}
    assert ("download clips.tar.gz", 1.0) in told
    found = describe("clips", [row])
    assert (found.state, found.verified, found.to_download) == ("here", "catalog", 0)
    assert names(data / "downloads") == ["clips.tar.gz"]
    assert get_dataset("clips", files=[row]) == folder
    assert len(web.asked) == 1


def test_a_broken_connection_is_taken_up_in_the_same_call(web: Web) -> None:
    web.drops = [50_000, 70_000]
    assert extracted(get_dataset("clips", files=[web.row()])) == CLIPS
    assert [asked for _, asked in web.asked] == [None, "bytes=50000-", "bytes=120000-"]


@pytest.mark.parametrize("length", [True, False])
def test_what_came_before_a_failure_is_kept_for_the_next_call(web: Web, length: bool) -> None:
    web.drops, web.length = [60_000, 0], length
    message = fails(web.row())
    assert f"60,000 of {len(BODY):,} bytes are kept" in message
    assert "`qnnlab data get clips` goes on" in message
    assert still_to_download("clips", [web.row()]) == len(BODY) - 60_000
    get_dataset("clips", files=[web.row()])
    assert web.asked[-1] == ("/clips", "bytes=60000-")


def test_a_server_without_ranges_starts_over(web: Web) -> None:
    web.ranges, web.drops = False, [60_000, 0]
    fails(web.row())
    assert extracted(get_dataset("clips", files=[web.row()])) == CLIPS


def test_a_killed_download_goes_on(web: Web, data: Path) -> None:
    web.pause_s = 0.05
    row = web.row()
    code = (
        "from qnnlab.tasks.downloads import get_dataset\n"
        "from qnnlab.tasks.transfers import DataFile\n"
        f"get_dataset('clips', files=[{row!r}])\n"
    )
    part = part_of(data / "downloads" / row.name)
    with subprocess.Popen([sys.executable, "-c", code], env=dict(os.environ)) as process:
        while not part.exists() or part.stat().st_size < 30_000:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    have = part.stat().st_size
    assert 0 < have < len(BODY)
    web.pause_s = 0
    assert extracted(get_dataset("clips", files=[row])) == CLIPS
    assert web.asked[-1][1] == f"bytes={have}-"
    assert names(data / "downloads") == [row.name]


def test_the_mirror_is_asked_after_the_address(web: Web) -> None:
    row = web.row(url=f"{web.url}/gone", mirror_url=f"{web.url}/clips")
    assert extracted(get_dataset("clips", files=[row])) == CLIPS
    assert [path for path, _ in web.asked] == ["/gone", "/clips"]


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_a_server_that_refuses(web: Web, status: int) -> None:
    web.status = status
    assert f"{web.url}/clips: HTTP status {status}" in fails(web.row())


def test_without_a_connection_the_way_by_hand_is_told(data: Path) -> None:
    row = Web(url="http://127.0.0.1:1").row()
    message = fails(row)
    assert message.startswith("clips.tar.gz can't be downloaded: http://127.0.0.1:1/clips")
    assert "offline" in message
    assert f"put it into {data / 'downloads'} by hand" in message


def test_wrong_content_is_set_aside_and_never_used(web: Web, data: Path) -> None:
    web.body = bytes([BODY[0] ^ 1]) + BODY[1:]
    message = fails(web.row())
    assert f"SHA-256 {hashlib.sha256(web.body).hexdigest()}, {SHA256} expected" in message
    assert names(data / "downloads") == ["clips.tar.gz.bad"]
    web.body = BODY
    assert extracted(get_dataset("clips", files=[web.row()])) == CLIPS


def test_an_md5_is_enough_and_is_compared(web: Web) -> None:
    row = web.row(sha256=None, md5=MD5)
    assert fingerprint("clips", [row]) == f"clips:md5:{MD5}"
    get_dataset("clips", files=[row])
    assert describe("clips", [row]).verified == "catalog"
    assert fingerprint("clips", [row]) == f"clips:md5:{MD5}"
    remove_dataset("clips", files=[row])
    assert "MD5" in fails(web.row(sha256=None, md5="0" * 32))


@pytest.mark.parametrize(("more", "length"), [(b"x", True), (b"x", False), (b"", True)])
def test_a_file_of_another_size_is_refused(web: Web, more: bytes, length: bool) -> None:
    web.body, web.length = BODY[:1000] if not more else BODY + more, length
    message = fails(web.row())
    assert re.search(rf"{len(BODY):,} (bytes )?expected", message)


def test_the_first_download_is_trusted_and_the_next_compared(web: Web, data: Path) -> None:
    row = web.row(sha256=None)
    assert fingerprint("clips", [row]) == "absent"
    get_dataset("clips", files=[row])
    assert describe("clips", [row]).verified == "first use"
    assert fingerprint("clips", [row]) == f"clips:{SHA256}"
    assert "as the first download says" in check_dataset("clips", [row])[1]
    remove_dataset("clips", files=[row])
    record = first_use_record(data / "downloads" / row.name)
    assert names(data / "downloads") == [record.name]
    web.body = archive_of({**CLIPS, "yes/0.wav": CLIPS["yes/0.wav"][::-1]})
    web.body += b"\0" * (len(BODY) - len(web.body))
    other = replace(row, size=len(web.body))
    assert "SHA-256 of the first download" in fails(other)
    record.write_text("nonsense")
    assert "delete it to trust" in fails(other)
    record.unlink()
    web.body = BODY
    assert extracted(get_dataset("clips", files=[row])) == CLIPS


def test_a_first_download_that_is_no_archive_is_not_trusted(web: Web, data: Path) -> None:
    web.body = bytes(len(BODY))
    assert "set aside as clips.tar.gz.bad" in fails(web.row(sha256=None))
    assert names(data / "downloads") == ["clips.tar.gz.bad"]


def test_room_is_looked_at_first(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=len(BODY) + 1))
    message = fails(web.row())
    assert f"needs {len(BODY) + 240_000:,} bytes" in message
    assert web.asked == []


def test_a_folder_that_can_not_be_written(web: Web, data: Path) -> None:
    data.parent.mkdir(exist_ok=True)
    data.write_text("a file where a folder should be")
    with pytest.raises(DatasetError, match="QNNLAB_DATA"):
        get_dataset("clips", files=[web.row()])


def test_a_full_disk_keeps_what_came(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "clips")

    monkeypatch.setattr(downloads, "extract", full)
    assert "clips: No space left on device" in fails(web.row())
    assert names(downloads_folder()) == ["clips.tar.gz"]


def test_a_second_process_waits_its_turn(web: Web, data: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    (data / "downloads").mkdir(parents=True)
    with part_of(data / "downloads/clips.tar.gz").open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert "another process" in fails(web.row())
    get_dataset("clips", files=[web.row()])


def test_unsafe_archives_leave_nothing(web: Web) -> None:
    web.body = archive_of({"../evil.txt": b"x"})
    digest = hashlib.sha256(web.body).hexdigest()
    message = fails(web.row(size=len(web.body), sha256=digest))
    assert "'../evil.txt' is a path outside" in message


def test_a_bomb_against_the_catalog(web: Web) -> None:
    web.body = archive_of({"zeros": bytes(80 << 20)})
    digest = hashlib.sha256(web.body).hexdigest()
    row = web.row(size=len(web.body), sha256=digest, extracted_bytes=1000)
    assert "unpacks to more than" in fails(row)


def test_without_the_libraries_the_extra_is_named(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(MissingExtra, match=r"qnnlab\[datasets\]"):
        get_dataset("clips", files=[web.row()])


@given(pieces=st.lists(st.integers(1, 100_000), max_size=5))
def test_any_way_of_breaking_gives_the_same_bytes(
    pieces: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """However a transfer is cut, what gathers is the file."""
    part = tmp_path_factory.mktemp("parts") / "a.part"
    web = Web()
    row = web.row()

    class Reply:
        def __init__(self, start: int) -> None:
            self.status_code = 206 if start else 200
            last = len(BODY) - 1
            self.headers = {"Content-Range": f"bytes {start}-{last}/{len(BODY)}"}
            self.start, self.raw = start, self

        def __enter__(self) -> Reply:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def stream(self, *_: object, **__: object) -> Iterator[bytes]:
            stop = self.start + pieces.pop(0) if pieces else len(BODY)
            yield BODY[self.start : stop]

    def get(_url: str, headers: dict[str, str], **_: object) -> Reply:
        return Reply(int(headers.get("Range", "bytes=0-")[6:-1]))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("requests.get", get)
        transfers._transfer(row, row.url, part)
    assert part.read_bytes() == BODY
