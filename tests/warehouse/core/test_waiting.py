"""A build waits while another process has the warehouse, or computes the same calls. A user must be able to see that it
waits, and for whom, since it looks like a hang. The other process is a real one."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from tests.support.tiny import ROOT
from warehouse.core import waiting
from warehouse.core.waiting import locked
from warehouse.store.calls import Answer, Call
from warehouse.store.file_warehouse import FileWarehouse
from warehouse.store.memo import Memo

LOCKING = "from filelock import FileLock; lock = FileLock({path!r}); lock.acquire()"
OPENING = "import duckdb; connection = duckdb.connect({path!r})"
AFTERWARDS = "; print(flush=True); import time; time.sleep({seconds})"


@contextmanager
def holder(code: str, path: Path, seconds: float) -> Iterator[int]:
    """Another process that holds `path` for some seconds; its id."""
    command = [sys.executable, "-c", (code + AFTERWARDS).format(path=str(path), seconds=seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.kill()


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shortens the silence, but not to nothing."""
    monkeypatch.setattr(waiting, "SECONDS_OF_SILENCE", 0.3)
    monkeypatch.setattr("warehouse.store.file_warehouse.SECONDS_OF_SILENCE", 0.3)


def test_a_wait_for_a_lock_names_the_process_and_ends_with_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "x.lock"
    with holder(LOCKING, path, 1.5) as process, locked(path, "the thing"):
        (record,) = caplog.records
    assert record.getMessage().startswith(f"slingshot: waiting for the thing: process {process} ({sys.executable} -c ")


def test_a_short_wait_is_silent(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "x.lock"
    with locked(path, "the thing", remove=True):
        assert path.exists()
    assert not path.exists()
    assert caplog.records == []


def test_a_wait_for_the_warehouse_names_the_process_and_ends_with_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "slingshot.duckdb"
    duckdb.connect(str(path)).close()
    with holder(OPENING, path, 1.5) as process, FileWarehouse(path).write() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    (record,) = caplog.records
    assert record.getMessage().startswith(f"slingshot: waiting for the warehouse {path}: process {process} (")


def test_a_wait_that_is_too_long_is_an_error_that_names_the_process(tmp_path: Path) -> None:
    path = tmp_path / "slingshot.duckdb"
    duckdb.connect(str(path)).close()
    with (
        holder(OPENING, path, 30) as process,
        pytest.raises(RuntimeError, match=rf"was locked by another process for 0.5 s; .*\(process {process} "),
        FileWarehouse(path, patience=0.5).read(),
    ):
        pass


def test_a_wait_for_calls_of_another_build_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    memo = Memo(FileWarehouse(tmp_path / "slingshot.duckdb"))
    calls = [Call("completion", "a" * 32, {"text": text}, 8) for text in ("one", "two")]
    claim = memo.database.claims.file([call.key for call in calls])
    claim.parent.mkdir()
    with holder(LOCKING, claim, 1.5) as process:
        answers = memo.run(
            calls, lambda missing: iter([(missing, lambda batch: [Answer({"text": "x"}, 1, 0.1) for _ in batch])])
        )
    assert [answer.response for answer in answers] == [{"text": "x"}] * 2
    assert not claim.exists()
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith(f"slingshot: waiting for 2 model calls, which another build computes: process {process} ")


def test_a_command_says_on_stderr_what_it_waits_for(tmp_path: Path) -> None:
    path = tmp_path / "slingshot.duckdb"
    with FileWarehouse(path).write():
        pass
    began = time.monotonic()
    with holder(OPENING, path, 1000) as process:
        command = [sys.executable, str(ROOT / "slingshot.py"), "ledger", "--warehouse", str(tmp_path)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as waiter:
            assert waiter.stderr is not None
            line = waiter.stderr.readline()
            waited = time.monotonic() - began
            os.kill(process, 9)
            assert waiter.wait() == 0
            assert waiter.stderr.read() == ""
    assert line.startswith(f"slingshot: waiting for the warehouse {path}: process {process} (")
    assert waited > 2
