"""Views and macros over the tables, for everyone who asks with SQL: stored in a DuckDB file, or created on opening."""

from __future__ import annotations

from warehouse.schema.bookkeeping import OUTCOMES

VIEWS: dict[str, str] = {
    # The latest description of each model, source and ancestor.
    "lineage.described": (
        "SELECT * FROM lineage.materials QUALIFY row_number() OVER (PARTITION BY id ORDER BY recorded_at DESC) = 1"
    ),
    "lineage.models": "SELECT * EXCLUDE (role) FROM lineage.described WHERE role = 'model'",
    "lineage.sources": "SELECT * EXCLUDE (role) FROM lineage.described WHERE role = 'source'",
    # The current version of each asset, in the environment of the session (SET VARIABLE environment = 'name'): its own
    # pointer, or else that of the main environment.
    "lineage.current": (
        "SELECT asset, version FROM lineage.pointers "
        "WHERE environment IN ('', coalesce(getvariable('environment'), '')) "
        "QUALIFY row_number() OVER (PARTITION BY asset ORDER BY environment DESC) = 1"
    ),
    # What a model id in memo.calls stands for: a base; a base with the adapter of a checkpoint; or a base with an
    # adapter that a method trained for itself, which is in memo.calls only. The id of a model with an adapter is the
    # digest of [base, weights] (see warehouse/core/identity.py), computed here in SQL.
    "lineage.answering": (
        "SELECT DISTINCT id AS model, id AS base, NULL::VARCHAR AS checkpoint FROM lineage.materials "
        "WHERE role = 'model' UNION ALL "
        """SELECT DISTINCT left(sha256('["' || base || '","' || weights || '"]'), 32), base, id FROM ("""
        "SELECT base, weights, id FROM records.checkpoint UNION ALL "
        "SELECT model, response ->> 'weights', key FROM memo.calls WHERE kind = 'training' "
        "AND key NOT IN (SELECT training FROM records.checkpoint))"
    ),
    # Every link of the lineage graph: edges between records, and a link from each call to the model that answered it.
    "lineage.links": (
        "FROM lineage.edges UNION ALL "
        "SELECT c.key, coalesce(a.checkpoint, a.base, c.model), 'model' "
        "FROM memo.calls c LEFT JOIN lineage.answering a USING (model)"
    ),
    # The decisions of the current versions.
    "lineage.outcomes": "SELECT d.* FROM lineage.decisions d SEMI JOIN lineage.current c USING (asset, version)",
    # The rows of each version by outcome and reason, also those that are only counted.
    "lineage.tallies": (
        "SELECT asset, version, outcome, reason, sum(rows)::BIGINT AS rows FROM ("
        "SELECT asset, version, outcome, coalesce(reason, '') AS reason, count(*) AS rows "
        "FROM lineage.decisions GROUP BY ALL UNION ALL FROM lineage.counted) GROUP BY ALL"
    ),
    # One row per version: incoming rows and rows by outcome; `closes` is true where no row was lost.
    "lineage.ledger": (
        "WITH tallies AS (SELECT asset, version, sum(rows)::BIGINT AS rows, "
        + ", ".join(f"coalesce(sum(rows) FILTER (outcome = '{name}'), 0)::BIGINT AS {name}" for name in OUTCOMES)
        + " FROM lineage.tallies GROUP BY ALL), twice AS (SELECT asset, version, "
        "count(*) > count(DISTINCT record) AS decided_twice FROM lineage.decisions GROUP BY ALL) "
        "SELECT v.asset, v.version, c.version IS NOT NULL AS is_current, v.incoming, "
        + ", ".join(f"coalesce(t.{name}, 0) AS {name}" for name in OUTCOMES)
        + ", v.incoming = coalesce(t.rows, 0) AND NOT coalesce(decided_twice, false) AS closes "
        "FROM lineage.versions v LEFT JOIN tallies t USING (asset, version) LEFT JOIN twice USING (asset, version) "
        "LEFT JOIN lineage.current c USING (asset, version)"
    ),
}
"""Query by name; each view comes after those that it reads."""

MACROS: dict[str, str] = {
    "lineage.ancestors(start)": (
        "WITH RECURSIVE links AS NOT MATERIALIZED (FROM lineage.links), found(id, parent, role) AS ("
        "SELECT child, parent, role FROM links WHERE child = start "
        "UNION SELECT l.child, l.parent, l.role FROM links l JOIN found f ON l.child = f.parent"
        ") SELECT id AS child, parent, role FROM found"
    ),
    "lineage.descendants(start)": (
        "WITH RECURSIVE links AS NOT MATERIALIZED (FROM lineage.links), found(id, parent, role) AS ("
        "SELECT child, parent, role FROM links WHERE parent = start "
        "UNION SELECT l.child, l.parent, l.role FROM links l JOIN found f ON l.parent = f.id"
        ") SELECT id AS child, parent, role FROM found"
    ),
}
"""Query by signature: `FROM lineage.ancestors('…')` gives all links (child, parent, role) that lead to a row."""


def view_name(asset: str) -> str:
    """The name of the view with the kept rows of an asset's current version."""
    return asset.replace("/", "__")


def view_of_asset(asset: str, kind: str, prefix: str = "") -> str:
    """The statement that creates or replaces the view of an asset: the kept rows of its current version, in the
    environment of the session. `prefix` is "" or a place with a dot."""
    # View definitions take no parameters; the asset and the kind come from the graph, not from users.
    return (
        f'CREATE OR REPLACE VIEW {prefix}"{view_name(asset)}" AS SELECT r.*, d.position FROM lineage.current c '
        "JOIN lineage.decisions d ON d.asset = c.asset AND d.version = c.version "
        f"JOIN records.{kind} r ON r.id = d.record "
        f"WHERE c.asset = '{asset}' AND d.outcome = 'kept' ORDER BY d.position"
    )
