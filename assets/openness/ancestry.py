"""The check of openness on finished rows, from their actual ancestry in the warehouse."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace

import duckdb

from assets.openness.rules import Declared, Terms, violations
from warehouse.audit.behind import Described, behind
from warehouse.checks import OPENNESS
from warehouse.database import Database
from warehouse.result import Check, Result
from warehouse.store import kept_rows

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
    return Check(OPENNESS, not closed, {name: value for name, value in facts.items() if value})


def judged(database: Database, result: Result, terms: Terms) -> Result:
    """`result` with the check of openness on its kept rows before its own: on all that stands behind their parents."""
    edges = result.edges.join(result.kept.select(child="id"), on="child", how="semi")
    # A row that was passed on is on record with its parents; a new one is not there yet.
    passed_on = result.kept.join(edges, left_on="id", right_on="child", how="anti")["id"]
    with database.read() as connection:
        check = openness(connection, {*passed_on, *edges["parent"]}, terms)
    return replace(result, checks=(check, *result.checks))


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
