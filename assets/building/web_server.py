"""Dagster's web server behind the guard: `python -m assets.building.web_server LISTENER WORKSPACE CODE`.

LISTENER is the descriptor of a listening socket, WORKSPACE the path of Dagster's workspace file, CODE the path of the
code server's socket. The token is read from the environment, which other users cannot see, unlike the command line.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

import uvicorn
from dagster import DagsterInstance
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._utils.log import configure_loggers
from dagster_webserver.app import create_app_from_workspace_process_context
from dagster_webserver.cli import DEFAULT_DB_STATEMENT_TIMEOUT, DEFAULT_POOL_MAX_OVERFLOW, DEFAULT_POOL_RECYCLE
from dagster_webserver.version import __version__

from assets.building.guard import TOKEN, Guard

FIRST_PAGE = "/asset-groups"
"""The whole graph. The page that Dagster opens first shows runs, and is empty after builds of the command."""

SECONDS_BETWEEN_POLLS = 2
SECONDS_TO_STOP = 2


def main(listener: socket.socket, workspace: str, code: Path, token: str) -> None:
    """Serves until SIGINT or SIGTERM, with the settings of Dagster's own command.

    Waits for the code server first, since Dagster prints a stack trace where it is not there yet. Until then, requests
    wait in the listener.
    """
    while not code.exists():
        time.sleep(0.1)
    configure_loggers(log_level="WARNING")
    with DagsterInstance.get() as instance:
        instance.optimize_for_webserver(DEFAULT_DB_STATEMENT_TIMEOUT, DEFAULT_POOL_RECYCLE, DEFAULT_POOL_MAX_OVERFLOW)
        target = WorkspaceFileTarget([workspace])
        with WorkspaceProcessContext(instance, version=__version__, workspace_load_target=target) as context:
            app = create_app_from_workspace_process_context(context, live_data_poll_rate=SECONDS_BETWEEN_POLLS * 1000)
            config = uvicorn.Config(
                Guard(app, listener.getsockname()[1], token, start=FIRST_PAGE),
                # The other parser drops the host of an absolute address, which the guard has to see.
                http="h11",
                proxy_headers=False,
                log_level="warning",
                timeout_graceful_shutdown=SECONDS_TO_STOP,
            )
            uvicorn.Server(config).run([listener])


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main(socket.socket(fileno=int(sys.argv[1])), sys.argv[2], Path(sys.argv[3]), os.environ.pop(TOKEN))
