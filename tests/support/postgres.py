"""A server of PostgreSQL on this machine, for the tests that need one, with its own data in a temporary folder."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg

from warehouse.store.file_warehouse import FileWarehouse
from warehouse.store.warehouse import Warehouse

USER = "slingshot"
_NUMBERS = count(1)


class Server:
    """A running server, as the user of this process or, for root, as the user `postgres`."""

    def __init__(self, folder: Path, programs: Path, settings: str = "-c fsync=off") -> None:
        self.folder, self.programs, self.settings = folder, programs, settings
        self.data, self.port = folder / "data", _free_port()

    def start(self) -> None:
        """Starts the server, with new data at the first time."""
        if not self.data.exists():
            self._run("initdb", "-U", USER, "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        settings = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= {self.settings}"
        self._run("pg_ctl", "-o", settings, "-l", str(self.folder / "log"), "-w", "start")

    def stop(self) -> None:
        """Ends the server at once, and with it all connections."""
        self._run("pg_ctl", "-m", "immediate", "-w", "stop")

    def database(self) -> str:
        """The URL of a new, empty database."""
        name = f"test{next(_NUMBERS)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)

    def url(self, name: str) -> str:
        """The URL of a database."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{name}"

    def _run(self, program: str, *words: str) -> None:
        command = [str(self.programs / program), "-D", str(self.data), *words]
        if os.geteuid() == 0:  # the server refuses to run as root
            command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd="/")
        assert done.returncode == 0, done.stderr


def opening(warehouse: Warehouse) -> list[str]:
    """The words with which a script opens a warehouse of a test again, as `warehouse_at(folder, Tables(postgres))`."""
    return [str(warehouse.folder), "" if isinstance(warehouse, FileWarehouse) else warehouse.place]


def programs() -> Path | None:
    """The folder with the programs of a server; None where none is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    path = shutil.which("initdb")
    return found[-1].parent if found else Path(path).resolve().parent if path else None


@contextmanager
def running(where: Path, *settings: str) -> Iterator[Server]:
    """A server with the programs in the folder `where`, until the block ends.

    Without `settings`, it does not synchronise its disk: only a crash of the machine would lose rows.
    """
    # The folders of pytest are closed to other users.
    folder = Path(tempfile.mkdtemp(prefix="slingshot-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    server = Server(folder, where, *([" ".join(settings)] if settings else []))
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
