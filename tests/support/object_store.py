"""A local server that speaks S3's protocol, so that stores of files are tested over HTTP, with the client of AWS."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import fsspec
from moto.server import ThreadedMotoServer


@contextmanager
def s3_server() -> Iterator[str]:
    """The address of a server on loopback. fsspec uses it for all URLs with s3:// until the block ends."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    before = fsspec.config.conf.get("s3")
    fsspec.config.conf["s3"] = {"key": "key", "secret": "secret", "endpoint_url": address}
    try:
        yield address
    finally:
        server.stop()
        fsspec.config.conf.pop("s3")
        if before is not None:
            fsspec.config.conf["s3"] = before


def new_bucket() -> str:
    """The URL of a folder in an empty bucket of the server."""
    name = f"team-{uuid.uuid4().hex[:12]}"
    fsspec.filesystem("s3").mkdir(name)
    return f"s3://{name}/slingshot"
