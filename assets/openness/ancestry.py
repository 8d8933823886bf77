"""The check of openness on finished rows, from their actual ancestry in the warehouse."""

from __future__ import annotations

import json
from collections.abc import Collection

import duckdb

from assets.openness.rules import Declared, Terms, violations
from warehouse.audit.behind import Described, behind
from warehouse.database import Database
from warehouse.result import Check
from warehouse.store import kept_rows

CHECK = "openness"
SHOWN = 10
"""So many violations are told."""


def openness(connection: duckdb.DuckDBPyConnection, rows: Collection[str], terms: Terms) -> Check:
    """Whether all that stands behind `rows` (ids of records or calls) is open under `terms`; unknown is not.

    Judged is what was described last of every model and source that wrote, answered or measured, and of what these
    were made from.
    """
    found = behind(connection, rows)
    used = [_declared(one) for one in found.used]
    known = {one.name: _declared(one) for one in (*found.ancestors, *found.used)}
    closed = [str(violation) for violation in violations(used, known, terms)]
    if found.unknown:
        closed.append(f"{found.unknown} of unknown origin, which counts as not open ({', '.join(found.ids)})")
    facts = {
        "models": ", ".join(one.name for one in found.used if one.role == "model"),
        "sources": ", ".join(one.name for one in found.used if one.role == "source"),
        "accepted by exception": ", ".join(name for name in terms.exceptions if name in known),
        "not open": "; ".join(closed[:SHOWN]),
    }
    return Check(CHECK, not closed, {name: value for name, value in facts.items() if value})


def training_sets(database: Database, terms: Terms | None = None) -> dict[str, Check]:
    """The check of every training set in force, under `terms`, or under the policy of the recipe that built it."""
    found = {}
    with database.read() as connection:
        for asset, version, recipe in connection.execute(
            "SELECT c.asset, c.version, arg_min(r.recipe, (m.action <> 'built', m.finished_at)) FROM lineage.current c "
            "JOIN lineage.materializations m USING (asset, version) JOIN lineage.recipes r ON r.digest = m.recipe "
            "WHERE c.asset LIKE 'training_sets/%' GROUP BY ALL ORDER BY ALL"
        ).fetchall():
            policy = json.loads(recipe).get("policy", {"licences": []})
            own = Terms(tuple(policy.pop("licences")), **policy)
            found[asset] = openness(connection, kept_rows(connection, asset, version), terms or own)
    return found


def _declared(one: Described) -> Declared:
    return Declared(one.role, one.name, one.licence, one.origin, one.made_from, one.address, one.sha256)
