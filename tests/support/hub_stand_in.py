"""A Hugging Face hub on a loopback port, so that the real client is tested without the internet.

It answers the four requests that a download makes (https://huggingface.co/docs/hub/api): a repository's info
at a revision, its file tree, and HEAD and GET of one file. And those of an upload: a new repository, a check of the
card, how each file is to be sent (always within the commit), and the commit. Not covered: access rights, redirects to
storage, xet, large files, paging.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """`repos` maps "models/owner/repo" or "datasets/owner/repo" to its files; each has one revision, "main".

    `asked` collects method and path of every request, `tokens` their authorization headers.
    """

    repos: dict[str, dict[str, bytes]]
    asked: list[str] = field(default_factory=list)
    tokens: set[str | None] = field(default_factory=set)
    endpoint: str = ""

    @contextmanager
    def serving(self) -> Iterator[Hub]:
        """Serve on a free port of 127.0.0.1 until the block ends; `endpoint` is its address."""
        hub = self

        class Handler(_Handler):
            """The handler of this hub."""

            served = hub

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    served: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.served.asked.append(f"{self.command} {path}")
        self.served.tokens.add(self.headers.get("authorization"))
        if call := re.fullmatch(r"/api/((?:models|datasets)/[^/]+/[^/]+)/(revision|tree)/([^/]+)/?", path):
            self._api(call[1], call[2], call[3])
        elif call := re.fullmatch(r"/(datasets/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._file((call[1] or "models/") + call[2], call[3], call[4])
        else:
            self._refuse("RepoNotFound")

    do_HEAD = do_GET

    def do_POST(self) -> None:
        path = unquote(urlsplit(self.path).path)
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.served.asked.append(f"{self.command} {path}")
        self.served.tokens.add(self.headers.get("authorization"))
        repo = "/".join(path.split("/")[2:5])
        if path == "/api/repos/create":
            made = json.loads(body)
            name = f"{made['organization']}/{made['name']}"
            self.served.repos.setdefault(f"{made.get('type', 'model')}s/{name}", {})
            self._give({"url": f"{self.served.endpoint}/datasets/{name}"})
        elif path == "/api/validate-yaml":
            self._give({"errors": [], "warnings": []})
        elif path == f"/api/{repo}/preupload/main":
            paths = [one["path"] for one in json.loads(body)["files"]]
            self._give({"files": [{"path": one, "uploadMode": "regular", "shouldIgnore": False} for one in paths]})
        elif path == f"/api/{repo}/commit/main" and repo in self.served.repos:
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    self.served.repos[repo][line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            self._give({"commitUrl": f"{self.served.endpoint}/{repo}/commit/{COMMIT}", "commitOid": COMMIT})
        else:
            self._refuse("RepoNotFound")

    def _known(self, repo: str, revision: str) -> bool:
        if repo not in self.served.repos:
            self._refuse("RepoNotFound")
        elif revision not in ("main", COMMIT):
            self._refuse("RevisionNotFound")
        else:
            return True
        return False

    def _api(self, repo: str, what: str, revision: str) -> None:
        if not self._known(repo, revision):
            return
        files = self.served.repos[repo]
        if what == "revision":
            names = [{"rfilename": name} for name in files]
            answer: object = {"id": repo.partition("/")[2], "sha": COMMIT, "siblings": names}
        else:
            answer = [
                {"type": "file", "path": name, "size": len(body), "oid": hashlib.sha1(body).hexdigest()}
                for name, body in files.items()
            ]
        self._give(answer)

    def _file(self, repo: str, revision: str, name: str) -> None:
        if not self._known(repo, revision):
            return
        body = self.served.repos[repo].get(name)
        if body is None:
            return self._refuse("EntryNotFound")
        etag = f'"{hashlib.sha1(body).hexdigest()}"'
        self._answer(200, body, {"ETag": etag, "X-Repo-Commit": COMMIT})

    def _give(self, answer: object) -> None:
        self._answer(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _refuse(self, code: str) -> None:
        self._answer(404, b"", {"X-Error-Code": code})

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing: the requests are in `asked`."""
