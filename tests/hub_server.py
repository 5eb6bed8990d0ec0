"""A hub on this machine: enough of its protocol that huggingface_hub works with it unchanged."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """Serves folders as models.

    Attributes
    ----------
    models : dict of str to Path
        Folders by hub id.
    gated : set of str
        Ids that ask for consent.
    asked : list of str
        Method and path of every request.
    pause : float
        Seconds to wait after each piece of a file that is sent.
    """

    def __init__(self, models: dict[str, Path]) -> None:
        self.models = models
        self.gated: set[str] = set()
        self.asked: list[str] = []
        self.pause = 0.0
        self.url = ""

    def sent(self) -> list[str]:
        """Return the files that were downloaded, without their model."""
        paths = [path for method, path in map(str.split, self.asked) if method == "GET"]
        return sorted(path.split("/", 5)[5] for path in paths if "/resolve/" in path)


@contextmanager
def serve(hub: Hub) -> Iterator[Hub]:
    """Answer for a hub on a free port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, *, body: bool) -> None:
            path = unquote(urlsplit(self.path).path)
            hub.asked.append(f"{self.command} {path}")
            pieces = path.strip("/").split("/")
            if pieces[:2] == ["api", "models"]:
                self.about("/".join(pieces[2:4]), pieces[5] if pieces[4:5] == ["revision"] else "main")
            elif pieces[2:3] == ["resolve"]:
                self.file("/".join(pieces[:2]), pieces[3], "/".join(pieces[4:]), body)
            else:
                self.refuse(404, "EntryNotFound")

        def refuse(self, status: int, code: str) -> None:
            self.send_response(status)
            self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def refused(self, repo: str, revision: str) -> bool:
            if repo not in hub.models:
                self.refuse(404, "RepoNotFound")
            elif repo in hub.gated:
                self.refuse(403, "GatedRepo")
            elif revision not in ("main", "v1", COMMIT):
                self.refuse(404, "RevisionNotFound")
            else:
                return False
            return True

        def about(self, repo: str, revision: str) -> None:
            if self.refused(repo, revision):
                return
            folder = hub.models[repo]
            files = sorted(file for file in folder.rglob("*") if file.is_file())
            listed = [
                {"rfilename": f.relative_to(folder).as_posix(), "size": f.stat().st_size} for f in files
            ]
            text = json.dumps({"id": repo, "modelId": repo, "sha": COMMIT, "siblings": listed}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def file(self, repo: str, revision: str, name: str, body: bool) -> None:
            if self.refused(repo, revision):
                return
            file = hub.models[repo] / name
            if not file.is_file():
                self.refuse(404, "EntryNotFound")
                return
            data = file.read_bytes()
            start = int(self.headers.get("Range", "bytes=0-")[6:].split("-")[0])
            self.send_response(206 if start else 200)
            self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Accept-Ranges", "bytes")
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            step = 1_000_000 if hub.pause else len(data)
            for at in range(start, len(data) if body else 0, step):
                try:
                    self.wfile.write(data[at : at + step])
                except OSError:
                    return  # the one who asked has gone
                time.sleep(hub.pause)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


def reach(hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process and those that it starts use a hub, with a cache of its own."""
    from huggingface_hub import constants

    template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
    for name, value in (("HF_ENDPOINT", hub.url), ("HF_HUB_CACHE", str(cache)), ("HF_HUB_OFFLINE", "0")):
        monkeypatch.setenv(name, value)
    for name, set_to in (
        ("ENDPOINT", hub.url),
        ("HUGGINGFACE_CO_URL_TEMPLATE", template),
        ("HF_HUB_CACHE", str(cache)),
        ("HF_HUB_OFFLINE", False),
    ):
        monkeypatch.setattr(constants, name, set_to)
