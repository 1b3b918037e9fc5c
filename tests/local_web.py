"""A server on this machine that behaves and misbehaves, and one small data set on it."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from qnnlab.errors import DatasetError
from qnnlab.tasks.downloads import MANIFEST, downloads_folder, get_dataset
from qnnlab.tasks.transfers import DataFile

CLIPS = {f"yes/{n}.wav": np.random.default_rng(n).bytes(30_000) for n in range(8)}


def archive_of(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


BODY = archive_of(CLIPS)
SHA256 = hashlib.sha256(BODY).hexdigest()
MD5 = hashlib.md5(BODY).hexdigest()


@dataclass
class Web:
    """What the server does, and what it was asked for."""

    url: str = ""
    body: bytes = BODY
    status: int = 200
    ranges: bool = True
    drops: list[int] = field(default_factory=list)  # bytes after which each connection breaks
    length: bool = True
    pause_s: float = 0.0
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def row(self, **changes: object) -> DataFile:
        row = DataFile("clips", "clips.tar.gz", f"{self.url}/clips", len(BODY), "tar.gz")
        row = replace(row, sha256=SHA256, extracted_bytes=240_000, licence="CC0")
        return replace(row, **changes)  # type: ignore[arg-type]


def handler(web: Web) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            web.asked.append((self.path, asked))
            if self.path == "/gone" or web.status != 200:
                self.send_error(404 if self.path == "/gone" else web.status)
                return
            start = int(asked[6:-1]) if asked and web.ranges else 0
            if start >= len(web.body):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            if start:
                last = len(web.body) - 1
                self.send_header("Content-Range", f"bytes {start}-{last}/{len(web.body)}")
            if web.length:
                self.send_header("Content-Length", str(len(web.body) - start))
            self.end_headers()
            stop = start + web.drops.pop(0) if web.drops else len(web.body)
            with suppress(ConnectionError):
                for place in range(start, min(stop, len(web.body)), 8192):
                    self.wfile.write(web.body[place : min(place + 8192, stop)])
                    time.sleep(web.pause_s)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def fails(row: DataFile, **options: object) -> str:
    with pytest.raises(DatasetError) as error:
        get_dataset("clips", files=[row], **options)  # type: ignore[arg-type]
    message = str(error.value)
    assert "\n" not in message
    assert not (downloads_folder().parent / "clips").exists()
    assert not list(downloads_folder().parent.glob(".*"))
    return message


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def extracted(folder: Path) -> dict[str, bytes]:
    found = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.wav")}
    assert (folder / MANIFEST).is_file()
    return found


@contextmanager
def serving() -> Iterator[Web]:
    """A running server."""
    web = Web()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(web))
    server.daemon_threads = True
    web.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield web
    server.shutdown()
    server.server_close()
    thread.join()
