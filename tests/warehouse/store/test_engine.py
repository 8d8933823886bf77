"""The engine stays while the file comes and goes. If the file stayed open too long, other processes would wait for it;
if it was freed too early, a build would fail. So these tests look at the file from outside."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from warehouse.store import engine
from warehouse.store.engine import close, connect, frugal
from warehouse.store.file_warehouse import FileWarehouse
from warehouse.store.warehouse import WarehouseError

OPEN = "import duckdb, sys; duckdb.connect(sys.argv[1]).close()"


def is_free(path: Path) -> bool:
    """Whether another process can open the file to write."""
    return subprocess.run([sys.executable, "-c", OPEN, str(path)], capture_output=True, check=False).returncode == 0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "it's one.duckdb"
    duckdb.connect(str(file)).close()
    return file


def test_the_file_is_locked_while_it_is_used_and_free_afterwards(path: Path) -> None:
    outer = connect(path, read_only=False)
    inner = connect(path, read_only=False)
    assert not is_free(path)
    close(path, inner)
    assert not is_free(path)
    outer.execute("CREATE TABLE numbers AS SELECT 1 AS number")
    close(path, outer)
    assert is_free(path)
    again = connect(path, read_only=True)
    assert again.execute("FROM numbers").fetchall() == [(1,)]
    close(path, again)


def test_two_names_of_one_file_are_one_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    one, other = connect(path, read_only=False), connect(Path(path.name), read_only=False)
    one.execute("CREATE TABLE numbers AS SELECT 1 AS number")
    assert other.execute("FROM numbers").fetchall() == [(1,)]
    close(path, one)
    close(Path(path.name), other)
    assert is_free(path)


def test_only_engines_in_use_and_the_last_one_are_kept(path: Path, tmp_path: Path) -> None:
    others = [tmp_path / f"{number}.duckdb" for number in range(3)]
    used = connect(path, read_only=False)
    for other in others:
        close(other, connect(other, read_only=False))
    assert {*engine._ENGINES} == {path, others[-1]}
    close(path, used)


def test_after_a_file_that_cannot_be_opened_another_can(path: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.duckdb"
    broken.write_bytes(b"x" * 5000)
    with pytest.raises(duckdb.Error):
        connect(broken, read_only=True)
    close(path, connect(path, read_only=True))
    assert engine._ENGINES[path].users == 0


def test_temporary_tables_and_frames_of_one_use_are_gone_in_the_next(path: Path) -> None:
    first = connect(path, read_only=False)
    first.execute("CREATE TEMP TABLE marked AS SELECT 1 AS number")
    first.execute("SET VARIABLE environment = 'pr-12'")
    close(path, first)
    second = connect(path, read_only=False)
    assert second.execute("SELECT getvariable('environment')").fetchall() == [(None,)]
    with pytest.raises(duckdb.CatalogException):
        second.execute("FROM marked")
    close(path, second)


def test_a_connection_of_the_user_in_the_same_process_is_an_error_that_says_so(tmp_path: Path) -> None:
    """DuckDB would otherwise have the file open twice in one process."""
    file = tmp_path / "slingshot.duckdb"
    with FileWarehouse(file).write():
        pass
    own = duckdb.connect(str(file))
    with pytest.raises(WarehouseError, match="is open in this process by another connection of DuckDB; close that"):
        FileWarehouse(file).write().__enter__()
    own.close()
    with FileWarehouse(file).read() as connection:
        assert connection.execute("SELECT count(*) FROM lineage.versions").fetchall() == [(0,)]


def test_a_slow_query_draws_no_bar_into_what_a_command_prints(path: Path) -> None:
    # After two seconds the bar would be drawn on standard output, even where that is a file or a pipe.
    with FileWarehouse(path).read() as connection:
        assert connection.execute("SELECT current_setting('enable_progress_bar')").fetchall() == [(False,)]


def test_a_question_about_all_rows_takes_no_more_memory_than_it_may(path: Path) -> None:
    """DuckDB keeps what it reads, so an audit of a large warehouse would fill most of the memory. Builds may."""
    limit = "SELECT value FROM duckdb_settings() WHERE name = 'memory_limit'"
    connection = connect(path, read_only=True)
    before = connection.execute(limit).fetchall()
    with pytest.raises(KeyboardInterrupt), frugal(connection):
        assert connection.execute(limit).fetchall() == [("1.8 GiB",)]
        raise KeyboardInterrupt
    assert connection.execute(limit).fetchall() == before
    close(path, connection)
