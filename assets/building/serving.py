"""Serves the Dagster UI and reloads its definitions whenever the recipe changes."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import yaml

from warehouse.core.errors import UserError

LOCATION = "slingshot"
CODE_SERVER = "code server"
SECONDS_BETWEEN_CHECKS = 1.0
SECONDS_TO_STOP = 20.0


class ServerStopped(UserError):
    """One of the processes of the UI has stopped."""


def serve(
    home: Path, folder: Path, port: int, automatic: bool, state: Callable[[], str], report: Callable[[str], None]
) -> None:
    """Serves the module `definitions` in `home` on 127.0.0.1:`port` until SIGINT or SIGTERM.

    `folder` is Dagster's home. With `automatic`, Dagster's daemon also runs and evaluates automation conditions.
    `state` returns the content of the recipe and raises UserError if it cannot be read; when the content changes, the
    definitions are reloaded. `report` gets a message at each reload. The output of runs goes to
    `folder`/code_server.log. Raises ServerStopped.
    """
    code_port = _free_port()
    workspace = folder / "workspace.yaml"
    server = {"host": "127.0.0.1", "port": code_port, "location_name": LOCATION}
    workspace.write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}), encoding="utf-8")
    code = ["-m", "definitions", "-d", str(home), "-h", "127.0.0.1", "-p", str(code_port)]
    commands = {
        CODE_SERVER: ["dagster", "code-server", "start", *code, "--log-level", "warning"],
        "web server": ["dagster_webserver", "-h", "127.0.0.1", "-p", str(port), "-w", str(workspace)],
    }
    if automatic:
        commands["daemon"] = ["dagster._daemon", "run", "-w", str(workspace), "--log-level", "warning"]
    signal.signal(signal.SIGTERM, _leave)
    with _running(commands, home, folder) as processes:
        known = state()
        while True:
            time.sleep(SECONDS_BETWEEN_CHECKS)
            _check_running(processes, folder)
            try:
                now, good = state(), True
            except UserError as error:
                now, good = str(error), False
            if now == known or (good and not _reload(port)):
                continue
            known = now
            report(
                "the recipe has changed; the UI shows what is stale" if good else f"{now}\nthe UI keeps the last recipe"
            )


def _check_running(processes: Mapping[str, subprocess.Popen[bytes]], folder: Path) -> None:
    for name, process in processes.items():
        if process.poll() is not None:
            place = f"in {folder / 'code_server.log'}" if name == CODE_SERVER else "above"
            raise ServerStopped(f"the {name} has stopped with exit status {process.returncode}; its output is {place}")


def _reload(port: int) -> bool:
    """Whether the webserver has reloaded the definitions; False while it is still starting."""
    from dagster_graphql import DagsterGraphQLClient, DagsterGraphQLClientError, ReloadRepositoryLocationStatus

    try:
        answer = DagsterGraphQLClient("127.0.0.1", port_number=port).reload_repository_location(LOCATION)
    except DagsterGraphQLClientError:
        return False
    return answer.status == ReloadRepositoryLocationStatus.SUCCESS


@contextmanager
def _running(
    commands: Mapping[str, Sequence[str]], home: Path, folder: Path
) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    processes: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, command in commands.items():
            # The code server prints every event of its runs, and the UI shows these as well.
            out = (folder / "code_server.log").open("wb") if name == CODE_SERVER else None
            processes[name] = subprocess.Popen([sys.executable, "-m", *command], cwd=home, stdout=out, stderr=out)
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


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
