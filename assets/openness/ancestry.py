"""The check of openness on finished rows, from their actual ancestry in the warehouse."""

from __future__ import annotations

from collections.abc import Collection

import duckdb

from assets.openness.rules import Declared, Terms, violations
from warehouse.audit.behind import Described, behind
from warehouse.result import Check

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


def _declared(one: Described) -> Declared:
    return Declared(one.role, one.name, one.licence, one.origin, one.made_from, one.address, one.sha256)
