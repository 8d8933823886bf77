"""The socket of a web server that only this machine can reach."""

from __future__ import annotations

import errno
import socket
import time

from warehouse.core.errors import UserError

HOST = "127.0.0.1"
SECONDS_FOR_PORT = 5.0
"""How long the children of a server that was killed may take to give the port back."""


class PortTaken(UserError):
    """The port of the UI cannot be used."""


def listening(port: int) -> socket.socket:
    """A listening socket on 127.0.0.1:`port` (0: any free port). Raises PortTaken."""
    deadline = time.monotonic() + SECONDS_FOR_PORT
    while True:
        listener = socket.socket()
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((HOST, port))
            listener.listen()
            return listener
        except OSError as error:
            listener.close()
            if error.errno != errno.EADDRINUSE:
                raise PortTaken(f"port {port} cannot be used: {error.strerror}; name another with --port") from error
            if time.monotonic() > deadline:
                raise PortTaken(f"port {port} is used by another process; name another with --port") from error
        time.sleep(0.1)
