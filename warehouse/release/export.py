"""Writes the training set of an arm as files for trainers, and records what was written."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from warehouse.core.atomic import written_whole
from warehouse.core.errors import UserError
from warehouse.core.identity import canonical, file_digest
from warehouse.lineage.withdrawals import read_withdrawals
from warehouse.release.recall import withdrawn_ancestors
from warehouse.store.database import now
from warehouse.store.inserting import insert
from warehouse.store.versions import Published, Store


def messages(row: Mapping[str, Any]) -> dict[str, Any]:
    """The chat format: one user turn (with the input, if there is one) and one assistant turn."""
    prompt = f"{row['instruction']}\n\n{row['input']}" if row["input"] else row["instruction"]
    return {
        "id": row["id"],
        "messages": [
            {"role": "user", "content": prompt},
            {"role": "assistant", "content": row["response"]},
        ],
    }


def alpaca(row: Mapping[str, Any]) -> dict[str, Any]:
    """The format of Stanford Alpaca (https://github.com/tatsu-lab/stanford_alpaca): instruction, input, output."""
    return {
        "id": row["id"],
        "instruction": row["instruction"],
        "input": row["input"],
        "output": row["response"],
    }


def export(store: Store, arm: str, folder: Path, version: str | None = None, override: str | None = None) -> list[Path]:
    """Write <arm>.messages.jsonl, <arm>.alpaca.jsonl and <arm>.parquet into `folder`, each completely or not at all.

    `version` (or the start of it) selects another version than the current one. If the version has rows that were
    withdrawn, or were made from something withdrawn, `override` must give a reason to write it anyway. When all files
    are written, the export is recorded with that reason.

    Raises UserError if there is no such version, if it failed a blocking check, if it has withdrawn rows and no
    override, and for a blank override.
    """
    published = _found(store, arm, version)
    if published.fault:
        raise UserError(published.fault)
    rows = store.read(published)
    overridden = _allowed(store, published, rows["id"].to_list(), override)
    folder.mkdir(parents=True, exist_ok=True)
    written = [
        written_whole(folder / f"{arm}.messages.jsonl", lambda file: _lines(file, rows, messages)),
        written_whole(folder / f"{arm}.alpaca.jsonl", lambda file: _lines(file, rows, alpaca)),
        written_whole(folder / f"{arm}.parquet", rows.write_parquet),
    ]
    record_export(store, published, folder.resolve(), {path.name: file_digest(path) for path in written}, overridden)
    return written


def _found(store: Store, arm: str, version: str | None) -> Published:
    """The version of the arm's training set that shall be written."""
    asset, catalog = f"training_sets/{arm}", store.catalog()
    current = catalog.current(asset)
    if version is None:
        if current is None:
            raise UserError(f"the arm {arm!r} has no training set yet; build it first: slingshot build")
        return current
    stored = [one for one in catalog.stored.values() if one.asset == asset]
    found = [one for one in stored if one.version.startswith(version)]
    if len(found) != 1:
        choices = ", ".join(sorted(one.version[:9] for one in found or stored)) or "none"
        raise UserError(
            f"{len(found) or 'no'} versions of {asset} begin with {version!r}, choose one of these: {choices}"
        )
    return found[0]


def _allowed(store: Store, published: Published, ids: list[str], override: str | None) -> str | None:
    """The reason to write rows that depend on something withdrawn; None if there are no such rows."""
    if override is not None and not override.strip():
        raise UserError("an override needs a reason, found none; the reason is recorded with the export")
    with store.database.read() as connection:
        rows, withdrawn = withdrawn_ancestors(connection, ids, read_withdrawals(connection))
    if not rows:
        return None
    if override is None:
        raise UserError(
            f"{rows} of the {len(ids)} rows of {published.asset} {published.version[:9]} are, or were made from, what "
            f"was withdrawn: {'; '.join(one.description for one in withdrawn)}. Build it again and export that, "
            "or give a reason to write it anyway (--override)"
        )
    return override.strip()


def record_export(
    store: Store, published: Published, folder: Path, files: Mapping[str, str], override: str | None = None
) -> None:
    """Record that `files` (SHA-256 by name) in `folder` have the rows of a version, which is then never collected.

    `override` is the reason to write the version although something in it was withdrawn. Raises WarehouseError if the
    version was collected after it was read.
    """
    row = {
        "asset": published.asset,
        "version": published.version,
        "folder": str(folder),
        "files": canonical(files),
        "override": override,
        "exported_at": now(),
    }
    with store.database.write() as connection:
        store.check_stored(connection, published)
        insert(connection, "lineage.exports", pl.DataFrame([row]))


def _lines(file: Path, rows: pl.DataFrame, to_json: Callable[[Mapping[str, Any]], dict[str, Any]]) -> None:
    lines = (json.dumps(to_json(row), ensure_ascii=False) for row in rows.iter_rows(named=True))
    file.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
