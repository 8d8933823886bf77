"""Writes rows of a warehouse by SQL, straight into its tables, with the ids and edges that a build would give them."""

from __future__ import annotations

import duckdb
import numpy as np

from tests.support.tiny import WORDS
from warehouse.core.identity import digest
from warehouse.schema.records import KINDS, empty

MODEL = digest("generator")

_MACROS = (
    "hashed(value) AS left(sha256(CAST(to_json(value) AS VARCHAR)), 32)",
    "one_of(choices, n, k) AS choices[CAST(1 + hash(n, k) % len(choices) AS INTEGER)]",
    "sentence(n, k) AS one_of(getvariable('sentences'), n, k)",
    "text(n, k) AS sentence(n, k) || '. ' || sentence(n, k + 1) || '. ' || sentence(n, k + 2) || '.'",
    "instruction(n, k) AS sentence(n, k) || ' (' || n || ')?'",
    "weights(name, n) AS sha256(name || ' ' || n)",
    "adapted(name, n) AS left(sha256('[\"" + MODEL + "\",\"' || weights(name, n) || '\"]'), 32)",
    "request(prompt, seed) AS {'messages': [['user', prompt]], 'seed': seed, 'stop': CAST([] AS VARCHAR[]), "
    "'temperature': CAST(0.7 AS DOUBLE), 'top_p': CAST(0.9 AS DOUBLE)}",
)
_STAGED = (
    "made(asset VARCHAR, number BIGINT, n BIGINT, id VARCHAR, kept BOOLEAN)",
    "called(purpose VARCHAR, n BIGINT, key VARCHAR)",
    "reads(asset VARCHAR, number BIGINT, input VARCHAR, input_number BIGINT)",
)


