"""The difference between two versions of an asset: rows added, removed and re-decided, and why."""

from __future__ import annotations

import json
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

import duckdb

from warehouse.audit.finding import Match, NotFound, candidates, find, searched
from warehouse.audit.nodes import Decided, contents
from warehouse.core.errors import UserError
from warehouse.core.texts import listed
from warehouse.lineage.withdrawals import applied_digest, read_withdrawals
from warehouse.store.published import REVIEWS, WITHDRAWALS
from warehouse.store.reasons import attempt_changes, code_changes, recipe_changes, row_changes, withdrawal_changes
from warehouse.store.versions import kept_rows
from warehouse.store.warehouse import Warehouse


@dataclass(frozen=True)
class Changed:
    """A record about which two versions decided differently; a decision is None if that version has none."""

    record: str
    before: Decided | None
    after: Decided | None
    says: dict[str, Any] | None


@dataclass(frozen=True)
class Diff:
    """From version `before` to version `after` of `asset`.

    `added` rows are kept by `after` alone, `removed` rows by `before` alone. `redecided` rows are kept by both or by
    neither, with another outcome or reason. `rescored` counts the rows with the same outcome and reason, but another
    score, cut or twin, such as a rank that moved. `because` says what differs in recipe, code, withdrawals, inputs and
    retries.
    """

    asset: str
    before: str
    after: str
    because: tuple[str, ...]
    added: tuple[Changed, ...]
    removed: tuple[Changed, ...]
    redecided: tuple[Changed, ...]
    rescored: int = 0


def diff(database: Warehouse, before: str, after: str) -> Diff:
    """The difference between two versions, each given by (the start of) its id, or by an asset for its current version.

    Raises NotFound, and UserError if an id is ambiguous or the versions belong to two assets.
    """
    with database.read() as connection:
        old, new = _version(connection, before), _version(connection, after)
        if old.name != new.name:
            raise UserError(
                f"{old.id} is a version of {old.name}, {new.id} one of {new.name}: give two versions of one asset"
            )
        changed, rescored = _changed(connection, old, new)
        because = differences(connection, old.name, old.id, new.id)
    kept = [[bool(one and one.outcome == "kept") for one in (row.before, row.after)] for row in changed]
    pairs = list(zip(changed, kept, strict=True))
    return Diff(
        old.name,
        old.id,
        new.id,
        tuple(because),
        tuple(row for row, (was, is_now) in pairs if is_now and not was),
        tuple(row for row, (was, is_now) in pairs if was and not is_now),
        tuple(row for row, (was, is_now) in pairs if was == is_now),
        rescored,
    )


def _version(connection: duckdb.DuckDBPyConnection, text: str) -> Match:
    row = connection.execute("SELECT version FROM lineage.current WHERE asset = ?", [text.strip()]).fetchone()
    found = candidates(connection, row[0] if row else text, "version")
    if len(found) > 1 and row:
        found = [match for match in found if match.name == text.strip()]
    if not found:
        assets = [asset for (asset,) in connection.execute("SELECT asset FROM lineage.current ORDER BY 1").fetchall()]
        assets.sort(key=lambda asset: SequenceMatcher(None, text, asset).ratio(), reverse=True)
        built = f"the assets built here are {listed(assets)}" if assets else "no asset was built here"
        raise NotFound(f"nothing is named {text!r}: searched {searched(connection, ['version'])}; {built}")
    if len({match.name for match in found}) > 1:
        raise UserError(f"{text!r} may be any of {', '.join(map(str, found))}; give more of the id")
    return found[0] if len(found) == 1 else find(connection, text, "version")


