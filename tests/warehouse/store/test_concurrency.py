"""A build, the UI and a person with a query use one warehouse at the same time, and DuckDB lets only one process write
its file. Waiting, giving up with advice and surviving a kill only show between processes, so these tests start real
ones."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.memo import answer, call
from tests.support.postgres import opening
from tests.support.tiny import ROOT
from warehouse.results.result import Gate, Result
from warehouse.schema.records import Document
from warehouse.store.file_warehouse import FILE, FileWarehouse
from warehouse.store.memo import Memo
from warehouse.store.published import Effort, Run, Target
from warehouse.store.versions import Store
from warehouse.store.warehouse import Warehouse, WarehouseError

# The start of every script below: `publish(asset, number)` publishes a version of 20 rows that contain its number.
PRELUDE = """
import sys, time
from pathlib import Path
import warehouse.store.versions
from warehouse.store.places import Tables, warehouse_at
from warehouse.schema.records import Document
from warehouse.results.result import Gate
from warehouse.store.memo import Memo
from warehouse.store.published import Effort, Run, Target
from warehouse.store.versions import Store

database = warehouse_at(Path(sys.argv[1]), Tables(sys.argv[2], patience=20.0))
store = Store(database)

def publish(asset, number):
    gate = Gate(Document)
    for row in range(20):
        gate.keep({"source": asset, "title": str(row), "text": f"version {number}"}, [("5" * 32, "source")])
    target = Target(asset, f"{number:032x}", 0, {}, {}, {})
    return store.publish(target, gate.result(), {}, Effort(), Run("run"))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / FILE


