"""Serves the Dagster UI and reloads its definitions whenever the recipe changes."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import httpx2
import yaml

from assets.building import guard, lifeline
from assets.building.listening import HOST, listening
from warehouse.core.errors import UserError

LOCATION = "slingshot"
CODE_SERVER = "code server"
WEB_SERVER = "web server"
SECONDS_BETWEEN_CHECKS = 1.0
SECONDS_TO_STOP = 20.0
SECONDS_TO_RELOAD = 300.0

RELOAD = """
mutation Reload($name: String!) {
  reloadRepositoryLocation(repositoryLocationName: $name) {
    ... on WorkspaceLocationEntry { locationOrLoadError { __typename } }
  }
}
"""


class ServerStopped(UserError):
    """One of the processes of the UI has stopped."""


def serve(
    home: Path, folder: Path, port: int, automatic: bool, state: Callable[[], str], report: Callable[[str], None]
) -> None:
    """Serves the module `definitions` in `home` on 127.0.0.1:`port` (0: any free one) until SIGINT or SIGTERM.

    `folder` is Dagster's home. With `automatic`, Dagster's daemon also runs and evaluates automation conditions.
    `state` returns the content of the recipe and raises UserError if it cannot be read; when the content changes, the
    definitions are reloaded. `report` gets the UI's address, which has a token that is made at each start (see Guard),
    and a message at each reload. The output of runs goes to `folder`/code_server.log.

    The port of the web server is the only one. The code server would run whatever anybody asks at its port, so it has a
    socket in a folder of this user instead. All processes end with this one, also if it is killed; a run in progress
    goes on. Raises ServerStopped and PortTaken.
    """
    signal.signal(signal.SIGTERM, _leave)
    token = secrets.token_urlsafe(32)
    with (
        tempfile.TemporaryDirectory(prefix="slingshot-", ignore_cleanup_errors=True) as private,
        listening(port) as listener,
    ):
        port = listener.getsockname()[1]
        code_socket = str(Path(private) / "code.sock")
        workspace = Path(private) / "workspace.yaml"
        server = {"socket": code_socket, "location_name": LOCATION}
        workspace.write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}), encoding="utf-8")
        code = ["-m", "definitions", "-d", str(home), "-s", code_socket]
        commands = {
            CODE_SERVER: ["dagster", "code-server", "start", *code, "--log-level", "warning"],
            WEB_SERVER: ["assets.building.web_server", str(listener.fileno()), str(workspace), code_socket],
        }
        if automatic:
            commands["daemon"] = ["dagster._daemon", "run", "-w", str(workspace), "--log-level", "warning"]
        with _running(commands, home, folder, listener, token) as processes:
            listener.close()
            report(f"the UI is at http://{HOST}:{port}/?token={token}")
            _follow(processes, folder, state, lambda: _reload(port, token), report)


def _follow(
    processes: Mapping[str, subprocess.Popen[bytes]],
    folder: Path,
    state: Callable[[], str],
    reload: Callable[[], bool],
    report: Callable[[str], None],
) -> None:
    known = state()
    while True:
        time.sleep(SECONDS_BETWEEN_CHECKS)
        _check_running(processes, folder)
        try:
            now, good = state(), True
        except UserError as error:
            now, good = str(error), False
        if now == known or (not reload() and good):
            continue
        known = now
        report("the recipe has changed; the UI shows what is stale" if good else f"{now}\nthe UI keeps the last recipe")


def _check_running(processes: Mapping[str, subprocess.Popen[bytes]], folder: Path) -> None:
    for name, process in processes.items():
        if process.poll() is not None:
            place = f"in {folder / 'code_server.log'}" if name == CODE_SERVER else "above"
            raise ServerStopped(f"the {name} has stopped with exit status {process.returncode}; its output is {place}")


def _reload(port: int, token: str) -> bool:
    """Whether the web server has reloaded the definitions; False while it is still starting."""
    try:
        # Neither a proxy nor a password file of the environment may get or replace the token.
        answer = httpx2.post(
            f"http://{HOST}:{port}/graphql",
            json={"query": RELOAD, "variables": {"name": LOCATION}},
            headers={"Authorization": f"Bearer {token}"},
            timeout=SECONDS_TO_RELOAD,
            trust_env=False,
        ).json()
    except (httpx2.HTTPError, ValueError):
        return False
    entry = (answer.get("data") or {}).get("reloadRepositoryLocation") or {}
    return (entry.get("locationOrLoadError") or {}).get("__typename") == "RepositoryLocation"


@contextmanager
def _running(
    commands: Mapping[str, Sequence[str]], home: Path, folder: Path, listener: socket.socket, token: str
) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    processes: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, command in commands.items():
            # The code server prints every event of its runs, and the UI shows these as well.
            out = (folder / "code_server.log").open("wb") if name == CODE_SERVER else None
            processes[name] = subprocess.Popen(
                [sys.executable, "-m", lifeline.MODULE, *command],
                cwd=home,
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=out,
                pass_fds=[listener.fileno()] if name == WEB_SERVER else [],
                env=os.environ | ({guard.TOKEN: token} if name == WEB_SERVER else {}),
            )
        yield processes
    except KeyboardInterrupt:
        return
    finally:
        for process in processes.values():
            process.terminate()
        deadline = time.monotonic() + SECONDS_TO_STOP
        for process in processes.values():
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()


def _leave(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt
