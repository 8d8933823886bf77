"""Writes the training set of an arm as files that trainers read, and puts on record what was written."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from warehouse.core.atomic import written_whole
from warehouse.core.errors import Mendable
from warehouse.core.identity import canonical, file_digest
from warehouse.lineage.withdrawals import read_withdrawals
from warehouse.release.recall import NoReason, withdrawn_behind
from warehouse.store.database import now
from warehouse.store.inserting import insert
from warehouse.store.versions import Published, Store


class NotBuilt(Mendable):
    """What was asked for has not been built yet, or is not in the warehouse any more."""


class HoldsWithdrawn(Mendable):
    """What was asked for holds rows that are, or were made from, something withdrawn."""


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


def export(store: Store, arm: str, folder: Path, version: str | None = None, override: str | None = None) -> list[Path]:
    """Writes <arm>.messages.jsonl, <arm>.alpaca.jsonl and <arm>.parquet into `folder`, each whole or not at all.

    `version` (or the start of it) names another than the current one. Where it holds rows that are, or were made from,
    something withdrawn, `override` must say why it is written all the same. The export goes on record, with that
    reason, once all is in place. Raises NotBuilt, HeldUp where the version failed a check that blocks, HoldsWithdrawn,
    and NoReason for a blank override.
    """
    published = _found(store, arm, version)
    if published.fault:
        raise HeldUp(published.fault)
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
    """The version of the arm's training set that is to be written."""
    asset, catalog = f"training_sets/{arm}", store.catalog()
    current = catalog.current(asset)
    if version is None:
        if current is None:
            raise NotBuilt(f"the arm {arm!r} has no training set yet; build it first: slingshot build")
        return current
    stored = [one for one in catalog.stored.values() if one.asset == asset]
    found = [one for one in stored if one.version.startswith(version)]
    if len(found) != 1:
        those = ", ".join(sorted(one.version[:9] for one in found or stored)) or "none"
        raise NotBuilt(
            f"{len(found) or 'no'} versions of {asset} begin with {version!r}, right would be one of these: {those}"
        )
    return found[0]


def _allowed(store: Store, published: Published, ids: list[str], override: str | None) -> str | None:
    """The reason for which rows are written that hang on something withdrawn; None where there are no such rows."""
    if override is not None and not override.strip():
        raise NoReason("an override needs a reason, found none; it goes on record with the export")
    with store.database.read() as connection:
        rows, behind = withdrawn_behind(connection, ids, read_withdrawals(connection))
    if not rows:
        return None
    if override is None:
        raise HoldsWithdrawn(
            f"{rows} of the {len(ids)} rows of {published.asset} {published.version[:9]} are, or were made from, what "
            f"was withdrawn: {'; '.join(one.description for one in behind)}. Build it anew and export that, "
            "or give a reason to write it all the same (--override)"
        )
    return override.strip()


def record_export(
    store: Store, published: Published, folder: Path, files: Mapping[str, str], override: str | None = None
) -> None:
    """Puts on record that `files` (SHA-256 by name) in `folder` were written of a version, which is kept for it, and
    for which reason where it holds what was withdrawn.

    Raises WarehouseError where the version was collected since it was read.
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


def _lines(file: Path, rows: pl.DataFrame, form: Callable[[Mapping[str, Any]], dict[str, Any]]) -> None:
    lines = (json.dumps(form(row), ensure_ascii=False) for row in rows.iter_rows(named=True))
    file.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