class Writer:
    """Writes records, calls and decisions; what was `made` and `called` can be read again in temporary tables."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        for macro in _MACROS:
            connection.execute(f"CREATE TEMP MACRO {macro}")
        for table in _STAGED:
            connection.execute(f"CREATE TEMP TABLE {table}")
        connection.execute("SET VARIABLE sentences = $sentences", {"sentences": _sentences(2000)})

    def call(self, purpose: str, kind: str, query: str) -> None:
        """Puts the calls of `query` (columns n, model, request, response) on record."""
        self.connection.execute(
            "CREATE OR REPLACE TEMP TABLE answered AS SELECT *, "
            f"hashed({{'kind': '{kind}', 'model': model, 'request': request}}) AS key FROM ({query})"
        )
        self.connection.execute(
            f"INSERT INTO memo.calls BY NAME SELECT key, '{kind}' AS kind, model, "
            f"CAST(to_json(request) AS VARCHAR) AS request, {64 if kind == 'completion' else 0} AS budget, "
            "true AS complete, CAST(to_json(response) AS VARCHAR) AS response, CAST(NULL AS FLOAT[]) AS vector, "
            "60 AS tokens, 0.1 AS seconds, 'synthetic==1' AS engine, TIMESTAMP '2026-01-01' AS created_at FROM answered"
        )
        self.connection.execute(f"INSERT INTO called SELECT '{purpose}', n, key FROM answered")

    def publish(self, kind: str, query: str, kept: str = "true") -> None:
        """Writes records: `query` gives asset, number (of the version), n (the order), parents and the content."""
        columns = sorted(empty(KINDS[kind]).columns)
        columns.remove("id")
        content = "{" + ", ".join(f"'{name}': {name}" for name in columns) + "}"
        connection = self.connection
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE new AS SELECT *, {kept} AS kept, {content} AS content, "
            f"hashed({{'content': content, 'kind': '{kind}', 'parents': list_sort(parents)}}) AS id "
            f"FROM (SELECT * REPLACE (list_distinct(parents) AS parents) FROM ({query})) ORDER BY asset, number, n"
        )
        connection.execute(
            f"INSERT INTO lineage.records BY NAME SELECT id, '{kind}' AS kind, asset, "
            "CASE WHEN NOT kept THEN CAST(to_json(content) AS VARCHAR) END AS content FROM new"
        )
        connection.execute(f"INSERT INTO records.{kind} BY NAME SELECT id, {', '.join(columns)} FROM new WHERE kept")
        connection.execute(
            "INSERT INTO lineage.edges SELECT id, p[1], p[2] FROM (SELECT id, unnest(parents) AS p FROM new)"
        )
        connection.execute("INSERT INTO made SELECT asset, number, n, id, kept FROM new")
        self.decide(
            "SELECT asset, number, n, id AS record, CASE WHEN kept THEN 'kept' ELSE 'rejected' END AS outcome, "
            "CASE WHEN NOT kept THEN 'too short' END AS reason, CAST(NULL AS DOUBLE) AS score, "
            "CAST(NULL AS DOUBLE) AS cut, CAST(NULL AS VARCHAR) AS duplicate_of FROM new"
        )

    def decide(self, query: str) -> None:
        """Writes decisions: `query` gives them with the number of the version and the order of the rows."""
        self.connection.execute(
            "INSERT INTO lineage.decisions BY NAME SELECT * EXCLUDE (number, n), "
            "hashed([asset, number::VARCHAR]) AS version, "
            "row_number() OVER (PARTITION BY asset, number ORDER BY outcome <> 'kept', n) - 1 AS position "
            f"FROM ({query}) ORDER BY asset, number, position"
        )

    def read(self, asset: str, reads: str, of: str = "(SELECT 0)", number: str = "0", reads_number: str = "0") -> None:
        """Notes which versions were made from which."""
        self.connection.execute(f"INSERT INTO reads SELECT {asset}, {number}, {reads}, {reads_number} FROM {of}")

    def versions(self) -> None:
        """A version of each asset for all that was decided, the last of them current."""
        kinds = " ".join(
            f"WHEN '{asset}' THEN '{kind}'"
            for asset, kind in {
                "documents": "document",
                "fragments": "fragment",
                "seed_tasks": "seed_task",
                "benchmark_items": "benchmark_item",
                "backward_model": "checkpoint",
                "students": "checkpoint",
                "perplexities": "perplexity",
                "instruction_embeddings": "embedding",
                "predictions": "prediction",
                "scores": "score",
            }.items()
        )
        self.connection.execute(
            "CREATE TEMP TABLE stored AS SELECT asset, version, "
            "hashed(list(record ORDER BY position) FILTER (outcome = 'kept')) AS data_version, count(*) AS incoming, "
            f"CASE split_part(asset, '/', 1) {kinds} ELSE 'pair' END AS kind FROM lineage.decisions GROUP BY ALL"
        )
        self.connection.execute(
            "CREATE TEMP TABLE inputs AS SELECT r.asset, hashed([r.asset, r.number::VARCHAR]) AS version, "
            "json_group_object(i.asset, i.data_version)::VARCHAR AS inputs FROM reads r JOIN stored i "
            "ON i.asset = r.input AND i.version = hashed([r.input, r.input_number::VARCHAR]) GROUP BY ALL"
        )
        self.connection.execute(
            "INSERT INTO lineage.versions BY NAME SELECT asset, version, data_version, kind, 0 AS attempt, "
            "0 AS failed, incoming, '{}' AS code, '{}' AS recipe, coalesce(inputs, '{}') AS inputs, '{}' AS facts, "
            "TIMESTAMP '2026-01-01' AS created_at FROM stored LEFT JOIN inputs USING (asset, version)"
        )
        self.connection.execute(
            "INSERT INTO lineage.pointers SELECT '', asset, min(version) FROM lineage.versions GROUP BY asset"
        )


def _sentences(count: int) -> list[str]:
    draw = np.random.default_rng(0)
    words = np.array([*WORDS, *(f"word{number}" for number in range(1000))])
    return [" ".join(words[draw.integers(0, len(words), length)]) for length in draw.integers(6, 16, count)]
