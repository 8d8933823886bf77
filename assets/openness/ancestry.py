"""The check of openness on finished rows, from their actual ancestry in the warehouse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from assets.openness.rules import ANCESTOR, Declared, Terms, violations
from warehouse.audit.behind import Behind, Described, behind, chain
from warehouse.audit.versions import behind_version, built_by
from warehouse.results.checks import OPENNESS
from warehouse.results.result import Check, Result
from warehouse.store.database import Database

SHOWN = 10
"""So many violations are told."""


def openness(found: Behind, terms: Terms) -> Check:
    """Whether all that stands behind rows is open under `terms`; unknown is not.

    Judged is every model and source that wrote, answered or measured, and what these were made from.
    """
    # Of models that share a name, each is judged; an ancestor has a name to itself.
    used = [_declared(one) for one in (*found.used, *found.ancestors) if one.role != ANCESTOR]
    known = {one.name: _declared(one) for one in (*found.ancestors, *found.used)}
    closed = [str(violation) for violation in violations(used, known, terms)]
    if found.unknown:
        closed.append(f"{found.unknown} of unknown origin, which counts as not open ({', '.join(found.ids)})")
    facts = {
        "models": ", ".join(sorted({one.name for one in found.used if one.role == "model"})),
        "sources": ", ".join(sorted({one.name for one in found.used if one.role == "source"})),
        "accepted by exception": ", ".join(name for name in terms.exceptions if name in known),
        "not open": "; ".join(closed[:SHOWN]),
    }
    return Check(OPENNESS, not closed, {name: value for name, value in facts.items() if value})


def judged(database: Database, result: Result, inputs: Mapping[str, str], terms: Terms) -> Result:
    """`result` with the check of openness on its kept rows before its own: on all that stands behind them.

    `inputs` are the data versions, by asset, that it was made from.
    """
    edges = result.edges.join(result.kept.select(child="id"), on="child", how="semi")
    # A row that was passed on is on record with its parents; a new one is not there yet.
    passed_on = result.kept.join(edges, left_on="id", right_on="child", how="anti")["id"]
    with database.read() as connection:
        found = behind(connection, {*passed_on, *edges["parent"]}, chain(connection, inputs))
    return replace(result, checks=(openness(found, terms), *result.checks))


def training_sets(database: Database, terms: Terms | None = None) -> dict[str, Check]:
    """The check of every training set in force, under `terms`, or under the policy of the recipe that built it."""
    found = {}
    with database.read() as connection:
        for asset, version in connection.execute(
            "SELECT asset, version FROM lineage.current WHERE asset LIKE 'training_sets/%' ORDER BY ALL"
        ).fetchall():
            policy = built_by(connection, asset, version).recipe.get("policy", {"licences": []})
            own = Terms(tuple(policy.pop("licences")), **policy)
            found[asset] = openness(behind_version(connection, asset, version), terms or own)
    return found


def _declared(one: Described) -> Declared:
    return Declared(one.role, one.name, one.licence, one.origin, one.made_from, one.address, one.sha256)
