"""Rows of any asset as its current version decided about them: texts, scores, outcome and reason."""

from __future__ import annotations

import random as numbers
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import polars as pl

from warehouse.audit.finding import NotFound
from warehouse.audit.nodes import HIDDEN, Decided, decisions
from warehouse.core.errors import UserError
from warehouse.core.texts import listed, nearest
from warehouse.schema.bookkeeping import OUTCOMES
from warehouse.store.versions import Published, Store

DECISION = ("outcome", "reason", "score", "cut", "duplicate_of", "position")
"""The columns of a decision, which come after the id of a row and before its content."""


class BadCondition(UserError, ValueError):
    """The SQL condition on rows is not valid."""


@dataclass(frozen=True)
class Rows:
    """Rows about which the current version of an asset decided.

    `outcomes` counts all its decisions, by outcome. `matching` of these rows are what was asked for, and `frame` has
    those that are shown: `id`, the columns of DECISION, the columns of the kind, and `other`, the content as JSON of a
    row that does not have the columns of its kind, such as a quarantined one. `scores` has, by id, the decisions with a
    score that current versions of other assets made about the row.
    """

    asset: str
    version: str
    kind: str
    outcomes: dict[str, int]
    matching: int
    frame: pl.DataFrame
    scores: dict[str, tuple[Decided, ...]]


@dataclass(frozen=True)
class Wanted:
    """Which rows: those with one of `outcomes`, with `reason` in their reason (ignoring case), of `arm`, and for which
    the SQL condition `where` holds; None or () means any. At most `limit` of them, or so many drawn at `random`."""

    outcomes: Sequence[str] = ()
    reason: str | None = None
    arm: str | None = None
    where: str | None = None
    limit: int = 10
    random: int | None = None
    seed: int | None = None


def find_rows(store: Store, asset: str, wanted: Wanted) -> Rows:
    """The rows of the current version of an asset that are wanted: by outcome, kept rows first, and then in their order
    in the asset; or drawn at random, the same ones for the same `seed`.

    `where` may use `id`, the columns of DECISION and those of the kind. With an arm, `asset` may be named without the
    arm at its end, such as "training_sets". Raises NotFound for an asset that is not built and for rows without an arm,
    BadCondition, and UserError for an unknown outcome.
    """
    if unknown := [outcome for outcome in wanted.outcomes if outcome not in OUTCOMES]:
        raise UserError(f"there is no outcome {unknown[0]!r}; {nearest(unknown[0], OUTCOMES)}")
    published, of_arm = _place(store, asset, wanted.arm)
    with store.database.read() as connection:
        columns = _columns(connection, published.kind)
        place = {"asset": published.asset, "version": published.version}
        counted = connection.execute(
            "SELECT outcome, count(*) FROM lineage.decisions WHERE asset = $asset AND version = $version GROUP BY ALL",
            place,
        ).fetchall()
        conditions, values = _conditions(wanted, of_arm)
        matching = f"FROM ({_query(published.kind, columns)}) WHERE {conditions}"
        values |= place
        try:
            ((count,),) = connection.execute(f"SELECT count(*) {matching}", values).fetchall()
            found = connection.execute(f"SELECT * {matching} {_order(wanted)}", values).pl()
        except duckdb.Error as error:
            raise _bad(error) from error
        scored = decisions(connection, found["id"].to_list())
    outcomes = dict(counted)
    return Rows(
        published.asset,
        published.version,
        published.kind,
        {outcome: outcomes[outcome] for outcome in OUTCOMES if outcome in outcomes},
        count,
        found,
        {
            row: tuple(one for one in made if one.is_current and one.score is not None and one.asset != published.asset)
            for row, made in scored.items()
        },
    )


