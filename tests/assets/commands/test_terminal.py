"""What all commands promise at the terminal: control characters of texts cannot steer it, a fault of the machine is one
line, a defect keeps its traceback, and an output that nobody reads ends the command quietly."""

from __future__ import annotations

import errno
import io
import json
import sqlite3
import unicodedata
from pathlib import Path

import pytest
import typer
from rich.table import Table
from rich.text import Text
from rich.tree import Tree
from typer.testing import CliRunner

from assets.commands.console import SafeConsole
from assets.commands.terminal import clear_errors
from slingshot import app
from tests.support.versions import SOURCE, publish
from warehouse.core.errors import UserError
from warehouse.core.plain_errors import plain
from warehouse.results.result import Gate
from warehouse.schema.records import Document
from warehouse.store.file_warehouse import FileWarehouse
from warehouse.store.versions import Store
from warehouse.store.warehouse import WarehouseError

EVIL = "\x1b]0;title\x07 \x1b[2J \x9b31m pay\u202egnp.exe \u2066x"
"""Sets the title, clears the screen, colours it, and turns the direction of writing."""


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    store = Store(FileWarehouse(tmp_path / "slingshot.duckdb"))
    with store.database.write() as connection:
        connection.execute(
            "INSERT INTO lineage.materials VALUES (?, 'source', ?, NULL, NULL, 'MIT', 'human', '[]', now()::TIMESTAMP)",
            [SOURCE[0], f"wiki{EVIL}"],
        )
    for version, kept in (("1", "kept"), ("2", "other")):
        gate = Gate(Document)
        gate.keep({"source": f"wiki{EVIL}", "title": EVIL, "text": f"{kept} {EVIL}"}, [SOURCE])
        gate.reject({"source": "wiki", "title": EVIL, "text": f"dropped {EVIL}"}, f"reason {EVIL}", [SOURCE])
        gate.quarantine({"source": "wiki", "title": EVIL, "text": f"broken {EVIL}"}, f"rule {EVIL}", [SOURCE])
        publish(store, "documents", version, gate.result())
    return tmp_path


COMMANDS = [
    ["why", "ROW"],
    ["why", "ROW", "--all"],
    ["why-not", "dropped"],
    ["why-not", "dropped", "--all"],
    ["why", EVIL],
    ["trace", SOURCE[0]],
    ["diff", "documents", "1" * 32],
    ["ledger"],
    ["quarantine"],
    ["audit"],
    ["recall", "ROW", "--dry-run"],
    ["status"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
@pytest.mark.parametrize("as_json", [False, True])
def test_no_command_passes_control_characters_on(command: list[str], as_json: bool, warehouse: Path) -> None:
    database = FileWarehouse(warehouse / "slingshot.duckdb")
    with database.read() as connection:
        (row,) = connection.execute("SELECT id FROM documents").fetchone() or ()
    arguments = [row if one == "ROW" else one for one in command if not (as_json and one == "--all")]
    done = CliRunner().invoke(app, [*arguments, "--warehouse", str(warehouse), *(["--json"] if as_json else [])])
    printed = done.stdout + done.stderr
    assert "Traceback" not in printed
    assert [one for one in printed if unicodedata.category(one) in ("Cc", "Cf") and one != "\n"] == []
    if command[0] in ("why", "why-not", "diff", "ledger", "quarantine", "trace", "recall") and not as_json:
        assert r"\x1b[2J" in printed
        assert r"\u202egnp" in printed
    if as_json and done.exit_code == 0:
        assert json.loads(done.stdout) is not None


def test_texts_are_made_visible_wherever_they_are_in_a_table_or_tree() -> None:
    table, tree = Table("head \x1b[1m"), Tree("root \x1b[2m")
    table.add_row("cell \x1b[3m")
    tree.add(Text("leaf \x1b[4m")).add(table)
    output = io.StringIO()
    SafeConsole(file=output, width=80).print(tree, "text \x1b[5m")
    printed = output.getvalue()
    assert [rf"\x1b[{number}m" in printed for number in range(1, 6)] == [True] * 5
    assert "\x1b" not in printed


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (UserError("bad recipe"), "bad recipe"),
        (OSError(errno.ENOSPC, "x", "/a/b"), "/a/b: No space left on device; make room on the disk"),
        (
            OSError(errno.EFBIG, "x"),
            "File too large; raise the limit of the size of files (ulimit -f), or use another disk",
        ),
        (
            PermissionError(errno.EACCES, "x", "/a"),
            "/a: Permission denied; change its permissions, or choose another place",
        ),
        (
            IsADirectoryError(errno.EISDIR, "x", "/tmp/y", None, "/a"),
            "/a: Is a directory; it is a folder; choose a file",
        ),
        (MemoryError(), "the memory is full; close other programs"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_that_users_can_fix_is_one_line(error: Exception, line: str) -> None:
    assert plain(error) == line
    raised = RuntimeError("of a library")
    raised.__cause__ = error
    assert plain(raised) == (None if isinstance(error, UserError) else line)


@pytest.mark.parametrize(
    "error", [KeyError("x"), ValueError("x"), RuntimeError("x"), FileNotFoundError(errno.ENOENT, "x", "/a")]
)
def test_a_defect_keeps_its_traceback(error: Exception) -> None:
    assert plain(error) is None

    def command() -> None:
        raise error

    with pytest.raises(type(error)):
        clear_errors(command)()


def test_an_error_of_dagsters_storage_says_where_it_is() -> None:
    history = "Dagster's history of runs cannot be used (SQLite: "
    full = plain(sqlite3.OperationalError("database or disk is full"))
    assert full == f"{history}database or disk is full); make room on the disk"
    damaged = plain(sqlite3.DatabaseError("file is not a database"))
    assert damaged == (
        f"{history}file is not a database); delete the folder dagster in the warehouse: it has only that history"
    )
    assert plain(sqlite3.ProgrammingError("closed")) is None


@pytest.mark.parametrize(
    ("raised", "code"), [(KeyboardInterrupt(), 130), (typer.Abort(), 130), (BrokenPipeError(), 141)]
)
def test_a_stopped_command_has_the_exit_status_of_its_kind(
    raised: BaseException, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def command() -> None:
        raise raised

    with pytest.raises(typer.Exit) as ended:
        clear_errors(command)()
    assert ended.value.exit_code == code
    said = "slingshot: stopped; what is in the warehouse stays as it is\n" if code == 130 else ""
    assert capsys.readouterr() == ("", said)


def test_the_warehouse_error_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "slingshot.duckdb").write_text("no database")
    done = CliRunner().invoke(app, ["ledger", "--warehouse", str(tmp_path)])
    assert done.exit_code == 1
    assert done.stderr.startswith(f"slingshot: the warehouse {tmp_path}/slingshot.duckdb cannot be opened: ")
    assert done.stderr.count("\n") == 1
    with pytest.raises(WarehouseError), FileWarehouse(tmp_path / "slingshot.duckdb").read():
        pass
