"""Takes over finished model calls from another warehouse, so that a build here need not compute them again.

Each call is looked at before it is taken: its key must be the hash of what was asked, its hash must be that of the
answer, and the files of a training must be those that its answer names. A call that fails is refused and named, and all
others are taken. Versions are not copied: a build of the same recipe makes them from the calls, with the same ids.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import polars as pl

from warehouse.results.validation import InvalidTable
from warehouse.schema.bookkeeping import ModelCall
from warehouse.schema.records import empty
from warehouse.store.answer_digests import computed_digest
from warehouse.store.calls import key_of
from warehouse.store.checkpoints import CheckpointFiles
from warehouse.store.inserting import cast_and_validate, insert_new_calls
from warehouse.store.places import require_another
from warehouse.store.warehouse import Warehouse

AT_ONCE = 1_000
"""So many calls are taken in one transaction, which other builds wait for."""


@dataclass(frozen=True)
class Refused:
    """A call that was not taken, and why."""

    key: str
    kind: str
    why: str


@dataclass(frozen=True)
class Synced:
    """How many calls were `taken`, and `known` before. Of these, `differing` have another answer here, which stays."""

    taken: int
    known: int
    differing: tuple[str, ...]
    refused: tuple[Refused, ...]


def take_calls(source: Warehouse, target: Warehouse) -> Synced:
    """Takes over the calls of `source` that `target` does not have. `source` stays as it is.

    A kill leaves whole transactions; a repetition goes on after them. Raises UserError where there is no other
    warehouse.
    """
    require_another(source, target)
    theirs, ours = _places(source), _places(target)
    both = theirs.join(ours, on=["key", "budget"], suffix="_here")
    differing = both.filter(pl.col("answer_digest").ne_missing(pl.col("answer_digest_here")))
    missing = theirs.join(ours, on=["key", "budget"], how="anti", maintain_order="left")
    taken, refused = 0, []
    for part in missing.iter_slices(AT_ONCE):
        rows, found = _checked(source, target, _rows(source, part))
        refused += found
        if len(rows):
            with target.write("memo") as connection:
                taken += insert_new_calls(connection, rows)
    return Synced(taken, len(both), tuple(sorted(set(differing["key"]))), tuple(refused))


def _places(database: Warehouse) -> pl.DataFrame:
    with database.read() as connection:
        return connection.execute("SELECT key, budget, answer_digest FROM memo.calls ORDER BY ALL").pl()


def _rows(database: Warehouse, places: pl.DataFrame) -> pl.DataFrame:
    with database.read() as connection:
        connection.register("wanted", places)
        rows = connection.execute(
            "SELECT c.* FROM memo.calls c JOIN wanted w ON w.key IS NOT DISTINCT FROM c.key "
            "AND w.budget IS NOT DISTINCT FROM c.budget ORDER BY c.key, c.budget"
        ).pl()
        connection.unregister("wanted")
    return rows.select(empty(ModelCall).columns)


def _checked(source: Warehouse, target: Warehouse, rows: pl.DataFrame) -> tuple[pl.DataFrame, list[Refused]]:
    """The rows that may be taken, with the files of trainings in their place, and the others."""
    # Most often all rows are valid, and that is known much faster of all at once.
    valid = _invalid(rows) is None
    faults = [
        _fault(row) or (None if valid else _invalid(rows[place])) or _files_fault(source, target, row)
        for place, row in enumerate(rows.iter_rows(named=True))
    ]
    refused = [
        Refused(str(row["key"]), str(row["kind"]), why)
        for row, why in zip(rows.iter_rows(named=True), faults, strict=True)
        if why
    ]
    return rows.filter(pl.Series([why is None for why in faults], dtype=pl.Boolean)), refused


def _fault(row: dict[str, Any]) -> str | None:
    """What is wrong with a call by its hashes; None if nothing is."""
    if key_of(row["kind"], row["model"], row["request"]) != row["key"]:
        return "its key is not the hash of what was asked"
    told = (row[name] for name in ("budget", "complete", "response", "vector", "tokens", "engine"))
    digest = computed_digest(row["key"], *told)
    return None if digest and digest == row["answer_digest"] else "its answer is not the one that was stored"


def _invalid(rows: pl.DataFrame) -> str | None:
    """Which rule of the table some calls break, though their hashes may fit."""
    try:
        cast_and_validate("memo.calls", rows)
        read = [json.loads(response) for response in rows["response"]]
    except (InvalidTable, TypeError, ValueError, RecursionError) as error:
        return str(error)
    return None if all(isinstance(one, dict) for one in read) else "its answer is no JSON object"


def _files_fault(source: Warehouse, target: Warehouse, row: dict[str, Any]) -> str | None:
    """Copies the files of a training; what is wrong with them, None if nothing is, or if it is another kind of call."""
    if row["kind"] != "training":
        return None
    fault = CheckpointFiles(target).take(CheckpointFiles(source), row["key"])
    return f"the files of the training are not those of its answer: {fault}" if fault else None
