"""What only a server can do to a warehouse: be away, be started again, belong to another version, serve many hosts at a
time. All of these run against a real one."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from assets.commands.results import BadQuery
from assets.commands.sql import select
from tests.support.memo import at_once, call, nothing
from tests.support.postgres import Server, opening
from tests.support.tiny import ROOT
from tests.support.versions import documents, publish
from warehouse.audit.row_query import BadCondition, Wanted
from warehouse.audit.rows import find_rows
from warehouse.core.errors import UserError
from warehouse.store.calls import Answer, Call
from warehouse.store.memo import Memo
from warehouse.store.places import Tables, warehouse_at
from warehouse.store.postgres_warehouse import PostgresWarehouse
from warehouse.store.versions import Store
from warehouse.store.warehouse import Warehouse, WarehouseError


@pytest.fixture
def served(postgres: Server, tmp_path: Path) -> Warehouse:
    return PostgresWarehouse(postgres.database(), tmp_path, patience=5)


def answers(batch: list[Call]) -> list[Answer]:
    return [Answer({"text": one.request["text"].upper()}, 1, 0.1) for one in batch]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://host/db", "is no URL of a PostgreSQL database"),
        ("postgresql://host:5432", "is no URL of a PostgreSQL database; right would be postgresql://USER@HOST:PORT/"),
        ("postgresql://host:port/db?what=1", "is no URL of a PostgreSQL database"),
        ("postgres://me:secret@host/db", "has no password, since it is shown"),
        ("postgresql://me:secret@host:5432", "has no password, since it is shown"),
        ("postgresql://me@host/db?sslpassword=secret", "has no password, since it is shown"),
        ("postgres://me@host/db", "'postgres://…@host/db' is no URL of a PostgreSQL database"),
        ("postgresql://me:secret@host/db", "has no password, since it is shown: put it into PGPASSWORD or ~/.pgpass"),
    ],
)
def test_a_wrong_url_is_an_error_before_anything_is_asked(tmp_path: Path, url: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        warehouse_at(tmp_path, Tables(url))
    assert message in str(caught.value)
    assert "secret" not in str(caught.value)


def test_what_cannot_be_reached_is_named_with_advice(postgres: Server, tmp_path: Path) -> None:
    away = PostgresWarehouse("postgresql://slingshot@127.0.0.1:1/x", tmp_path)
    missing = PostgresWarehouse(postgres.url("nowhere"), tmp_path)
    stranger = PostgresWarehouse(postgres.url("postgres").replace("slingshot@", "stranger@"), tmp_path)
    for warehouse, advice in (
        (away, "check that the server runs and can be reached; nothing that was committed is lost"),
        (missing, "create it with createdb"),
        (stranger, "check the user in the URL, and the password in PGPASSWORD or ~/.pgpass"),
    ):
        for use in (warehouse.read, warehouse.write):
            with pytest.raises(WarehouseError) as caught, use():
                pass
            assert str(caught.value).startswith(f"the warehouse {warehouse.place} cannot be opened: ")
            assert str(caught.value).endswith(advice)


def test_tables_of_another_version_are_refused(served: Warehouse) -> None:
    publish(Store(served), "documents", "1", documents("a"))
    with psycopg.connect(served.place) as connection:
        connection.execute("ALTER TABLE lineage.edges RENAME role TO rule")
    again = PostgresWarehouse(served.place, served.folder / "again")
    with pytest.raises(WarehouseError, match=r"made by another version of Slingshot: lineage\.edges has the columns"):
        again.exists()


def test_a_server_that_was_started_again_is_used_again(tmp_path: Path, postgres: Server) -> None:
    served = PostgresWarehouse(postgres.database(), tmp_path)
    memo = Memo(served)
    memo.run([call("a")], at_once(answers))
    postgres.stop()
    try:
        with pytest.raises(WarehouseError, match="nothing that was committed is lost"):
            memo.run([call("b")], at_once(answers))
        with pytest.raises(WarehouseError, match="nothing that was committed is lost"):
            served.claims.is_claimed(["a" * 32])
    finally:
        postgres.start()
    memo.run([call("b")], at_once(answers))
    assert [one.response["text"] for one in memo.run([call("a"), call("b")], nothing)] == ["A", "B"]


def test_a_transaction_whose_server_ends_leaves_nothing(served: Warehouse, postgres: Server) -> None:
    store = Store(served)
    publish(store, "documents", "1", documents("a"))
    with pytest.raises(WarehouseError), served.write() as connection:
        connection.execute("DELETE FROM lineage.pointers")
        postgres.stop()
        postgres.start()
        connection.execute("DELETE FROM lineage.versions")
    current = store.current("documents")
    assert current is not None
    assert store.read(current)["text"].to_list() == ["a"]


@contextmanager
def holder(script: str, warehouse: Warehouse) -> Iterator[subprocess.Popen[str]]:
    """A process that runs a script on `database`, and has said that it is there."""
    start = """
        import sys, time
        from pathlib import Path
        from warehouse.store.places import Tables, warehouse_at
        database = warehouse_at(Path(sys.argv[1]), Tables(sys.argv[2]))
    """
    command = [sys.executable, "-c", textwrap.dedent(start) + textwrap.dedent(script), *opening(warehouse)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "there\n"
        try:
            yield process
        finally:
            process.kill()


WRITING = """
    with database.write("lineage"):
        print("there", flush=True)
        time.sleep(60)
