"""Models, checkpoints and rows take gigabytes: people must see which of them to remove, and no byte may count twice."""

from __future__ import annotations

import os
from pathlib import Path

from warehouse.audit.disk import DiskUse, disk_use

MIB = 2**20


def written(path: Path, size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)


def test_each_file_counts_once_in_its_part(tmp_path: Path) -> None:
    data, shared = tmp_path / "data", tmp_path / "shared"
    written(data / "slingshot.duckdb", 5)
    written(data / "slingshot.duckdb.wal", 2)
    written(data / "checkpoints" / "a" / "model.safetensors", 30)
    written(data / "cache" / "1" / "model.gguf", 400)
    written(data / "dagster" / "history" / "run.db", 6000)
    written(shared / "2" / "model.gguf", 70000)
    os.link(data / "checkpoints" / "a" / "model.safetensors", data / "checkpoints" / "b.safetensors")
    (data / "checkpoints" / "c").symlink_to("gone")
    link = (data / "checkpoints" / "c").lstat().st_size
    found = disk_use(data, shared)
    assert found == DiskUse(7, 30 + link, 400, 70000, 6000)
    assert found.warehouse == 6437 + link
    assert disk_use(data).shared_downloads == 0


def test_a_warehouse_that_is_not_there_uses_nothing(tmp_path: Path) -> None:
    assert disk_use(tmp_path / "none", tmp_path / "nor this") == DiskUse(0, 0, 0, 0, 0)
    assert disk_use(tmp_path / "none").in_words == ""


def test_in_words_only_what_is_there_is_named() -> None:
    assert DiskUse(5 * MIB, 0, 1536 * MIB, MIB // 2, 0).in_words == (
        "5.0 MiB database, 1,536.0 MiB downloads, 0.5 MiB downloads for all warehouses"
    )


def test_what_would_read_as_nothing_is_left_out() -> None:
    assert DiskUse(MIB, 0, MIB // 20 + 1, MIB // 20 - 1, 0).in_words == "1.0 MiB database, 0.1 MiB downloads"
