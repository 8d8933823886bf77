"""Disks fill up, files are cut off and rows are damaged. Each must be one clear error that says what would help, must
lose nothing that was committed, and must not look like a defect of Slingshot."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tests.support.planting import found
from tests.support.tiny import ROOT
from warehouse.store.calls import Answer, Call, Work
from warehouse.store.file_warehouse import FileWarehouse
from warehouse.store.memo import Memo
from warehouse.store.versions import Store
from warehouse.store.warehouse import WarehouseError

CALL = Call("completion", "a" * 32, {"text": "one"}, 8)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "slingshot.duckdb"


def filled(path: Path) -> None:
    with FileWarehouse(path).write() as connection:
        connection.execute("INSERT INTO lineage.pointers SELECT '', 'a' || i, repeat('0', 32) FROM range(20_000) t(i)")


def used(path: Path) -> None:
    with FileWarehouse(path).write() as connection:
        connection.execute("SELECT count(*), min(version), max(asset) FROM lineage.pointers").fetchall()


@pytest.mark.parametrize("share", [0, 0.01, 0.3, 0.5, 0.999])
def test_a_truncated_file_is_one_error_with_advice(share: float, path: Path) -> None:
    filled(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(WarehouseError) as refused:
        used(path)
    said = str(refused.value)
    assert said.startswith(f"the warehouse {path} cannot be opened: IO Error: ")
    assert said.endswith("; if the file is damaged, put back a copy of it, or build into a new folder (--warehouse)")
    assert "\n" not in said


def test_a_damaged_block_is_one_error_with_advice(path: Path) -> None:
    filled(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(bytes(content))
    with pytest.raises(WarehouseError, match=r"IO Error: Corrupt database file: .*; if the file is damaged, put back"):
        used(path)


WRITING = """
import sys
from pathlib import Path
from warehouse.store.file_warehouse import FileWarehouse
from warehouse.store.warehouse import WarehouseError
try:
    with FileWarehouse(Path(sys.argv[1])).write() as connection:
        rows = "SELECT '', md5(i::VARCHAR), md5(i::VARCHAR) FROM range(300000) t(i)"
        connection.execute("INSERT INTO lineage.pointers " + rows)
except WarehouseError as error:
    print(error)
"""


def test_a_full_disk_is_one_error_and_loses_nothing(path: Path) -> None:
    """The limit of a file's size stands for the size of the disk."""
    filled(path)
    size = path.stat().st_size + 100_000
    done = subprocess.run(
        [sys.executable, "-c", WRITING, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )
    assert done.stderr == ""
    assert done.stdout.startswith(f"the warehouse {path} cannot be read or written: ")
    assert done.stdout.endswith("File too large; make room on the disk; nothing that was committed is lost\n")
    with FileWarehouse(path).read() as connection:
        assert connection.execute("SELECT count(*) FROM lineage.pointers").fetchone() == (20_000,)


def test_an_error_in_a_query_is_not_taken_for_one_of_the_disk(path: Path) -> None:
    with pytest.raises(duckdb.CatalogException), FileWarehouse(path).write() as connection:
        connection.execute("FROM no_such_table")


def answered(missing: list[Call]) -> Iterator[tuple[list[Call], Work]]:
    yield missing, lambda batch: [Answer({"text": "x"}, 1, 0.1) for _ in batch]


@pytest.mark.parametrize(
    ("damaged", "fault"),
    [('{"text": "cut o', "is not JSON (Unterminated string"), ("[]", "is JSON, but no object; to")],
)
def test_an_unreadable_answer_is_named_and_can_be_forgotten(damaged: str, fault: str, path: Path) -> None:
    memo = Memo(FileWarehouse(path))
    memo.run([CALL], answered)
    with memo.database.write() as connection:
        connection.execute("UPDATE memo.calls SET response = ?", [damaged])
    assert [(one.what, one.ids) for one in found(Store(memo.database))] == [
        ("model calls whose answer cannot be read", (CALL.key,))
    ]
    with pytest.raises(WarehouseError) as refused:
        memo.run([CALL], answered)
    said = str(refused.value)
    assert said.startswith(f"the model call {CALL.key} in memo.calls of {path} is damaged: it {fault}")
    assert "\n" not in said
    _, _, command = said.partition("so that the next build asks again: ")
    subprocess.run(command.replace("python", sys.executable, 1), shell=True, check=True, capture_output=True)
    assert memo.run([CALL], answered)[0].response == {"text": "x"}
