"""A warehouse of any size as many builds would have filled it, written by SQL straight into its tables.

Of 100 records, 42 are pairs of seven methods, 24 perplexities, 12 embeddings, 9 documents (3 of them rejected), 6
fragments, 3 predictions and 3 scores, and 1 is a seed task. Edges are ten times as many, more than half of them from
checkpoints to training rows. Ids are the hashes that a build would give, so that the integrity holds.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from tests.benchmarks.writing import MODEL, Writer
from warehouse.core.identity import digest
from warehouse.store.answer_digests import add_answer_digests
from warehouse.store.file_warehouse import FileWarehouse

BOOTSTRAPPED = tuple(f"self_instruct_{number}" for number in range(1, 6))
BACKWARD = ("instruction_generation", "extract_then_generate")
"""Methods whose pairs come from the backward model, and so from its training rows."""

ITEMS = 30
EMBEDDER, SOURCE = digest("embedder"), digest("wiki")


def fill(path: Path, records: int) -> None:
    """Makes the warehouse at `path` with about `records` (≥ 10,000) records and nearly as many model calls."""
    with FileWarehouse(path).write():
        pass
    with duckdb.connect(str(path)) as connection:
        indices = connection.execute("SELECT schema_name || '.' || index_name, sql FROM duckdb_indexes()").fetchall()
        for name, _ in indices:
            connection.execute(f"DROP INDEX {name}")
        filling = _Filling(connection, records // 100)
        for part in (filling.sources, filling.pairs, filling.measures, filling.gates, filling.students):
            part()
        filling.writer.versions()
        add_answer_digests(connection)
        # Over rows that are there already an index is built in one go.
        for _, query in indices:
            connection.execute(query)
        connection.execute("CHECKPOINT")


class _Filling:
    """Writes assets in pipeline order; `unit` is a hundredth of all records, `rows` as many pairs as a method has."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, unit: int) -> None:
        self.connection = connection
        self.writer = Writer(connection)
        self.unit = unit
        self.rows = 6 * unit
        self.students_each = max(1, 3 * unit // ITEMS // len(BOOTSTRAPPED + BACKWARD))
        connection.execute(
            "CREATE TEMP TABLE methods AS SELECT unnest($methods) AS method, "
            f"(generate_subscripts($methods, 1) - 1) * {self.rows} AS start",
            {"methods": [*BOOTSTRAPPED, *BACKWARD]},
        )

    def sources(self) -> None:
        """Materials, seed tasks, documents, benchmark items, and the backward model over a tenth of the seed tasks."""
        self.connection.execute(
            "INSERT INTO lineage.materials BY NAME SELECT unnest($ids) AS id, unnest(['model', 'model', 'source']) "
            "AS role, unnest(['generator', 'embedder', 'wiki']) AS name, 'path:somewhere' AS address, "
            "repeat('a', 64) AS sha256, 'Apache-2.0' AS licence, 'human' AS origin, '[]' AS made_from, "
            "TIMESTAMP '2026-01-01' AS recorded_at",
            {"ids": [MODEL, EMBEDDER, SOURCE]},
        )
        row = "0 AS number, n, sentence(n, 0) || '?' AS instruction, '' AS input, "
        parents = f"[['{SOURCE}', 'source']] AS parents"
        reference = "text(n, 3) AS reference, '' AS details"
        items = f"SELECT 'benchmark_items' AS asset, {row} {reference}, 'wiki' AS benchmark, {parents}"
        self.writer.publish("benchmark_item", f"{items} FROM range({ITEMS}) r(n)")
        seeds = f"SELECT 'seed_tasks' AS asset, {row} text(n, 3) || ' ' || n AS response, 'wiki' AS source, {parents}"
        self.writer.publish("seed_task", f"{seeds} FROM range({self.unit}) r(n)")
        documents = (
            "SELECT 'documents' AS asset, 0 AS number, n, 'wiki' AS source, 'About ' || n AS title, "
            f"text(n, 3) || ' ' || text(n, 6) AS text, {parents}"
        )
        self.writer.publish("document", f"{documents} FROM range({9 * self.unit}) r(n)", kept="n % 3 > 0")
        self.connection.execute(
            "SET VARIABLE seeds = (SELECT list(id ORDER BY n) FROM made WHERE asset = 'seed_tasks')"
        )
        learned = f"SELECT list([id, 'training_row']) FROM made WHERE asset = 'seed_tasks' AND n < {self.unit // 10}"
        self._checkpoints("SELECT 'backward_model' AS asset, 0 AS number", f"({learned})", self.unit // 10)
        self.writer.read("'backward_model'", "'seed_tasks'")
        self.connection.execute("SET VARIABLE backward = (SELECT id FROM made WHERE asset = 'backward_model')")

    def pairs(self) -> None:
        """Fragments, and the pairs of all methods."""
        self.writer.call("tasks", "completion", self._asked(len(BOOTSTRAPPED) * self.rows // 4, shown=8))
        self.writer.call("answer", "completion", self._asked(len(BOOTSTRAPPED) * self.rows, shown=1))
        answer = "0 AS number, n, 'self_instruct' AS method, '' AS level, instruction(n, 1) AS instruction, '' AS input"
        examples = "list_transform(range(8), lambda k: [one_of(getvariable('seeds'), n, k), 'example'])"
        self.writer.publish(
            "pair",
            f"SELECT 'raw_' || m.method AS asset, {answer}, text(n, 3) AS response, "
            f"{examples} || [[tasks, 'tasks'], [key, 'call']] AS parents "
            "FROM (SELECT n AS turn, key AS tasks FROM called WHERE purpose = 'tasks') "
            "JOIN (SELECT n, key FROM called WHERE purpose = 'answer') ON turn = n // 4 "
            f"JOIN methods m ON start = n - n % {self.rows}",
        )
        documents = (
            "SELECT m.id, d.text, m.n // 3 * 2 + m.n % 3 - 1 AS n FROM made m JOIN records.document d USING (id)"
        )
        self.writer.call("fragment", "completion", self._asked(self.rows, shown=3))
        self.writer.publish(
            "fragment",
            "SELECT 'fragments' AS asset, 0 AS number, n, d.id AS document, 'model' AS level, sentence(n, 3) AS text, "
            f"[[d.id, 'document'], [c.key, 'call']] AS parents FROM ({documents}) d JOIN called c USING (n) "
            "WHERE c.purpose = 'fragment'",
        )
        self.writer.read("'fragments'", "'documents'")
        written = "sentence(n, 1) || '?' AS instruction, '' AS input, d.text AS response"
        made_by = "[d.id, 'document'], [c.key, 'call'], [getvariable('backward'), 'backward_model']"
        for method in BACKWARD:
            cut = method == "extract_then_generate"
            self.writer.call(method, "completion", self._asked(self.rows, 3, "adapted('backward_model', 0)"))
            self.writer.publish(
                "pair",
                f"SELECT 'raw_{method}' AS asset, 0 AS number, n, '{method}' AS method, "
                f"'{'model' if cut else ''}' AS level, {written}, "
                f"[{made_by}{', [f.id, $$fragment$$]' if cut else ''}] AS parents FROM ({documents}) d "
                "JOIN called c USING (n) JOIN (SELECT n, id FROM made WHERE asset = 'fragments') f USING (n) "
                f"WHERE c.purpose = '{method}'",
            )
            self.writer.read(f"'raw_{method}'", "'backward_model'")
            self.writer.read(f"'raw_{method}'", "'documents'")
        self.writer.read("'raw_extract_then_generate'", "'fragments'")
        for method in BOOTSTRAPPED:
            self.writer.read(f"'raw_{method}'", "'seed_tasks'")

    def measures(self) -> None:
        """Perplexities of four methods' pairs, and embeddings of two others'."""
        for methods, kind, gate, model, role, said in (
            (
                BOOTSTRAPPED[:4],
                "loss",
                "perplexities",
                MODEL,
                "measured",
                "'response_given_instruction' AS measure, CAST(1 + hash(n, 5) % 400 / 8 AS DOUBLE) AS value, "
                "60 AS tokens",
            ),
            (
                BACKWARD,
                "embedding",
                "instruction_embeddings",
                EMBEDDER,
                "embedded",
                "list_transform(range(8), lambda k: CAST(hash(n, k) % 16 / 16 AS FLOAT)) AS vector",
            ),
        ):
            for method in methods:
                purpose = f"{gate}/{method}"
                pairs = f"SELECT p.*, m.n FROM made m JOIN records.pair p USING (id) WHERE asset = 'raw_{method}'"
                asked = f"SELECT n, '{model}' AS model, {{'text': id || instruction || response}} AS request"
                self.writer.call(purpose, kind, f"{asked}, {{'tokens': 60}} AS response FROM ({pairs})")
                self.writer.publish(
                    "perplexity" if kind == "loss" else "embedding",
                    f"SELECT '{purpose}' AS asset, 0 AS number, n, p.id AS "
                    f"{'pair' if kind == 'loss' else 'embedded'}, {said}, "
                    f"[[p.id, '{role}'], [c.key, 'call']] AS parents FROM ({pairs}) p "
                    f"JOIN called c USING (n) WHERE c.purpose = '{purpose}'",
                )
                self.writer.read(f"'{purpose}'", f"'raw_{method}'")

    def gates(self) -> None:
        """What each arm's gates decide about its method's pairs."""
        connection, training_rows = self.connection, 55 * self.unit // 100
        connection.execute(
            "CREATE TEMP TABLE passing AS SELECT method, n, id FROM made JOIN methods ON asset = 'raw_' || method"
        )
        before = "raw_"
        for gate, kept, outcome, reason, score, cut in (
            ("enhanced_instructions/", "score < cut", "rejected", "'above the cut'", "hash(n, 8) % 100 / 10.0", "7.5"),
            ("diverse_instructions/", "score < cut", "duplicate", "'too similar'", "hash(n, 9) % 100 / 100.0", "0.9"),
            ("training_sets/", f"nth <= {training_rows}", "rejected", "'more than asked for'", "NULL", "NULL"),
        ):
            connection.execute(
                "CREATE OR REPLACE TEMP TABLE decided AS SELECT *, "
                f"{kept} AS passes FROM (SELECT *, row_number() OVER (PARTITION BY method ORDER BY n) AS nth, "
                f"CAST({score} AS DOUBLE) AS score, CAST({cut} AS DOUBLE) AS cut FROM passing)"
            )
            twin = "first_value(id) OVER (PARTITION BY method, passes ORDER BY n)" if outcome == "duplicate" else "NULL"
            self.writer.decide(
                f"SELECT '{gate}' || method AS asset, 0 AS number, n, id AS record, "
                f"CASE WHEN passes THEN 'kept' ELSE '{outcome}' END AS outcome, "
                f"CASE WHEN NOT passes THEN {reason} END AS reason, score, cut, "
                f"CASE WHEN NOT passes THEN {twin} END AS duplicate_of FROM decided"
            )
            for method in BOOTSTRAPPED + BACKWARD:
                self.writer.read(f"'{gate}{method}'", f"'{before}{method}'")
            connection.execute("CREATE OR REPLACE TEMP TABLE passing AS SELECT method, n, id FROM decided WHERE passes")
            before = gate
        connection.execute(
            "CREATE TEMP TABLE training AS SELECT method, list([id, 'training_row']) AS rows FROM passing GROUP BY ALL"
        )

    def students(self) -> None:
        """Many versions of a student over each training set, with the predictions and scores of each."""
        many = f"methods CROSS JOIN range({self.students_each}) r(number)"
        self._checkpoints(
            f"SELECT 'students/' || method AS asset, number FROM {many}",
            "(SELECT rows FROM training t WHERE asset = 'students/' || t.method)",
            55 * self.unit // 100,
        )
        n = f"start * 1000 + number * {ITEMS} + i"
        asked = f"SELECT method, number, i, {n} AS n FROM {many}, range({ITEMS}) s(i)"
        prompt = "SELECT n, adapted('students/' || method, number) AS model, request(text(i, 3), number) AS request"
        self.writer.call("prediction", "completion", f"{prompt}, {{'text': text(n, 5)}} AS response FROM ({asked})")
        self.writer.publish(
            "prediction",
            "SELECT 'predictions/longform/' || method AS asset, a.number, n, 'longform' AS benchmark, method AS arm, "
            "CAST(a.number AS BIGINT) AS seed, "
            "i.id AS item, text(n, 5) AS text, "
            "[[i.id, 'item'], [c.key, 'call'], [s.id, 'checkpoint']] AS parents "
            f"FROM ({asked}) a JOIN (SELECT n, key FROM called WHERE purpose = 'prediction') c USING (n) "
            "JOIN (SELECT asset, number, id FROM made) s ON s.asset = 'students/' || method "
            "AND s.number = a.number JOIN (SELECT n AS i, id FROM made WHERE asset = 'benchmark_items') i USING (i)",
        )
        self.writer.publish(
            "score",
            "SELECT replace(m.asset, 'predictions', 'scores') AS asset, m.number, m.n, p.benchmark, p.arm, p.seed, "
            "p.item, 'rouge_l' AS metric, CAST(hash(m.n, 5) % 64 / 64 AS DOUBLE) AS value, "
            "[[p.id, 'prediction'], [p.item, 'item']] AS parents FROM records.prediction p JOIN made m USING (id)",
        )
        answered, scored = "predictions/longform", "scores/longform"
        for asset, reads in (("students", "training_sets"), (answered, "students"), (scored, answered)):
            number = "0" if reads == "training_sets" else "number"
            self.writer.read(f"'{asset}/' || method", f"'{reads}/' || method", f"{many}", "number", number)

    def _asked(self, count: int, shown: int, model: str = f"'{MODEL}'") -> str:
        """Completions with prompts that show so many texts."""
        prompt = " || '\n\n' || ".join(f"text(n, {10 * number})" for number in range(shown))
        return (
            f"SELECT n, {model} AS model, request({prompt}, n) AS request, {{'text': text(n, 3)}} AS response "
            f"FROM range({count}) r(n)"
        )

    def _checkpoints(self, query: str, rows: str, examples: int) -> None:
        """Trains the checkpoints of `query` (columns asset, number) on `rows` (a list of parents)."""
        named = "asset || ' ' || number"
        numbered = f"SELECT *, hash({named}) // 2 AS n FROM ({query})"
        asked = f"SELECT CAST(n AS BIGINT) AS n, '{MODEL}' AS model, {{'rows': {named}}} AS request"
        self.writer.call(
            "training", "training", f"{asked}, {{'weights': weights(asset, number)}} AS response FROM ({numbered})"
        )
        self.writer.publish(
            "checkpoint",
            f"SELECT asset, number, a.n, asset AS name, CAST(number AS BIGINT) AS seed, '{MODEL}' AS base, "
            f"c.key AS training, weights(asset, number) AS weights, {examples} AS examples, "
            "CAST([2.5, 1.5] AS DOUBLE[]) AS losses, "
            f"[['{MODEL}', 'base'], [c.key, 'call']] || {rows} AS parents "
            f"FROM (SELECT * REPLACE (CAST(n AS BIGINT) AS n) FROM ({numbered})) a JOIN called c ON c.n = a.n "
            "AND c.purpose = 'training'",
        )