def _place(store: Store, asset: str, arm: str | None) -> tuple[Published, bool]:
    """The version to read, and whether its rows have to be chosen by arm: they say it themselves."""
    published = store.catalog().published
    if arm is not None and (own := published.get(f"{asset.rstrip('/')}/{arm}")):
        return own, False
    if asset not in published:
        below = sorted(name for name in published if name.startswith(f"{asset.rstrip('/')}/"))
        if arm is None and below:
            raise NotFound(f"{asset!r} is no asset; it stands for {listed(below, len(below))}")
        hint = f"; {nearest(asset, published)}" if published else ""
        raise NotFound(f"the asset {asset!r} was not built here{hint}")
    if arm is None or asset.rpartition("/")[2] == arm:
        return published[asset], False
    with store.database.read() as connection:
        if "arm" in _columns(connection, published[asset].kind):
            return published[asset], True
    of_arm = sorted(name for name in published if name.rpartition("/")[2] == arm)
    assets = f"; assets of this arm: {listed(of_arm, len(of_arm))}" if of_arm else ""
    raise NotFound(f"the rows of {asset} belong to no arm{assets}")


def _columns(connection: duckdb.DuckDBPyConnection, kind: str) -> dict[str, str]:
    """The columns of a kind of record and their types in SQL, without the id."""
    found = {row[0]: row[1] for row in connection.execute(f"DESCRIBE records.{kind}").fetchall()}
    del found["id"]
    return found


def _query(kind: str, columns: dict[str, str]) -> str:
    """All decisions of a version, each with the content of its row, wherever that is stored."""
    shown = ", ".join(
        f"len(k.{name}) AS {name}"
        if name in HIDDEN
        else f"coalesce(k.{name}, TRY_CAST(r.content ->> '$.{name}' AS {sql_type})) AS {name}"
        for name, sql_type in columns.items()
    )
    keys = ", ".join(f"'{name}'" for name in columns)
    return (
        f"SELECT d.record AS id, {', '.join(f'd.{name}' for name in DECISION)}, {shown}, "
        f"CASE WHEN k.id IS NULL AND NOT list_has_all([{keys}], json_keys(r.content)) THEN r.content END AS other "
        "FROM lineage.decisions d LEFT JOIN lineage.records r ON r.id = d.record "
        f"LEFT JOIN records.{kind} k ON k.id = d.record WHERE d.asset = $asset AND d.version = $version"
    )


def _conditions(wanted: Wanted, of_arm: bool) -> tuple[str, dict[str, object]]:
    """The conditions in SQL, and their values by name. Raises BadCondition."""
    conditions, values = ["true"], dict[str, object]()
    if wanted.outcomes:
        conditions.append("list_contains($outcomes, outcome)")
        values["outcomes"] = [*wanted.outcomes]
    if wanted.reason is not None:
        conditions.append("contains(lower(reason), lower($reason))")
        values["reason"] = wanted.reason
    if of_arm:
        conditions.append("arm = $arm")
        values["arm"] = wanted.arm
    if wanted.where is not None:
        # On lines of its own, so that a comment in it ends with it.
        conditions.append(f"(\n{wanted.where}\n)")
        _check(wanted.where)
    return " AND ".join(conditions), values


def _check(where: str) -> None:
    """Refuses what is no single expression, such as a condition that ends the query and starts another."""
    try:
        alone = duckdb.extract_statements(f"SELECT (\n{where}\n)")
    except duckdb.Error as error:
        raise _bad(error) from error
    if [statement.type for statement in alone] != [duckdb.StatementType.SELECT]:
        raise BadCondition("the condition must be one SQL expression, such as 'score > 0.5'")


def _order(wanted: Wanted) -> str:
    if wanted.random is not None:
        seed = numbers.getrandbits(32) if wanted.seed is None else wanted.seed
        return f"ORDER BY md5(id || '{seed:d}') LIMIT {wanted.random:d}"
    rank = " ".join(f"WHEN '{outcome}' THEN {place}" for place, outcome in enumerate(OUTCOMES))
    return f"ORDER BY CASE outcome {rank} END, position, id LIMIT {wanted.limit:d}"


def _bad(error: duckdb.Error) -> BadCondition:
    return BadCondition(f"the condition cannot be used: {str(error).strip()}")
