"""What the pages ask the warehouse, without a browser: exact rows, exact ancestry, and nobody without the token."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from assets.browsing.answers import answering_arms, compared
from assets.browsing.rows import AT_ONCE, Found, arm_of, overviews, page_of, reasons_of
from assets.browsing.tree import tree_of
from tests.support.browsing import Pages
from tests.support.building import query, store
from warehouse.audit.finding import NotFound
from warehouse.audit.row_query import Wanted
from warehouse.audit.why import why
from warehouse.release.reviewing import review
from warehouse.store.warehouse import Warehouse

RAW = "raw_self_instruct"


@pytest.fixture
def database(built: tuple[Path, Path]) -> Warehouse:
    return store(built[1]).database


def page(database: Warehouse, asset: str, **wanted: Any) -> Found:
    return page_of(database, asset, Wanted(**{"order": "position", "limit": AT_ONCE} | wanted))


def records(found: Found) -> list[str]:
    return [row["id"] for row in found.rows]


def test_filters_find_exactly_the_rows_that_sql_finds(built: tuple[Path, Path], database: Warehouse) -> None:
    def sql(asset: str, more: str) -> list[str]:
        where = f"asset = '{asset}' AND {more} ORDER BY position"
        return list(query(built[1], f"SELECT record FROM lineage.outcomes WHERE {where}")["record"])

    known = {one.asset: one for one in overviews(database)}
    assert list(known).index("seed_tasks") < list(known).index(RAW) < list(known).index("leaderboard")
    for outcome, rows in known[RAW].outcomes.items():
        found = page(database, RAW, outcomes=[outcome])
        assert (records(found), found.total) == (sql(RAW, f"outcome = '{outcome}'"), rows)
    for reason in reasons_of(known[RAW], "rejected"):
        assert records(page(database, RAW, reasons=[reason])) == sql(RAW, f"reason = '{reason}'")
    gate = "diverse_instructions/self_instruct"
    assert records(page(database, gate, least=0.5, most=0.97)) == sql(gate, "score BETWEEN 0.5 AND 0.97")
    text = query(built[1], f'SELECT response FROM "{RAW}" ORDER BY position')["response"][0]
    first = page(database, RAW, text=text.upper()).rows[0]
    assert (first["response"], first["outcome"]) == (text, "kept")
    assert page(database, RAW, text="%").total == 0
    board = page(database, "leaderboard", arm="base")
    assert {row["arm"] for row in board.rows} == {"base"}
    assert board.arms == tuple(sorted(["base", *_arms(known)]))
    with pytest.raises(NotFound, match="the asset 'students/x' was not built here"):
        page(database, "students/x")


def _arms(known: object) -> set[str]:
    return {arm for one in known if one.startswith("students/") and (arm := arm_of(one))}  # type: ignore[attr-defined]


def test_a_reviewed_row_leaves_the_queue_until_the_decision_is_taken_back(own: tuple[Path, Path]) -> None:
    database = store(own[1]).database

    def queue() -> Found:
        return page(database, "training_sets/self_instruct", outcomes=["kept"], unreviewed=True)

    first, second = records(queue())
    review(database, first, "accept", "ann", "good")
    found = queue()
    assert (records(found), list(found.reviews)) == ([second], [first])
    review(database, first, "clear", "ann", "to be seen again")
    assert records(queue()) == [first, second]


def test_answers_to_an_item_are_those_of_the_two_arms(built: tuple[Path, Path], database: Warehouse) -> None:
    assert answering_arms(database)["longform"][0] == "base"
    found = compared(database, "longform", ("self_instruct", "base"))
    items = query(built[1], "SELECT id FROM benchmark_items ORDER BY position")["id"].to_list()
    assert sorted(one.item for one in found) == sorted(items)
    for one in found:
        (answer,) = one.of("base")
        text = query(built[1], f"SELECT text FROM predictions__longform__base WHERE item = '{one.item}'").item()
        assert (answer.seed, answer.text) == (None, text)
        assert answer.scores.keys() == {"meteor_exact_stem", "rouge_l"}
        assert [answer.seed for answer in one.of("self_instruct")] != [None]


def test_the_tree_has_every_parent_of_a_row_once(built: tuple[Path, Path], database: Warehouse) -> None:
    record = query(built[1], f'SELECT id FROM "{RAW}" ORDER BY position')["id"][0]
    found = why(database, record)
    tree = tree_of(found)
    assert tree.label.startswith(f"pair {record[:9]} of {RAW} · ")
    assert [one.label.split(" ")[0] for one in tree.children] == [f"{link.role}:" for link in found.parents(record)]
    keys = [one.key for one in tree]
    assert len(keys) == len(set(keys))
    assert {one.node.id for one in tree if one.node} == set(found.nodes)
    student = query(built[1], "SELECT id FROM students__self_instruct")["id"][0]
    assert max(len(one.children) for one in tree_of(why(database, student))) <= 13


def test_nobody_reads_rows_without_the_token_or_from_another_page(built: tuple[Path, Path], tmp_path: Path) -> None:
    with Pages(built[1], tmp_path) as pages:
        host, ours = f"127.0.0.1:{pages.port}", f"Authorization: Bearer {pages.token}"

        def status(*headers: str, path: str = "/") -> int:
            lines = [f"GET {path} HTTP/1.1", *headers, "Connection: close"]
            with socket.create_connection(("127.0.0.1", pages.port), timeout=60) as connection:
                connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
                return int(connection.recv(65536).split()[1])

        assert status(f"Host: {host}", ours) == 200
        assert status(f"Host: {host}") == 403
        assert status(f"Host: rebound.example:{pages.port}", ours) == 403
        assert status(f"Host: {host}", ours, "Origin: http://evil.example") == 403
        assert status(f"Host: {host}", ours, "Sec-Fetch-Site: same-site") == 403
        assert status(f"Host: {host}", ours, path="/openapi.json") == 404
        socket_path = f"ws://{host}/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
        for headers in ({}, {"Authorization": f"Bearer {pages.token}", "Origin": "http://evil.example"}):
            with pytest.raises(InvalidStatus):
                connect(socket_path, additional_headers=headers)
        with connect(socket_path, additional_headers={"Authorization": f"Bearer {pages.token}"}) as opened:
            assert json.loads(str(opened.recv())[1:])["upgrades"] == []
