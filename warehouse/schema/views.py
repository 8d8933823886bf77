"""Views and macros over the bookkeeping tables, stored in the DuckDB file for whoever opens it with SQL alone."""

from __future__ import annotations

from warehouse.schema.bookkeeping import OUTCOMES

VIEWS: dict[str, str] = {
    # Each model, source and ancestor as it was described last.
    "lineage.described": (
        "SELECT * FROM lineage.materials QUALIFY row_number() OVER (PARTITION BY id ORDER BY recorded_at DESC) = 1"
    ),
    "lineage.models": "SELECT * EXCLUDE (role) FROM lineage.described WHERE role = 'model'",
    "lineage.sources": "SELECT * EXCLUDE (role) FROM lineage.described WHERE role = 'source'",
    # What answers under the id of a model call: a base alone, or a base that wears the adapter of a checkpoint, or that
    # of a training which a method keeps to itself and which is on record as a call alone. An adapted model's id is the
    # digest of [base, weights] (see warehouse/core/identity.py), spelt out here in SQL.
    "lineage.answering": (
        "SELECT DISTINCT id AS model, id AS base, NULL::VARCHAR AS checkpoint FROM lineage.materials "
        "WHERE role = 'model' UNION ALL "
        """SELECT DISTINCT left(sha256('["' || base || '","' || weights || '"]'), 32), base, id FROM ("""
        "SELECT base, weights, id FROM records.checkpoint UNION ALL "
        "SELECT model, response ->> 'weights', key FROM memo.calls WHERE kind = 'training' "
        "AND key NOT IN (SELECT training FROM records.checkpoint))"
    ),
    # Every link of the graph: edges between records, and from each call to what answered it.
    "lineage.links": (
        "FROM lineage.edges UNION ALL "
        "SELECT c.key, coalesce(a.checkpoint, a.base, c.model), 'model' "
        "FROM memo.calls c LEFT JOIN lineage.answering a USING (model)"
    ),
    # The decisions of the versions in force.
    "lineage.outcomes": "SELECT d.* FROM lineage.decisions d SEMI JOIN lineage.current c USING (asset, version)",
    # One row per version: what came in and what became of it; `closes` where nothing was lost.
    "lineage.ledger": (
        "SELECT v.asset, v.version, c.version IS NOT NULL AS is_current, v.incoming, "
        + ", ".join(f"count(*) FILTER (outcome = '{outcome}') AS {outcome}" for outcome in OUTCOMES)
        + ", v.incoming = count(record) AND count(record) = count(DISTINCT record) AS closes "
        "FROM lineage.versions v LEFT JOIN lineage.decisions d USING (asset, version) "
        "LEFT JOIN lineage.current c USING (asset, version) GROUP BY v.asset, v.version, c.version, v.incoming"
    ),
}
"""Name to query, each after those that it reads."""

MACROS: dict[str, str] = {
    "lineage.ancestors(start)": (
        "WITH RECURSIVE found(id, parent, role) AS ("
        "SELECT child, parent, role FROM lineage.links WHERE child = start "
        "UNION SELECT l.child, l.parent, l.role FROM lineage.links l JOIN found f ON l.child = f.parent"
        ") SELECT id AS child, parent, role FROM found"
    ),
    "lineage.descendants(start)": (
        "WITH RECURSIVE found(id, parent, role) AS ("
        "SELECT child, parent, role FROM lineage.links WHERE parent = start "
        "UNION SELECT l.child, l.parent, l.role FROM lineage.links l JOIN found f ON l.parent = f.id"
        ") SELECT id AS child, parent, role FROM found"
    ),
}
"""Signature to query: `FROM lineage.ancestors('…')` gives the links (child, parent, role) behind a row."""
