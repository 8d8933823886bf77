"""Writes the training set of an arm as files that trainers read, and puts on record what was written."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from warehouse.atomic import written_whole
from warehouse.database import now
from warehouse.errors import Mendable
from warehouse.identity import canonical, file_digest
from warehouse.inserting import insert
from warehouse.store import Published, Store


class NotBuilt(Mendable):
    """What was asked for has not been built yet."""


class HeldUp(Mendable):
    """What was asked for failed a check that blocks."""


def messages(row: Mapping[str, Any]) -> dict[str, Any]:
    """The chat form: one user turn (with the input, if there is one) and one assistant turn."""
    asked = f"{row['instruction']}\n\n{row['input']}" if row["input"] else row["instruction"]
    return {
        "id": row["id"],
        "messages": [
            {"role": "user", "content": asked},
            {"role": "assistant", "content": row["response"]},
        ],
    }


def alpaca(row: Mapping[str, Any]) -> dict[str, Any]:
    """The form of Stanford Alpaca (https://github.com/tatsu-lab/stanford_alpaca): instruction, input, output."""
    return {
        "id": row["id"],
        "instruction": row["instruction"],
        "input": row["input"],
        "output": row["response"],
    }


def export(store: Store, arm: str, folder: Path) -> list[Path]:
    """Writes <arm>.messages.jsonl, <arm>.alpaca.jsonl and <arm>.parquet into `folder`, each whole or not at all.

    The export goes on record once all are in place. Raises NotBuilt where the arm has no training set yet, and
    HeldUp where it failed a check that blocks.
    """
    published = store.current(f"training_sets/{arm}")
    if published is None:
        raise NotBuilt(f"the arm {arm!r} has no training set yet; build it first: slingshot build")
    if published.fault:
        raise HeldUp(published.fault)
    rows = store.read(published)
    folder.mkdir(parents=True, exist_ok=True)
    written = [
        written_whole(folder / f"{arm}.messages.jsonl", lambda file: _lines(file, rows, messages)),
        written_whole(folder / f"{arm}.alpaca.jsonl", lambda file: _lines(file, rows, alpaca)),
        written_whole(folder / f"{arm}.parquet", rows.write_parquet),
    ]
    record_export(store, published, folder.resolve(), {path.name: file_digest(path) for path in written})
    return written


def record_export(store: Store, published: Published, folder: Path, files: Mapping[str, str]) -> None:
    """Puts on record that `files` (SHA-256 by name) in `folder` were written of a version, which is kept for it.

    Raises WarehouseError where the version was collected since it was read.
    """
    row = {
        "asset": published.asset,
        "version": published.version,
        "folder": str(folder),
        "files": canonical(files),
        "override": None,
        "exported_at": now(),
    }
    with store.database.write() as connection:
        store.check_stored(connection, published)
        insert(connection, "lineage.exports", pl.DataFrame([row]))


def _lines(file: Path, rows: pl.DataFrame, form: Callable[[Mapping[str, Any]], dict[str, Any]]) -> None:
    lines = (json.dumps(form(row), ensure_ascii=False) for row in rows.iter_rows(named=True))
    file.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
