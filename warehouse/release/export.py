"""Writes the training set of an arm as a folder that others can load and cite, and records what was written.

The names of the files are in layout.py. The files about all arms in the folder (card, licence, Croissant) are written
again with each export; the attestation of an arm is about its own files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import polars as pl
import yaml

from warehouse.core.atomic import written_whole
from warehouse.core.errors import UserError
from warehouse.core.identity import canonical, file_digest
from warehouse.lineage.withdrawals import read_withdrawals
from warehouse.release import layout
from warehouse.release.card import card, materials_of
from warehouse.release.contents import Contents, HeldOut, contents_of
from warehouse.release.croissant import croissant
from warehouse.release.folder import Earlier, earlier_in
from warehouse.release.forms import FORMS, write_lines
from warehouse.release.licences import notice
from warehouse.release.recall import withdrawn_ancestors
from warehouse.store.inserting import insert
from warehouse.store.published import Published
from warehouse.store.versions import Store
from warehouse.store.warehouse import WarehouseError, now


def export(
    store: Store,
    arm: str,
    folder: Path,
    version: str | None = None,
    override: str | None = None,
    held_out: HeldOut | None = None,
) -> list[Path]:
    """Write the training set of `arm` into `folder`, each file completely or not at all; return the paths.

    `version` (or the start of it) selects another version than the current one. `held_out` says which rows no student
    is trained on: they are in the split `validation`. Arms that were exported to the folder before stay in it. If the
    version or its benchmark items have rows that were withdrawn, or were made from something withdrawn, `override` must
    give a reason to write it anyway. When all files are written, the export is recorded with that reason.

    Raises UserError if there is no such version, if it failed a blocking check, if it has withdrawn rows and no
    override, for a blank override, and if the folder has files that no export wrote.
    """
    published = _found(store, arm, version)
    if published.fault:
        raise UserError(published.fault)
    contents = contents_of(store, arm, published, held_out)
    contents = replace(contents, override=_allowed(store, contents, override))
    earlier = earlier_in(store, folder, arm)
    found = [contents if one.arm == arm else _again(store, one, held_out) for one in earlier]
    found += [] if any(one is contents for one in found) else [contents]
    folder.mkdir(parents=True, exist_ok=True)
    own = _write_arm(folder, contents)
    files = {name: file_digest(folder / name) for name in own}
    shared = _write_shared(folder, found, files)
    place = folder.resolve()
    if contents.items:
        # So that a recall of a benchmark item finds the folder.
        test = layout.table(arm, layout.TEST)
        items = _stored(store, *contents.items)
        record_export(store, items, place, {test: files[test]}, contents.override)
    record_export(store, published, place, files, contents.override)
    return [folder / name for name in (*own, *shared)]


def _write_arm(folder: Path, contents: Contents) -> list[str]:
    """Write the files of an arm; the names of those written. Those of splits that it no longer has are removed."""
    arm, written = contents.arm, []
    for split in layout.SPLITS:
        writers: dict[str, Callable[[Path, pl.DataFrame], None]] = {layout.table(arm, split): _parquet}
        if split != layout.TEST:
            writers |= {layout.lines(form, arm, split): partial(_lines, form=form) for form in FORMS}
        for name, write in writers.items():
            if split in contents.splits:
                written.append(_put(folder, name, partial(_rows_into, rows=contents.splits[split], write=write)))
            else:
                (folder / name).unlink(missing_ok=True)
    recipe = yaml.safe_dump(dict(contents.provenance.recipe), sort_keys=False, allow_unicode=True, width=100)
    written.append(_put(folder, layout.recipe(arm), lambda file: file.write_text(recipe, encoding="utf-8")))
    return written


def _write_shared(folder: Path, found: Sequence[Contents], files: Mapping[str, str]) -> list[str]:
    """Write the files about all arms in the folder; their names. The card is the last, since it says what to load."""
    name = folder.resolve().name or "dataset"
    tables = [layout.table(one.arm, split) for one in found for split in one.splits]
    digests = {table: files.get(table) or file_digest(folder / table) for table in tables}
    texts = {
        layout.LICENCE: notice(materials_of(found)),
        layout.CROISSANT: croissant(found, name, digests),
        layout.CARD: card(found, name),
    }
    return [_put(folder, name, partial(Path.write_text, data=text, encoding="utf-8")) for name, text in texts.items()]


def _put(folder: Path, name: str, write: Callable[[Path], object]) -> str:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    written_whole(folder / name, write)
    return name


def _rows_into(file: Path, rows: pl.DataFrame, write: Callable[[Path, pl.DataFrame], None]) -> None:
    write(file, rows)


def _parquet(file: Path, rows: pl.DataFrame) -> None:
    # Without the types of Arrow: readers would take polars' large strings for something special.
    rows.write_parquet(file, use_pyarrow=True, pyarrow_options={"store_schema": False})


def _lines(file: Path, rows: pl.DataFrame, form: str) -> None:
    write_lines(file, rows, FORMS[form])


def _again(store: Store, one: Earlier, held_out: HeldOut | None) -> Contents:
    """The contents of an arm that is in the folder already.

    Raises UserError if something in it was withdrawn since: the card would go on to offer it.
    """
    contents = contents_of(store, one.arm, _stored(store, f"training_sets/{one.arm}", one.version), held_out)
    if one.override is None:
        _allowed(store, contents, None)
    return replace(contents, override=one.override)


def _stored(store: Store, asset: str, version: str) -> Published:
    found = store.catalog().find(asset, version)
    if found is None:
        raise WarehouseError(f"version {version} of {asset} is no longer in the warehouse")
    return found


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


def _allowed(store: Store, contents: Contents, override: str | None) -> str | None:
    """The reason to write rows that depend on something withdrawn; None if there are no such rows."""
    if override is not None and not override.strip():
        raise UserError("an override needs a reason, found none; the reason is recorded with the export")
    ids = [row_id for rows in contents.splits.values() for row_id in rows["id"]]
    with store.database.read() as connection:
        rows, withdrawn = withdrawn_ancestors(connection, ids, read_withdrawals(connection))
    if not rows:
        return None
    if override is None:
        published = contents.published
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
    with store.database.write("lineage") as connection:
        store.check_stored(connection, published)
        insert(connection, "lineage.exports", pl.DataFrame([row]))