def _changed(connection: duckdb.DuckDBPyConnection, old: Match, new: Match) -> tuple[list[Changed], int]:
    """The rows with another outcome or reason, and the number of those that differ in anything else."""
    columns = "record, outcome, reason, score, cut, duplicate_of, position"
    of_version = f"(SELECT {columns} FROM lineage.decisions WHERE asset = ? AND version = ?)"
    both = f"FROM {of_version} a FULL JOIN {of_version} b ON a.record = b.record WHERE "
    places = [old.name, old.id, new.name, new.id]
    decision = "outcome, {0}.reason, {0}.score, {0}.cut, {0}.duplicate_of"
    rows = connection.execute(
        f"SELECT coalesce(a.record, b.record), a.{decision.format('a')}, b.{decision.format('b')} {both}"
        "(a.outcome, a.reason) IS DISTINCT FROM (b.outcome, b.reason) ORDER BY coalesce(b.position, a.position), 1",
        places,
    ).fetchall()
    ((rescored,),) = connection.execute(
        f"SELECT count(*) {both}(a.outcome, a.reason) IS NOT DISTINCT FROM (b.outcome, b.reason) "
        "AND (a.score, a.cut, a.duplicate_of) IS DISTINCT FROM (b.score, b.cut, b.duplicate_of)",
        places,
    ).fetchall()
    kinds = dict(connection.execute("SELECT asset, kind FROM lineage.versions WHERE version = ?", [new.id]).fetchall())
    says = contents(connection, {row[0]: kinds[new.name] for row in rows})
    stored = connection.execute(
        "SELECT id, content FROM lineage.records SEMI JOIN "
        "(SELECT record FROM lineage.decisions WHERE asset = ? AND version IN (?, ?)) ON id = record "
        "WHERE content IS NOT NULL",
        [new.name, old.id, new.id],
    ).fetchall()
    says |= {row_id: json.loads(content) for row_id, content in stored if row_id not in says}
    current = connection.execute("SELECT version FROM lineage.current WHERE asset = ?", [new.name]).fetchall()

    def decided(version: Match, cells: list[Any]) -> Decided | None:
        return Decided(*[version.name, version.id, *cells, (version.id,) in current]) if cells[0] else None

    changed = [(record, decided(old, rest[:5]), decided(new, rest[5:])) for record, *rest in rows]
    return [Changed(*one, says.get(one[0])) for one in changed], rescored


def differences(connection: duckdb.DuckDBPyConnection, asset: str, old: str, new: str) -> list[str]:
    """What differs in recipe, code, withdrawals, inputs and retries between two stored versions of an asset."""
    columns = "recipe, code, inputs, attempt, failed"
    query = f"SELECT {columns} FROM lineage.versions WHERE asset = ? AND version = ?"
    (was, now) = (connection.execute(query, [asset, version]).fetchall()[0] for version in (old, new))
    (recipe, code, inputs), (new_recipe, new_code, new_inputs) = (
        [json.loads(cell) for cell in row[:3]] for row in (was, now)
    )
    return [
        *recipe_changes(recipe, new_recipe),
        *code_changes(code, new_code),
        *_withdrawals(connection, inputs.pop(WITHDRAWALS, None), new_inputs.pop(WITHDRAWALS, None)),
        *(["other reviews apply"] if inputs.pop(REVIEWS, None) != new_inputs.pop(REVIEWS, None) else []),
        *(
            _rows(connection, asset, inputs[asset], new_inputs[asset])
            for asset in sorted(inputs.keys() & new_inputs.keys())
            if inputs[asset] != new_inputs[asset]
        ),
        *(f"reads {asset} now" for asset in sorted(new_inputs.keys() - inputs.keys())),
        *(f"reads {asset} no more" for asset in sorted(inputs.keys() - new_inputs.keys())),
        *attempt_changes(was[3], now[3], was[4]),
    ]


def _rows(connection: duckdb.DuckDBPyConnection, asset: str, old: str, new: str) -> str:
    """The difference between the rows of an input at two data versions, in words."""
    query = "SELECT kind, version FROM lineage.versions WHERE asset = ? AND data_version = ? ORDER BY version LIMIT 1"
    before, after = (connection.execute(query, [asset, data_version]).fetchone() for data_version in (old, new))
    if before is None or after is None:
        return f"{asset} changed"
    return row_changes(asset, after[0], *(kept_rows(connection, asset, version) for _, version in (before, after)))


def _withdrawals(connection: duckdb.DuckDBPyConnection, old: str | None, new: str | None) -> list[str]:
    # Only withdrawals of rows: a build with a withdrawn model or source is refused, so no version depends on one.
    rows = list(read_withdrawals(connection).rows.values())
    applied = next((rows[:count] for count in range(1, len(rows) + 1) if applied_digest(rows[:count]) == new), None)
    if new and applied is None:
        return ["other withdrawals concern it"] if old != new else []
    return withdrawal_changes(applied or [], old)