"""


def test_a_writer_waits_for_another_and_names_it_when_it_gives_up(served: Warehouse) -> None:
    publish(Store(served), "documents", "1", documents("a"))
    hasty = PostgresWarehouse(served.place, served.folder, patience=0.3)
    with holder(WRITING, served) as process:
        began = time.monotonic()
        with pytest.raises(WarehouseError) as caught, hasty.write():
            pass
        assert 0.3 <= time.monotonic() - began < 5
        assert f"locked by another process for 0.3 s: process {process.pid} on " in str(caught.value)
        with hasty.read() as connection:
            assert connection.execute("SELECT count(*) FROM lineage.versions").fetchall() == [(1,)]
        Memo(hasty).run([call("a")], at_once(answers))  # calls do not wait for a publish
        process.send_signal(signal.SIGKILL)
        process.wait()
        with served.write() as connection:
            assert connection.execute("SELECT count(*) FROM memo.calls").fetchall() == [(1,)]


CLAIMING = """
    with database.claims.claimed(["a" * 32]):
        print("there", flush=True)
        time.sleep(60)
"""


def test_a_claim_is_seen_by_other_processes_and_ends_with_a_kill(served: Warehouse) -> None:
    key = ["a" * 32]
    with holder(CLAIMING, served) as process:
        assert served.claims.is_claimed(key)
        assert not served.claims.is_claimed(["b" * 32])
        process.kill()
        process.wait()
        with served.claims.claimed(key):  # waits until the server has seen that the process is gone
            assert served.claims.is_claimed(key)
    assert not served.claims.is_claimed(key)


def test_a_broken_connection_with_locks_is_an_error_before_anything_is_committed(served: Warehouse) -> None:
    publish(Store(served), "documents", "1", documents("a"))
    ending = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
    with pytest.raises(WarehouseError, match="the connection that had the locks"), served.write() as connection:
        connection.execute("DELETE FROM lineage.pointers")
        with psycopg.connect(served.place, autocommit=True) as other:
            other.execute(ending)
    assert Store(served).current("documents") is not None
    with served.claims.claimed(["a" * 32]):
        with psycopg.connect(served.place, autocommit=True) as other:
            other.execute(ending)
        with pytest.raises(WarehouseError, match="the connection that had the locks"):
            served.claims.is_claimed(["b" * 32])
    assert not served.claims.is_claimed(["a" * 32])


def test_what_the_url_says_counts_more_than_our_settings(served: Warehouse) -> None:
    own = PostgresWarehouse(f"{served.place}?options=-c%20lock_timeout%3D7s", served.folder / "own")
    with own.write() as connection:
        asked = "FROM postgres_query('warehouse', 'SELECT current_setting(''lock_timeout'')')"
        found = connection.execute(asked).fetchall()
    assert found == [("7s",)]


def test_the_view_of_an_asset_is_there_in_every_process(served: Warehouse) -> None:
    store = Store(served)
    publish(store, "raw/one", "1", documents("a"))
    texts = 'SELECT text FROM "raw__one"'
    assert select(served, texts).rows() == [("a",)]
    publish(store, "raw/one", "2", documents("b"))
    assert select(served, texts).rows() == [("b",)]
    asking = f"""
    with database.read() as connection:
        print("there", connection.execute({texts!r}).fetchall(), flush=True)
    """
    command = textwrap.dedent(asking).strip()
    with holder(f'print("there", flush=True)\n{command}', served) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "there [('b',)]\n"


def test_a_wrong_query_is_no_fault_of_the_server(served: Warehouse) -> None:
    publish(Store(served), "documents", "1", documents("a"))
    with pytest.raises(BadQuery, match="Table with name server does not exist"):
        select(served, "FROM server")


RECURSIVE = (
    "WITH RECURSIVE {} found(id) AS (SELECT 'x' UNION SELECT parent FROM {} JOIN found ON child = id) "
    "SELECT count(*) FROM found"
)


@pytest.mark.parametrize(
    ("query", "why"),
    [
        (RECURSIVE.format("", "lineage.edges"), "only once in a recursive query, and would find too few rows"),
        (RECURSIVE.format("e AS MATERIALIZED (FROM lineage.edges),", "e"), "only once in a recursive query"),
        (
            "FROM postgres_execute('warehouse', 'DELETE FROM lineage.versions', use_transaction=false)",
            "could also write",
        ),
        ("FROM POSTGRES_QUERY ('warehouse', 'SELECT 1')", "could also write: ask the tables"),
    ],
)
def test_a_query_that_would_write_or_find_too_few_rows_is_refused(served: Warehouse, query: str, why: str) -> None:
    """DuckDB 1.5.5 reads a table of a server once in a recursive query, and says nothing of it."""
    publish(Store(served), "documents", "1", documents("a"))
    with pytest.raises(BadQuery, match=why):
        select(served, query)
    with pytest.raises(BadCondition, match=why):
        find_rows(Store(served), "documents", Wanted(where=f"id IN ({query})"))
    assert select(served, "SELECT count(*) FROM lineage.versions").item() == 1


def test_an_asset_that_another_process_built_has_its_view(served: Warehouse) -> None:
    publish(Store(served), "one", "1", documents("a"))
    assert select(served, "FROM one").height == 1
    other = """
        from tests.support.versions import documents, publish
        from warehouse.store.versions import Store
        publish(Store(database), "two", "1", documents("bc"))
        print("there", flush=True)
    """
    with holder(textwrap.dedent(other), served) as process:
        process.wait()
    assert select(served, "FROM two").height == 2


BATCHES, ROWS, PROCESSES = 20, 1_000, 4


def _write_batches(number: int, folder: str, url: str) -> None:
    """Half of the calls of each batch are the same in all processes."""
    memo = Memo(warehouse_at(Path(folder), Tables(url)), "engine")
    for batch in range(BATCHES):
        shared = [f"shared {batch} {row}" for row in range(ROWS // 2)]
        own = [f"{number} {batch} {row}" for row in range(ROWS // 2)]
        memo.commit([(call(text), Answer({"text": text}, 1, 0.1)) for text in shared + own])
        publish(Store(memo.database), f"asset{number}", f"{batch}", documents(shared + own))


def test_many_processes_write_the_same_rows_and_none_is_lost_or_doubled(served: Warehouse) -> None:
    processes = multiprocessing.get_context("spawn")
    running = [processes.Process(target=_write_batches, args=(one, *opening(served))) for one in range(PROCESSES)]
    for process in running:
        process.start()
    looks = 0
    while any(process.is_alive() for process in running):
        if served.exists():
            half = (
                "SELECT p.asset FROM lineage.pointers p JOIN lineage.decisions d USING (asset, version) "
                f"GROUP BY p.asset HAVING count(*) <> {ROWS}"
            )
            assert select(served, half).is_empty()
            looks += 1
    assert [process.exitcode for process in running] == [0] * PROCESSES
    assert looks > 3
    distinct = BATCHES * ROWS // 2 * (1 + PROCESSES)
    counts = "SELECT count(*), count(DISTINCT (key, budget)) FROM memo.calls"
    assert select(served, counts).row(0) == (distinct, distinct)
    for table in ("records.document", "lineage.records"):
        assert select(served, f"SELECT count(*), count(DISTINCT id) FROM {table}").row(0) == (distinct, distinct)
