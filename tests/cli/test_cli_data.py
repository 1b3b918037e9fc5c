"""`qnnlab data`, with a catalog of one small file that a server on this machine gives."""

from __future__ import annotations

import hashlib
import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from qnnlab import tasks
from qnnlab.errors import DatasetError
from qnnlab.tasks import downloads
from qnnlab.tasks.transfers import DataFile

Call = Callable[..., tuple[int, str, str]]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def _zip() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("set/1.txt", "one")
    return stream.getvalue()


BODY = _zip()
ABOUT = {
    "size": len(BODY),
    "archive": "zip",
    "licence": "CC [BY] 4.0",
    "licence_url": "https://example.org/licence",
    "citation": "Somebody 2020",
    "note": "small",
}


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("QNNLAB_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture(autouse=True)
def served(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Two data sets; what lies in the folder is what the server has."""
    folder = tmp_path / "served"
    folder.mkdir()
    for name in ("alpha.zip", "beta.zip"):
        (folder / name).write_bytes(BODY)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    digest = hashlib.sha256(BODY).hexdigest()
    rows = {
        "alpha": (DataFile("alpha", "alpha.zip", f"{url}/alpha.zip", sha256=digest, **ABOUT),),
        "beta": (DataFile("beta", "beta.zip", f"{url}/beta.zip", **ABOUT),),
    }
    used = {
        name: SimpleNamespace(name=name, dataset=dataset)
        for name, dataset in (
            ("walk", None),
            ("walk.alpha", "alpha"),
            ("walk.beta", "beta"),
            ("run.beta", "beta"),
        )
    }
    monkeypatch.setattr(downloads, "_catalog", lambda: rows)
    monkeypatch.setattr(tasks, "TASKS", used)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield folder
    server.shutdown()
    server.server_close()
    thread.join()


def _listed(call: Call) -> dict[str, dict[str, object]]:
    code, out, _ = call("data", "list", "--json")
    assert code == 0
    return {entry["dataset"]: entry for entry in json.loads(out)}


def test_list_says_who_uses_what_and_what_is_here(call: Call, data: Path) -> None:
    listed = _listed(call)
    assert listed["alpha"]["tasks"] == ["walk.alpha"]
    assert listed["beta"]["tasks"] == ["walk.beta", "run.beta"]
    assert {entry["state"] for entry in listed.values()} == {"not here"}
    assert listed["alpha"]["bytes"] == len(BODY)
    call("data", "get", "walk", "--yes")
    listed = _listed(call)
    assert (listed["alpha"]["state"], listed["alpha"]["verified"]) == ("here", "catalog")
    assert (listed["beta"]["state"], listed["beta"]["verified"]) == ("here", "first use")
    (data / "alpha/.qnnlab.json").unlink()
    assert _listed(call)["alpha"]["state"] == "by hand"
    out = call("data", "list")[1]
    assert "walk.beta, run.beta" in out
    assert "CC [BY] 4.0" in out
    assert "by hand" in out
    assert out.endswith(f"{data}\n")


def test_a_half_done_download_is_listed(call: Call, data: Path) -> None:
    (data / "downloads").mkdir(parents=True)
    (data / "downloads/alpha.zip.part").write_bytes(BODY[: len(BODY) // 2])
    assert "not here (50% downloaded)" in call("data", "list")[1]


def test_get_tells_licence_size_and_place_and_does_it(call: Call, data: Path) -> None:
    code, out, err = call("data", "get", "alpha", "--yes")
    assert (code, err) == (0, "")
    for words in ("CC [BY] 4.0 (https://example.org", "0.0 MiB", f"{data / 'alpha'}", "Somebody"):
        assert words in out
    assert (data / "alpha/set/1.txt").read_text() == "one"
    assert call("data", "get", "alpha") == (0, f"{data / 'alpha'}\n", "")


def test_a_file_without_a_checksum_is_called_that(call: Call) -> None:
    assert "checksum  none is published" in call("data", "get", "run.beta", "--yes")[1]


@pytest.mark.parametrize(
    ("name", "got"),
    [("walk", ["alpha", "beta"]), ("walk.beta", ["beta"]), ("run", ["beta"]), ("alpha", ["alpha"])],
)
def test_a_task_means_its_data_sets(call: Call, data: Path, name: str, got: list[str]) -> None:
    assert call("data", "get", name, "--yes")[0] == 0
    here = {path.name for path in data.iterdir()} - {"downloads"}
    assert sorted(here) == got


def test_without_a_terminal_nothing_is_downloaded(call: Call, data: Path) -> None:
    code, _, err = call("data", "get", "alpha")
    assert code == 2
    assert "`qnnlab data get alpha --yes`" in err
    assert err.count("\n") == 1
    assert not data.exists()


@pytest.mark.parametrize(("answer", "code"), [(True, 0), (False, 1)])
def test_on_a_terminal_it_asks(
    call: Call, data: Path, monkeypatch: pytest.MonkeyPatch, answer: bool, code: int
) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("click.confirm", lambda _: answer)
    assert call("data", "get", "alpha")[0] == code
    assert (data / "alpha").exists() == answer
    assert call("data", "remove", "alpha")[0] == code
    assert not (data / "alpha").exists()


def test_an_archive_by_hand_needs_neither_consent_nor_connection(
    call: Call, data: Path, served: Path
) -> None:
    (served / "alpha.zip").unlink()
    (data / "downloads").mkdir(parents=True)
    (data / "downloads/alpha.zip").write_bytes(BODY)
    assert call("data", "get", "alpha") == (0, f"{data / 'alpha'}\n", "")


def test_a_tree_by_hand_is_left_alone(call: Call, data: Path) -> None:
    (data / "alpha").mkdir(parents=True)
    (data / "alpha/1.txt").write_text("mine")
    code, out, _ = call("data", "get", "alpha", "--yes")
    assert code == 0
    assert "by hand" in out
    assert "1 files, 4 bytes, by hand: not verified" in call("data", "check")[1]


def test_check_path_and_remove(call: Call, data: Path) -> None:
    assert call("data", "check") == (0, "no data set is here\n", "")
    assert call("data", "path") == (0, f"{data}\n", "")
    call("data", "get", "walk", "--yes")
    code, out, _ = call("data", "check")
    assert code == 0
    assert out.count("SHA-256") == 2
    assert call("data", "path", "walk.alpha")[1] == f"{data / 'alpha'}\n"
    out = call("data", "remove", "alpha", "--archive", "--yes")[1]
    assert out == f"{data / 'downloads/alpha.zip'}\n"
    assert (data / "alpha").is_dir()
    assert call("data", "remove", "walk", "--yes")[0] == 0
    assert {path.name for path in data.iterdir()} == {"downloads"}
    assert "nothing of alpha" in call("data", "remove", "alpha", "--yes")[1]
    assert call("data", "remove", "alpha")[0] == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("get", "alhpa"), "did you mean alpha"),
        (("get", "walk.gamma"), "did you mean walk.alpha"),
        (("check", "alpha"), "`qnnlab data get alpha` downloads it"),
        (("path", "alpha"), "`qnnlab data get alpha` downloads it"),
        (("remove", "../etc"), "unknown data set"),
    ],
)
def test_a_wrong_request_is_one_line(call: Call, arguments: tuple[str, ...], words: str) -> None:
    code, out, err = call("data", *arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1


def test_damage_is_one_line_and_exit_code_two(call: Call, data: Path, served: Path) -> None:
    (served / "alpha.zip").write_bytes(BODY[:-1] + b"x")
    code, _, err = call("data", "get", "alpha", "--yes")
    assert code == 2
    assert "wrong content" in err
    assert err.count("\n") == 1
    assert not (data / "alpha").exists()


def test_broken_data_of_ones_own_does_not_hide_the_list(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(dict[str, object]):
        # It never returns, so what it would return does not matter.
        def values(self) -> object:  # type: ignore[override]
            raise DatasetError("own data is damaged")

    monkeypatch.setattr(tasks, "TASKS", Broken())
    assert set(_listed(call)) == {"alpha", "beta"}
    assert call("data", "get", "alpha", "--yes")[0] == 0


def test_help_has_examples(call: Call) -> None:
    for command in ("list", "get", "check", "path", "remove"):
        code, out, _ = call("data", command, "--help")
        assert code == 0
        assert "Examples:" in out
