"""The query for rows of a version, each with what was decided about it: filtered, searched, in order, or at random."""

from __future__ import annotations

import random as numbers
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import duckdb
import polars as pl

from warehouse.audit.nodes import HIDDEN
from warehouse.core.errors import UserError
from warehouse.schema.bookkeeping import CLEAR, OUTCOMES
from warehouse.store.published import Published
from warehouse.store.user_sql import refused

DECISION = ("outcome", "reason", "score", "cut", "duplicate_of", "position")
"""The columns of a decision, which come after the id of a row and before its content."""

OTHER = "other"
"""The column with the whole content (JSON) of a row that does not have the columns of its kind."""


class BadCondition(UserError, ValueError):
    """The SQL condition on rows is not valid."""


@dataclass(frozen=True)
class Wanted:
    """Which rows of a version. All conditions must hold; None, () and "" ask for nothing.

    A row has one of `outcomes`, `reason` in its reason (ignoring case) or exactly one of `reasons`, the `arm`, `text`
    in its id or any of its texts (ignoring case), a score of at least `least` and at most `most`, and fulfils the SQL
    condition `where`. With `unreviewed`, no decision of a person about it counts.

    Rows come by `order`: kept rows first and then in their order in the asset ("outcome"), in that order alone
    ("position"), or those nearest to their cut first ("cut"). `limit` rows are found after the first `start` ones; or
    so many are drawn at `random`, the same ones for the same `seed`.
    """

    outcomes: Sequence[str] = ()
    reason: str | None = None
    arm: str | None = None
    where: str | None = None
    limit: int = 10
    random: int | None = None
    seed: int | None = None
    reasons: Sequence[str] = ()
    text: str = ""
    least: float | None = None
    most: float | None = None
    unreviewed: bool = False
    order: Literal["outcome", "position", "cut"] = "outcome"
    start: int = 0


def columns_of(connection: duckdb.DuckDBPyConnection, kind: str) -> dict[str, str]:
    """The columns of a kind of record and their types in SQL, without the id."""
    found = {row[0]: row[1] for row in connection.execute(f"DESCRIBE records.{kind}").fetchall()}
    del found["id"]
    return found


def query_rows(
    connection: duckdb.DuckDBPyConnection, version: Published, wanted: Wanted, of_arm: bool
) -> tuple[int, pl.DataFrame]:
    """How many rows of a version are wanted, and those of them that are to be shown.

    The columns are `id`, those of DECISION and of the kind, and OTHER; of HIDDEN ones only the length. The arm of
    `wanted` is asked of the rows if `of_arm`. Raises BadCondition.
    """
    columns = columns_of(connection, version.kind)
    if wanted.where is not None and (why := refused(connection, wanted.where)):
        raise BadCondition(f"the condition cannot be used: {why}")
    conditions, values = _conditions(wanted, of_arm, columns)
    matching = f"FROM ({_decided_rows(version.kind, columns)}) WHERE {conditions}"
    values |= {"asset": version.asset, "version": version.version}
    try:
        ((count,),) = connection.execute(f"SELECT count(*) {matching}", values).fetchall()
        return count, connection.execute(f"SELECT * {matching} {_order(wanted)}", values).pl()
    except duckdb.Error as error:
        raise _bad(error) from error


def arms_of(connection: duckdb.DuckDBPyConnection, version: Published) -> tuple[str, ...]:
    """The arms of the rows of a version, sorted; none where its kind has no arm."""
    columns = columns_of(connection, version.kind)
    if "arm" not in columns:
        return ()
    query = f"SELECT DISTINCT arm FROM ({_decided_rows(version.kind, columns)}) WHERE arm IS NOT NULL ORDER BY arm"
    place = {"asset": version.asset, "version": version.version}
    return tuple(arm for (arm,) in connection.execute(query, place).fetchall())


def _decided_rows(kind: str, columns: dict[str, str]) -> str:
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
        f"CASE WHEN k.id IS NULL AND NOT list_has_all([{keys}], json_keys(r.content)) THEN r.content END AS {OTHER} "
        "FROM lineage.decisions d LEFT JOIN lineage.records r ON r.id = d.record "
        f"LEFT JOIN records.{kind} k ON k.id = d.record WHERE d.asset = $asset AND d.version = $version"
    )


def _conditions(wanted: Wanted, of_arm: bool, columns: Collection[str]) -> tuple[str, dict[str, object]]:
    """The conditions in SQL, and their values by name. Raises BadCondition."""
    texts = ", ' ', ".join(f"{name}::VARCHAR" for name in ("id", *columns, OTHER) if name not in HIDDEN)
    asked = {
        "outcomes": (wanted.outcomes, "list_contains($outcomes, outcome)"),
        "reasons": (wanted.reasons, "list_contains($reasons, reason)"),
        "reason": (wanted.reason, "contains(lower(reason), lower($reason))"),
        "arm": (wanted.arm if of_arm else None, "arm = $arm"),
        "text": (wanted.text.strip(), f"contains(lower(concat({texts})), lower($text))"),
        "least": (wanted.least, "score >= $least"),
        "most": (wanted.most, "score <= $most"),
    }
    used = {name: (value, sql) for name, (value, sql) in asked.items() if value not in (None, "", (), [])}
    conditions = ["true", *(sql for _, sql in used.values())]
    if wanted.unreviewed:
        conditions.append(
            "id NOT IN (SELECT record FROM (FROM lineage.reviews QUALIFY row_number() "
            f"OVER (PARTITION BY record ORDER BY reviewed_at DESC) = 1) WHERE verdict <> '{CLEAR}')"
        )
    if wanted.where is not None:
        # On lines of its own, so that a comment in it ends with it.
        conditions.append(f"(\n{wanted.where}\n)")
        _check(wanted.where)
    return " AND ".join(conditions), {name: value for name, (value, _) in used.items()}


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
    first = {"outcome": f"CASE outcome {rank} END, ", "position": "", "cut": "abs(score - cut) NULLS LAST, "}
    return f"ORDER BY {first[wanted.order]}position, id LIMIT {wanted.limit:d} OFFSET {max(0, wanted.start):d}"


def _bad(error: duckdb.Error) -> BadCondition:
    return BadCondition(f"the condition cannot be used: {str(error).strip()}")
