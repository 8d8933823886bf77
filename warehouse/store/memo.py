"""The memo: every finished model call, keyed by its content, committed as soon as it is computed, and computed once.

A model's output may differ in the last bits between batch shapes. Batches are therefore made only of calls that are
not in the memo, and each is computed and committed as a whole, one after the other. After a kill, exactly the batches
that were not finished are left, so the next build arrives at the same content as one that was not killed.

An endpoint composes its own batches, so what it answers does not depend on ours: its answers are committed as they
arrive, and there are no batches. Parallel builds do not compute the same call: one at a time computes a batch, or the
calls of one list to an endpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
import polars as pl

from warehouse.core.identity import canonical
from warehouse.schema.bookkeeping import ModelCall, ModelFailure
from warehouse.schema.records import empty
from warehouse.store.calls import MODEL_ERRORS, Answer, Arriving, Call, Compose, Meter, Void, Work, answer_digest
from warehouse.store.claims import claimed, remove_old_claims
from warehouse.store.database import Database, now
from warehouse.store.inserting import insert, insert_new_calls
from warehouse.store.stored_json import answer_of_call


@dataclass(frozen=True)
class Recorded:
    """Which of some calls are in the memo: `answers` and `missing` calls by (key, budget).

    `count` is the number of distinct calls that have an answer. `void` holds the answers on record that do not count;
    their calls are missing.
    """

    answers: dict[tuple[str, int], Answer]
    missing: dict[tuple[str, int], Call]
    count: int
    void: dict[tuple[str, int], Answer]


@dataclass
class Memo:
    """Finished calls in the DuckDB file; `engine` is recorded as the software that computes new ones."""

    database: Database
    engine: str = ""
    meter: Meter = field(default_factory=Meter)

    def look_up(self, calls: Sequence[Call]) -> dict[tuple[str, int], Answer]:
        """The answers in the memo, by (key, budget). A cut-off completion answers only calls with the same budget.

        Raises WarehouseError for an answer that is damaged.
        """
        with self.database.read() as connection:
            return self._found(connection, calls)

    def _found(self, connection: duckdb.DuckDBPyConnection, calls: Iterable[Call]) -> dict[tuple[str, int], Answer]:
        wanted = pl.DataFrame(
            [(call.key, call.budget) for call in calls], {"key": pl.String, "budget": pl.Int64}, orient="row"
        ).unique()
        connection.register("wanted", wanted)
        found = connection.execute(
            "SELECT w.key, w.budget, c.response, c.tokens, c.seconds, c.complete, c.vector "
            "FROM memo.calls c JOIN wanted w ON c.key = w.key "
            "WHERE c.budget = w.budget OR (c.complete AND c.tokens <= w.budget) "
            # If a call has several answers, every build takes the same one.
            "ORDER BY c.budget = w.budget, c.budget DESC"
        ).pl()
        connection.unregister("wanted")
        file = self.database.path
        vectors = (None if vector is None else vector.to_numpy() for vector in found["vector"])
        return {
            (key, budget): Answer(answer_of_call(file, key, response), tokens, seconds, complete, vector)
            for (key, budget, response, tokens, seconds, complete), vector in zip(
                found.drop("vector").iter_rows(), vectors, strict=True
            )
        }

    def run(
        self,
        calls: Sequence[Call],
        compose: Compose,
        progress: Callable[[int, int], None] = lambda done, total: None,
        void: Void = lambda call, answer: False,
    ) -> list[Answer]:
        """Answers in the order of `calls`; those that are not in the memo are computed and committed batch by batch.

        An answer on record that is `void` is computed again; the new answer takes its place. If the model fails at a
        call, the failure is recorded and the answer holds its error.
        """
        remove_old_claims(self.database)
        recorded = self.recorded(calls, void)
        self.meter.from_memo += recorded.count
        answers, total = dict(recorded.answers), len(recorded.missing)
        if total:
            progress(0, total)
            done = 0
            for batch, work in compose(list(recorded.missing.values())):
                answers |= self._compute(batch, work, void)
                done += len(batch)
                progress(done, total)
        return [answers[call.key, call.budget] for call in calls]

    def run_as_they_arrive(
        self,
        calls: Sequence[Call],
        arriving: Arriving,
        progress: Callable[[int, int], None] = lambda done, total: None,
        void: Void = lambda call, answer: False,
    ) -> list[Answer]:
        """Answers in the order of `calls`; those that are not in the memo are committed group by group as they arrive.

        An answer on record that is `void` is asked for again; the new answer takes its place.
        """
        remove_old_claims(self.database)
        first = self.recorded(calls, void)
        self.meter.from_memo += first.count
        answers = dict(first.answers)
        if first.missing:
            progress(0, len(first.missing))
            with claimed(self.database, sorted({call.key for call in calls})):
                # A parallel build may have answered some of them while it had the claim.
                rest = self.recorded(list(first.missing.values()), void)
                self.meter.from_memo += rest.count
                answers |= rest.answers
                done = len(first.missing) - len(rest.missing)
                for group in arriving(list(rest.missing.values())) if rest.missing else ():
                    self._keep(group, [call for call, answer in group if (call.key, call.budget) in rest.void])
                    answers |= {(call.key, call.budget): answer for call, answer in group}
                    done += len(group)
                    progress(done, len(first.missing))
        return [answers[call.key, call.budget] for call in calls]

    def failed_before(self, calls: Sequence[Call]) -> set[str]:
        """The keys of those calls at which a model failed in an earlier build."""
        wanted = pl.DataFrame({"key": [call.key for call in calls]}, schema={"key": pl.String})
        with self.database.read() as connection:
            connection.register("wanted", wanted)
            rows = connection.execute("SELECT DISTINCT key FROM memo.failures SEMI JOIN wanted USING (key)").fetchall()
        return {key for (key,) in rows}

    def recorded(self, calls: Sequence[Call], void: Void = lambda call, answer: False) -> Recorded:
        """Which of the calls have an answer in the memo that is not `void`."""
        answers = self.look_up(calls)
        distinct = {(call.key, call.budget): call for call in calls}
        voided = {place: one for place, one in answers.items() if void(distinct[place], one)}
        valid = {place: one for place, one in answers.items() if place not in voided}
        missing = {place: call for place, call in distinct.items() if place not in valid}
        return Recorded(valid, missing, len(valid), voided)

    def _compute(self, batch: list[Call], work: Work, void: Void) -> dict[tuple[str, int], Answer]:
        """The batch's answers, computed here or by a parallel build that has locked the same batch."""
        with claimed(self.database, [call.key for call in batch]):
            found = self.recorded(batch, void)
            if not found.missing:
                self.meter.from_memo += len(batch)
                return found.answers
            answered = _answered(batch, work)
            kept = self._keep(answered, [call for call in batch if (call.key, call.budget) in found.void])
            # If a parallel build was first, its answers are the ones that were kept.
            return {(call.key, call.budget): answer for call, answer in answered} | kept

    def _keep(self, answered: Sequence[tuple[Call, Answer]], replaced: Sequence[Call]) -> dict[tuple[str, int], Answer]:
        """Commits the answers and the failures, and counts the answers. Returns those that are in the memo then."""
        good, kept = [(call, answer) for call, answer in answered if not answer.error], {}
        if good:
            answered_now = {call.key for call, _ in good}
            kept = self.commit(good, [call for call in replaced if call.key in answered_now])
        self._record_failures([(call, answer) for call, answer in answered if answer.error])
        self.meter.add([answer for _, answer in good])
        return kept

    def commit(
        self, answered: list[tuple[Call, Answer]], replaced: Sequence[Call] = ()
    ) -> dict[tuple[str, int], Answer]:
        """Puts answers into the memo in one transaction. Returns the answers to these calls that are in the memo then.

        Older answers to `replaced` calls with the same budget are deleted, all others stay."""
        rows = pl.DataFrame([self._row(call, answer) for call, answer in answered], schema=empty(ModelCall).schema)
        with self.database.write() as connection:
            for call in replaced:
                connection.execute("DELETE FROM memo.calls WHERE key = ? AND budget = ?", [call.key, call.budget])
            insert_new_calls(connection, rows)
            return self._found(connection, [call for call, _ in answered])

    def _row(self, call: Call, answer: Answer) -> dict[str, Any]:
        response, engine = canonical(answer.response), answer.engine or self.engine
        told = (call.budget, answer.complete, response, answer.vector, answer.tokens, engine)
        return {
            "key": call.key,
            "kind": call.kind,
            "model": call.model,
            "request": canonical(call.request),
            "budget": call.budget,
            "complete": answer.complete,
            "response": response,
            "vector": answer.vector,
            "tokens": answer.tokens,
            "seconds": answer.seconds,
            "engine": engine,
            "created_at": now(),
            "answer_digest": answer_digest(call.key, *told),
        }

    def _record_failures(self, failed: list[tuple[Call, Answer]]) -> None:
        rows = pl.DataFrame(
            [
                {
                    "key": call.key,
                    "kind": call.kind,
                    "model": call.model,
                    "request": canonical(call.request),
                    "error": answer.error,
                    "engine": answer.engine or self.engine,
                    "failed_at": now(),
                }
                for call, answer in failed
            ],
            schema=empty(ModelFailure).schema,
        )
        if failed:
            with self.database.write() as connection:
                insert(connection, "memo.failures", rows)


def _answered(batch: list[Call], work: Work) -> list[tuple[Call, Answer]]:
    """The batch with its answers. If the model fails at the batch, each call is tried once more alone."""
    try:
        return list(zip(batch, work(batch), strict=True))
    except MODEL_ERRORS as error:
        if len(batch) > 1:
            return [pair for call in batch for pair in _answered([call], work)]
        return [(batch[0], Answer({}, 0, 0.0, complete=False, error=f"{type(error).__name__}: {error}"))]
