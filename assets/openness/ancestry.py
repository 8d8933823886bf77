"""The check of openness on finished rows, from their actual ancestry in the warehouse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from assets.openness.rules import Terms, violations
from warehouse.audit.ancestry import Ancestry, ancestry, upstream_versions
from warehouse.audit.versions import ancestry_of_version, built_by
from warehouse.results.checks import OPENNESS
from warehouse.results.result import Check, Result
from warehouse.store.warehouse import Warehouse

SHOWN = 10
"""The check lists at most this many violations."""


def openness(found: Ancestry, terms: Terms) -> Check:
    """Whether every model and source in an ancestry, and everything these were made from, is open under `terms`.

    What is unknown counts as not open.
    """
    # Several models may share a name, and each is checked. The name of an ancestor is unique.
    used = [one for one in (*found.used, *found.ancestors) if one.role != "ancestor"]
    known = {one.name: one for one in (*found.ancestors, *found.used)}
    closed = [str(violation) for violation in violations(used, known, terms)]
    if found.unknown:
        closed.append(f"{found.unknown} of unknown origin, which counts as not open ({', '.join(found.unknown_ids)})")
    facts = {
        "models": ", ".join(sorted({one.name for one in found.used if one.role == "model"})),
        "sources": ", ".join(sorted({one.name for one in found.used if one.role == "source"})),
        "accepted by exception": ", ".join(name for name in terms.exceptions if name in known),
        "not open": "; ".join(closed[:SHOWN]),
    }
    return Check(OPENNESS, not closed, {name: value for name, value in facts.items() if value})


def with_openness_check(database: Warehouse, result: Result, inputs: Mapping[str, str], terms: Terms) -> Result:
    """`result` with the check of openness on the ancestry of its kept rows, before its own checks.

    `inputs` are the data versions, by asset, that the result was built from.
    """
    edges = result.edges.join(result.kept.select(child="id"), on="child", how="semi")
    # A row that was passed on is in the warehouse with its parents; a new row is not there yet.
    passed_on = result.kept.join(edges, left_on="id", right_on="child", how="anti")["id"]
    with database.read() as connection:
        rows = {*passed_on, *edges["parent"]}
        found = ancestry(connection, rows, upstream_versions(connection, inputs))
    return replace(result, checks=(openness(found, terms), *result.checks))


def training_sets(database: Warehouse, terms: Terms | None = None) -> dict[str, Check]:
    """The check of every current training set under `terms`, or under the policy of the recipe that built it."""
    found = {}
    with database.read() as connection:
        for asset, version in connection.execute(
            "SELECT asset, version FROM lineage.current WHERE asset LIKE 'training_sets/%' ORDER BY ALL"
        ).fetchall():
            policy = built_by(connection, asset, version).recipe.get("policy", {"licences": []})
            own = Terms(tuple(policy.pop("licences")), **policy)
            found[asset] = openness(ancestry_of_version(connection, asset, version), terms or own)
    return found
