"""Records what a person decides about a pair: accept, reject, edit, or take the earlier decision back.

The act changes no row. The next build applies it, and only what depends on the row is built again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import duckdb
import polars as pl

from warehouse.core.errors import UserError
from warehouse.core.identity import canonical, digest
from warehouse.core.texts import listed
from warehouse.lineage.reviews import read_reviews
from warehouse.results.validation import fault
from warehouse.schema.bookkeeping import ACCEPT, CLEAR, EDIT, VERDICTS
from warehouse.schema.records import KINDS, Pair, empty
from warehouse.store.inserting import insert
from warehouse.store.warehouse import Warehouse, now

REVIEWED = "pair"
"""The kind of record that is reviewed. Rows of sources are withdrawn instead (see recall.py)."""


class NotReviewed(UserError):
    """A review was not recorded; the message says why."""


def review(
    database: Warehouse,
    record: str,
    verdict: str,
    reviewer: str,
    reason: str,
    content: Mapping[str, str] | None = None,
) -> str:
    """Records a review of the pair `record` (a whole id) and returns its id.

    `content` has the columns of an edit that change. Raises NotReviewed for a blank reviewer or reason, for a row that
    cannot be reviewed, for a row that says the same after the edit, and for an edited row that breaks the schema.
    """
    if verdict not in VERDICTS:
        raise NotReviewed(f"a review is one of {listed(VERDICTS)}; found {verdict!r}")
    for name, value in (("the name of who decides", reviewer), ("a reason", reason)):
        if not value.strip():
            raise NotReviewed(f"a review needs {name}, found none; both are kept with the decision")
    at = now()
    with database.write("lineage") as connection:
        says = _content(connection, record)
        if verdict == CLEAR and record not in {one.record for one in read_reviews(connection).entries}:
            raise NotReviewed(f"nobody has decided about {record[:9]}, so there is nothing to take back")
        edited = _edited(says, content or {}) if verdict == EDIT else None
        if verdict == ACCEPT and says.keys() != _COLUMNS:
            raise NotReviewed(f"{record[:9]} is not whole: it lacks {listed(sorted(_COLUMNS - says.keys()))}; edit it")
        row = {
            "id": _review_id(record, verdict, edited, reviewer, reason, at),
            "record": record,
            "kind": REVIEWED,
            "verdict": verdict,
            "content": None if edited is None else canonical(edited),
            "makers": canonical(_makers(connection, record)),
            "reviewer": reviewer.strip(),
            "reason": reason.strip(),
            "reviewed_at": at,
        }
        insert(connection, "lineage.reviews", pl.DataFrame([row]))
    return str(row["id"])


_COLUMNS = empty(Pair).schema.keys() - {"id"}


def _content(connection: duckdb.DuckDBPyConnection, record: str) -> dict[str, Any]:
    """What a pair says. Raises NotReviewed where the record is none."""
    row = connection.execute("SELECT kind, content FROM lineage.records WHERE id = ?", [record]).fetchone()
    if row is None:
        raise NotReviewed(f"no record has the id {record!r}")
    kind, content = row
    if kind != REVIEWED:
        raise NotReviewed(f"{record[:9]} is a {kind}; people decide about pairs only: withdraw a row of a source")
    if content is not None:
        return dict(json.loads(content))
    found = connection.execute(f"FROM records.{REVIEWED} WHERE id = ?", [record]).pl()
    return {name: value for name, value in found.row(0, named=True).items() if name != "id"}


def _edited(says: Mapping[str, Any], content: Mapping[str, str]) -> dict[str, Any]:
    edited = {**says, **content}
    if edited.keys() != _COLUMNS:
        wrong = sorted(edited.keys() ^ _COLUMNS)
        raise NotReviewed(f"a pair has {listed(sorted(_COLUMNS))}; after the edit these differ: {listed(wrong)}")
    if edited == says:
        raise NotReviewed("the edit changes nothing: accept the row instead")
    frame = pl.DataFrame([{"id": digest(edited), **edited}], schema=empty(KINDS[REVIEWED]).schema)
    if found := fault(KINDS[REVIEWED].to_schema(), frame):
        raise NotReviewed(f"the edited row cannot be kept: {found}")
    return edited


def _makers(connection: duckdb.DuckDBPyConnection, record: str) -> Sequence[str]:
    """The assets that made the record: those that decided about it and had it from no asset that they read."""
    rows = connection.execute(
        "SELECT DISTINCT d.asset, v.inputs FROM lineage.decisions d JOIN lineage.versions v USING (asset, version) "
        "WHERE d.record = ?",
        [record],
    ).fetchall()
    deciding = {asset for asset, _ in rows}
    handed_on = {asset for asset, inputs in rows if deciding & json.loads(inputs).keys()}
    return sorted(deciding - handed_on)


def _review_id(
    record: str, verdict: str, content: Mapping[str, Any] | None, reviewer: str, reason: str, at: datetime
) -> str:
    return digest([record, verdict, content, reviewer, reason, at.isoformat()])
