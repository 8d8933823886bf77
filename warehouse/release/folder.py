"""What is in a folder of exported training sets already: arms, and files that no export wrote."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from warehouse.core.errors import UserError
from warehouse.core.identity import file_digest
from warehouse.release.layout import CARD, SHARED, TRAIN, table
from warehouse.release.markdown import front_of
from warehouse.store.versions import Store

_PREFIX = "training_sets/"


@dataclass(frozen=True)
class Earlier:
    """The last export of an arm into the folder: `files` has SHA-256 by path."""

    arm: str
    version: str
    files: Mapping[str, str]
    override: str | None


def earlier_in(store: Store, folder: Path, arm: str) -> list[Earlier]:
    """The arms that were exported to `folder` and are still there, in the order of their first export.

    Raises UserError if a file of another arm than `arm` is no longer the one that was written, and if the folder has a
    card, or arms in it, that this warehouse did not write: they would be replaced, or left out of the new card.
    """
    with store.database.read() as connection:
        rows = connection.execute(
            "SELECT asset, version, files, override FROM lineage.exports WHERE folder = ? AND starts_with(asset, ?) "
            "QUALIFY row_number() OVER (PARTITION BY asset ORDER BY exported_at DESC) = 1 "
            "ORDER BY min(exported_at) OVER (PARTITION BY asset)",
            [str(folder.resolve()), _PREFIX],
        ).fetchall()
    found = [
        Earlier(asset.removeprefix(_PREFIX), version, json.loads(files), why) for asset, version, files, why in rows
    ]
    there = [one for one in found if _is_there(folder, one)]
    _refuse_foreign(folder, {arm, *(one.arm for one in there)})
    for one in there:
        if one.arm == arm:
            continue
        for name, sha256 in one.files.items():
            if not (folder / name).is_file() or file_digest(folder / name) != sha256:
                raise UserError(
                    f"{folder / name} is not what was exported; export it again (slingshot export {one.arm} --to "
                    f"{folder}), or remove {folder / table(one.arm, TRAIN)} to take {one.arm} out of the folder"
                )
    return there


def _is_there(folder: Path, one: Earlier) -> bool:
    name = table(one.arm, TRAIN)
    return name in one.files and (folder / name).is_file()


def _refuse_foreign(folder: Path, known: Collection[str]) -> None:
    written = [folder / name for name in SHARED if (folder / name).exists()]
    if not written:
        return
    try:
        front = front_of((folder / CARD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        front = None
    if front is None:
        raise UserError(
            f"{written[0]} was not written by an export and would be replaced; choose another folder with --to"
        )
    configs = [one.get("config_name") for one in front.get("configs", []) if isinstance(one, dict)]
    unknown = [
        name
        for name in configs
        if name not in known and isinstance(name, str) and (folder / table(name, TRAIN)).exists()
    ]
    if unknown:
        raise UserError(
            f"{folder} has training sets that were not exported from this warehouse to there: {', '.join(unknown)}; "
            "choose another folder with --to"
        )
