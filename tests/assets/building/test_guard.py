"""The UI can start runs and delete data. So requests that a foreign page or another user could send to a real
`slingshot up` are sent here, over HTTP and WebSocket, and none of them may reach Dagster."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest
import yaml
from starlette.applications import Starlette
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from assets.building.guard import Guard
from tests.support.serving import Server
from tests.support.tiny import tiny_recipe, write_rows

MUTATION = 'mutation { wipeAssets(assetPartitionRanges: [{assetKey: {path: ["benchmark_items"]}}]) { __typename } }'
MATERIALIZED = (
    '{ assetOrError(assetKey: {path: ["benchmark_items"]}) { ... on Asset { assetMaterializations { runId } } } }'
)
BODY = json.dumps({"query": MUTATION})
JSON = "Content-Type: application/json"


@pytest.fixture(scope="module")
def server(tiny_model: Path, tiny_embedder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("guarded")
    recipe, source = folder / "recipe.yaml", write_rows(folder / "rows.jsonl", 120, seed=1)
    recipe.write_text(yaml.safe_dump(tiny_recipe(tiny_model, tiny_embedder, source), sort_keys=False))
    with Server(recipe, folder / "data") as running:
        running.wait()
        assert running.materialize([["benchmark_items"]]) == "SUCCESS"
        yield running


@pytest.fixture(autouse=True)
def nothing_is_wiped(server: Server) -> Iterator[None]:
    yield
    assert materialized(server) == 1


def materialized(server: Server) -> int:
    return len(server.ask(MATERIALIZED)["assetOrError"]["assetMaterializations"])


def sent(server: Server, line: str, *headers: str, body: str = "", version: str = "HTTP/1.1") -> tuple[int, str]:
    """The status and the rest of the answer to a request as it stands; {port} and {token} are filled in."""
    lines = [f"{line} {version}", *headers, "Connection: close", *([f"Content-Length: {len(body)}"] if body else [])]
    text = "\r\n".join(lines).replace("{port}", str(server.port)).replace("{token}", server.token)
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(f"{text}\r\n\r\n{body}".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode("utf-8", "replace")
    return int(answer.split()[1]), answer


OWN = "Host: 127.0.0.1:{port}"
COOKIE = "Cookie: slingshot-{port}={token}"


@pytest.mark.parametrize(
    "host",
    [
        "Host: rebound.example:{port}",
        "Host: rebound.example",
        "Host: 127.0.0.1",
        "Host: 127.0.0.1:1",
        "Host: localhost.:{port}",
        "Host: 127.0.0.1.:{port}",
        "Host: 127.0.0.1:{port}.rebound.example",
        "Host: 127.1:{port}",
        "Host: 0.0.0.0:{port}",
        "Host: user@127.0.0.1:{port}",
        "Host: ",
        "X: no host",
        "Host: rebound.example:{port}\r\nX-Forwarded-Host: 127.0.0.1:{port}",
        "Host: 127.0.0.1:{port}\r\nHost: rebound.example",
        "Host: 127.0.0.1:{port}, rebound.example",
    ],
)
def test_another_name_of_the_host_is_refused(server: Server, host: str) -> None:
    for version in ("HTTP/1.1", "HTTP/1.0"):
        status, answer = sent(server, "POST /graphql", host, JSON, COOKIE, body=BODY, version=version)
        assert status in (400, 403), answer
        assert "wipeAssets" not in answer


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LocalHost", "[::1]"])
def test_the_own_names_of_the_host_are_answered(server: Server, host: str) -> None:
    status, answer = sent(server, "GET /server_info", f"Host: {host}:{{port}}", COOKIE)
    assert (status, "dagster_version" in answer) == (200, True)


def test_the_address_of_another_server_is_refused_whatever_the_host_header_says(server: Server) -> None:
    for target in ("http://rebound.example/graphql", "http://127.0.0.1:{port}/graphql", "graphql", "*"):
        status, answer = sent(server, f"POST {target}", OWN, JSON, COOKIE, body=BODY)
        assert status in (400, 403), answer


@pytest.mark.parametrize(
    "header",
    [
        "Origin: http://evil.example",
        "Origin: null",
        "Origin: ",
        "Origin: http://127.0.0.1:1",
        "Origin: http://127.0.0.1",
        "Origin: https://127.0.0.1:{port}",
        "Origin: http://localhost:{port}",
        "Origin: http://127.0.0.1:{port}.evil.example",
        "Origin: http://127.0.0.1:{port}\r\nOrigin: http://evil.example",
        "ORIGIN: HTTP://EVIL.EXAMPLE",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
        "sec-fetch-site: same-origin\r\nSec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: unheard-of",
    ],
)
def test_a_page_of_another_origin_is_refused(server: Server, header: str) -> None:
    assert sent(server, "POST /graphql", OWN, JSON, COOKIE, header, body=BODY)[0] == 403
    assert sent(server, "GET /server_info", OWN, COOKIE, header)[0] == 403
    assert sent(server, "GET /?token={token}", OWN, header)[0] == 403


def test_get_changes_nothing(server: Server) -> None:
    query = f"query={quote(MUTATION)}"
    for line in (
        f"GET /graphql?{query}",
        f"HEAD /graphql?{query}",
        f"GET /%67raphql?{query}",
        f"GET /graphql/?{query}",
    ):
        for more in ("Accept: application/json", "Accept: text/html"):
            assert sent(server, line, OWN, COOKIE, more)[0] == 405
    status, answer = sent(server, f"GET //graphql?{query}", OWN, COOKIE)
    assert "wipeAssets" not in answer, status
    for method in ("OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "post", "QUERY"):
        status, answer = sent(server, f"{method} /graphql?{query}", OWN, COOKIE, JSON)
        assert status == 405
        assert "access-control" not in answer.lower()


@pytest.mark.parametrize(
    "kind",
    [
        "Content-Type: text/plain",
        "Content-Type: text/plain; application/json",
        "Content-Type: application/x-www-form-urlencoded",
        "Content-Type: multipart/form-data; boundary=application/json",
        "Content-Type: application/graphql",
        "Content-Type: application/json\r\nContent-Type: text/plain",
        "X: none",
    ],
)
def test_what_a_form_can_send_is_refused(server: Server, kind: str) -> None:
    for line in ("POST /graphql", f"POST /graphql?query={quote(MUTATION)}", "POST /report_asset_materialization/x"):
        assert sent(server, line, OWN, COOKIE, kind, body=BODY)[0] == 415


@pytest.mark.parametrize(
    "proof",
    [
        "X: none",
        "Cookie: slingshot-{port}=wrong",
        "Cookie: slingshot-{port}=",
        "Cookie: slingshot={token}",
        "Authorization: Bearer wrong",
        "Authorization: Bearer",
        "Authorization: Basic {token}",
        "Authorization: Bearer {token}{token}",
        "Cookie: slingshot-{port}=\xe4",
    ],
)
def test_without_the_token_nothing_is_answered(server: Server, proof: str) -> None:
    posts = ("/graphql", "/report_asset_materialization/x", "/report_asset_check/x", "/report_asset_observation/x")
    for path in posts:
        assert sent(server, f"POST {path}", OWN, JSON, proof, body=BODY)[0] == 403
    for path in ("/", "/graphql", "/logs/x", "/notebook?path=x", "/download_debug/x", "/server_info", "/?token=wrong"):
        status, answer = sent(server, f"GET {path}", OWN, proof)
        assert status == 403
        assert "Open the address that was printed at the start" in answer


def test_the_printed_address_sets_a_cookie_that_no_other_site_can_use(server: Server) -> None:
    status, answer = sent(server, "GET /?token={token}", OWN, "Sec-Fetch-Site: none")
    assert status == 303
    assert "location: /asset-groups\r\n" in answer.lower()
    cookie = f"set-cookie: slingshot-{server.port}={server.token}; httponly; path=/; samesite=strict\r\n"
    assert cookie.lower() in answer.lower()
    status, page = sent(server, "GET /", OWN, COOKIE, "Sec-Fetch-Site: none")
    assert (status, "<title" in page) == (200, True)
    assert "frame-ancestors 'none'" in page
    assert "x-frame-options: DENY" in page
    status, answer = sent(server, "POST /graphql", OWN, JSON, COOKIE, body=json.dumps({"query": MATERIALIZED}))
    assert (status, "runId" in answer) == (200, True)


def opened(server: Server, origin: str | None, *headers: str) -> int:
    """101 if a WebSocket is opened and acknowledged, else the status."""
    fields = [header.replace("{port}", str(server.port)).replace("{token}", server.token) for header in headers]
    try:
        with connect(
            f"ws://127.0.0.1:{server.port}/graphql",
            origin=None if origin is None else origin.replace("{port}", str(server.port)),  # type: ignore[arg-type]
            additional_headers=[tuple(field.split(": ", 1)) for field in fields],  # type: ignore[misc]
            subprotocols=["graphql-ws"],  # type: ignore[list-item]
            proxy=None,
        ) as channel:
            channel.send(json.dumps({"type": "connection_init"}))
            assert json.loads(channel.recv(timeout=30)) == {"type": "connection_ack"}
            return 101
    except InvalidStatus as error:
        return error.response.status_code


def test_a_websocket_is_opened_by_the_own_page_only(server: Server) -> None:
    own = "http://127.0.0.1:{port}"
    assert opened(server, own, COOKIE) == 101
    assert opened(server, own, COOKIE, "Sec-Fetch-Site: same-origin") == 101
    assert opened(server, own) == 403
    assert opened(server, own, "Cookie: slingshot-{port}=wrong") == 403
    assert opened(server, own, COOKIE, "Sec-Fetch-Site: same-site") == 403
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1", "http://localhost:{port}", "file://"):
        assert opened(server, origin, COOKIE) == 403
    status, answer = sent(
        server,
        "GET /graphql",
        "Host: rebound.example:{port}",
        COOKIE,
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    )
    assert status in (400, 403), answer


def test_only_one_port_is_open_and_no_process_shows_the_token(server: Server) -> None:
    children = psutil.Process(server.process.pid).children(recursive=True)
    # A process that has ended and waits for its parent has neither sockets nor arguments any more.
    ended = [one for one in children if not one.is_running() or one.status() == psutil.STATUS_ZOMBIE]
    family = [psutil.Process(server.process.pid), *(one for one in children if one not in ended)]
    assert len(family) >= 4
    listening = {c.laddr for one in family for c in one.net_connections("tcp") if c.status == psutil.CONN_LISTEN}
    assert listening == {("127.0.0.1", server.port)}
    assert not any(server.token in word for one in family for word in one.cmdline())
    for one in family:
        for channel in one.net_connections("unix"):
            if channel.laddr.endswith("code.sock"):
                assert Path(channel.laddr).parent.stat().st_mode & 0o077 == 0


def test_a_mutation_with_all_that_is_asked_for_is_executed(server: Server) -> None:
    """So the requests above are refused for where they come from, not for what they say."""
    query = MUTATION.replace("benchmark_items", "nothing_of_this_name")
    status, answer = sent(server, "POST /graphql", OWN, JSON, COOKIE, body=json.dumps({"query": query}))
    assert (status, "wipeAssets" in answer) == (200, True)
    assert len(server.token) >= 40


def test_on_the_port_that_browsers_leave_out_the_host_has_none() -> None:
    assert Guard(Starlette(), 80, "token").hosts == {"127.0.0.1", "localhost", "[::1]"}