@contextmanager
def python(script: str, warehouse: Warehouse, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", PRELUDE + textwrap.dedent(script), *opening(warehouse), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def finished(process: subprocess.Popen[str]) -> str:
    out, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    return out


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def documents(text: str) -> Result:
    gate = Gate(Document)
    gate.keep({"source": "wiki", "title": "", "text": text}, [("5" * 32, "source")])
    return gate.result()


def test_two_writers_and_a_reader_wait_for_each_other_and_nothing_is_lost(warehouse: Warehouse) -> None:
    write = """
    for number in range(6):
        publish(sys.argv[3], number)
    """
    read = """
    reads = 0
    until = time.monotonic() + 15
    while time.monotonic() < until:
        for asset in ("one", "two"):
            published = store.current(asset)
            if published is not None:
                texts = set(store.read(published)["text"])
                assert texts == {f"version {int(published.version, 16)}"}, texts
                reads += 1
        found = [store.current(asset) for asset in ("one", "two")]
        if all(one is not None and int(one.version, 16) == 5 for one in found):
            break
    print(reads)
    """
    with (
        python(write, warehouse, "one") as one,
        python(write, warehouse, "two") as two,
        python(read, warehouse) as reader,
    ):
        finished(one)
        finished(two)
        assert int(finished(reader)) > 0
    store = Store(warehouse)
    for asset in ("one", "two"):
        for number in range(6):
            published = store.catalog().find(asset, f"{number:032x}")
            assert published is not None
            frame = store.read(published)
            assert frame["title"].to_list() == [str(row) for row in range(20)]
            assert set(frame["text"]) == {f"version {number}"}
            assert set(frame["source"]) == {asset}
    with store.database.read() as connection:
        counts = [
            connection.execute(f"SELECT count(*) FROM {table}").fetchall()
            for table in ("records.document", "lineage.records", "lineage.edges", "lineage.decisions")
        ]
        runs = connection.execute("SELECT count(*) FROM lineage.materializations").fetchall()
    assert counts == [[(240,)]] * 4
    assert runs == [(12,)]


def test_a_file_that_another_process_has_open_gives_an_error_with_path_and_advice(path: Path) -> None:
    Store(FileWarehouse(path)).publish(Target("a", "1" * 32, 0, {}, {}, {}), documents("a"), {}, Effort(), Run("run"))
    hold = """
    with database.write():
        print("held", flush=True)
        time.sleep(30)
    """
    with python(hold, FileWarehouse(path)) as holder:
        assert line(holder) == "held"
        database = FileWarehouse(path, patience=0.3)
        for use in (database.read, database.write):
            began = time.monotonic()
            with pytest.raises(WarehouseError) as refused, use():
                pass
            assert 0.3 <= time.monotonic() - began < 3.0
            assert str(refused.value).startswith(f"the warehouse {path} was locked by another process for ")
            assert "; close the program that has it open (" in str(refused.value)
            assert f"(process {holder.pid} (" in str(refused.value)


def test_a_file_that_is_closed_in_time_is_used(path: Path) -> None:
    hold = """
    with database.write():
        print("held", flush=True)
        time.sleep(0.5)
    """
    with python(hold, FileWarehouse(path)) as holder:
        assert line(holder) == "held"
        with FileWarehouse(path, patience=20.0).read() as connection:
            assert connection.execute("SELECT count(*) FROM lineage.versions").fetchall() == [(0,)]


@pytest.mark.parametrize("folder", ["data", "blocks"])
def test_a_damaged_file_is_named_at_once_wherever_it_lies(tmp_path: Path, folder: str) -> None:
    # The name "blocks" contains "lock", as does DuckDB's message about an open file.
    path = tmp_path / folder / "warehouse.duckdb"
    path.parent.mkdir()
    path.write_bytes(b"not a database\n" * 1000)
    began = time.monotonic()
    message = re.escape(f"the warehouse {path} cannot be opened: ")
    with pytest.raises(WarehouseError, match=message), FileWarehouse(path, patience=0.5).read():
        pass
    assert time.monotonic() - began < 0.5


def test_a_process_killed_in_the_middle_of_a_publish_leaves_the_old_version(warehouse: Warehouse) -> None:
    interrupted = """
    publish("raw/wiki", 1)

    def stuck(*_):
        print("inside", flush=True)
        time.sleep(30)

    warehouse.store.versions.point = stuck
    publish("raw/wiki", 2)
    """
    with python(interrupted, warehouse) as writer:
        assert line(writer) == "inside"
        writer.kill()
        writer.wait(timeout=10)
    store = Store(warehouse)
    current = store.current("raw/wiki")
    assert current is not None
    assert int(current.version, 16) == 1
    assert set(store.read(current)["text"]) == {"version 1"}
    assert store.catalog().find("raw/wiki", f"{2:032x}") is None
    with store.database.read() as connection:
        assert connection.execute('SELECT count(*) FROM "raw__wiki"').fetchall() == [(20,)]
        assert connection.execute("SELECT count(*) FROM lineage.records").fetchall() == [(20,)]
        assert connection.execute("SELECT count(*) FROM lineage.decisions").fetchall() == [(20,)]
    store.publish(Target("raw/wiki", f"{2:032x}", 0, {}, {}, {}), documents("again"), {}, Effort(), Run("run"))
    current = store.current("raw/wiki")
    assert current is not None
    assert store.read(current)["text"].to_list() == ["again"]


def test_a_process_killed_at_any_moment_leaves_a_whole_version(warehouse: Warehouse) -> None:
    endless = """
    for number in range(10_000):
        publish("raw/wiki", number)
        print(number, flush=True)
    """
    with python(endless, warehouse) as writer:
        told = [line(writer) for _ in range(4)]
        time.sleep(0.05)
        writer.kill()
        writer.wait(timeout=10)
    store = Store(warehouse)
    current = store.current("raw/wiki")
    assert current is not None
    assert int(current.version, 16) >= int(told[-1])
    assert set(store.read(current)["text"]) == {f"version {int(current.version, 16)}"}
    assert len(store.read(current)) == 20


def test_threads_of_one_process_share_a_database(warehouse: Warehouse) -> None:
    store = Store(warehouse)

    def use(number: int) -> str:
        target = Target(f"asset_{number}", "1" * 32, 0, {}, {}, {})
        return str(store.read(store.publish(target, documents(f"{number}"), {}, Effort(), Run("run")))["text"][0])

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(use, range(12))) == [str(number) for number in range(12)]


def test_a_kill_before_a_commit_is_in_the_file_costs_no_look_up_its_rows(path: Path) -> None:
    """DuckDB 1.5 loses the rows of a log from the indices, if the next process writes another table only."""
    killed = """
    import os, signal
    import warehouse.store.file_warehouse

    publish("documents", 1)
    warehouse.store.file_warehouse.close = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    publish("documents", 2)
    """
    with python(killed, FileWarehouse(path)) as writer:
        writer.wait(timeout=20)
    assert path.with_name(f"{path.name}.wal").exists()
    database = FileWarehouse(path)
    Memo(database).commit([(call("a"), answer("a"))])
    store = Store(database)
    current = store.current("documents")
    assert current is not None
    assert int(current.version, 16) == 2
    for row in store.read(current)["id"]:
        with database.read() as connection:
            found = [
                connection.execute(f"SELECT count(*) FROM lineage.{table} WHERE {column} = ?", [row]).fetchall()
                for table, column in (("records", "id"), ("edges", "child"), ("decisions", "record"))
            ]
        assert found == [[(1,)]] * 3
