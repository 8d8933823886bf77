"""The memo: every finished model call, keyed by its content, committed as soon as it is computed, and computed once.

A model's output may differ in the last bits between batch shapes. Batches are therefore made only of calls that are
not in the memo, and each is computed and committed as a whole, in any order. After a kill, exactly the batches that
were not finished are left, so the next build arrives at the same content as one that was not killed.

An endpoint composes its own batches, so what it answers does not depend on ours: its answers are committed as they
arrive, and there are no batches. Parallel builds do not compute the same call: one at a time computes a batch, or the
calls of one list to an endpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import duckdb
import polars as pl
from filelock import Timeout

from warehouse.core.identity import canonical
from warehouse.schema.bookkeeping import ModelCall, ModelFailure
from warehouse.schema.records import empty
from warehouse.store.calls import Answer, Arriving, Call, Compose, Meter, Void, answer_digest
from warehouse.store.engine import narrowed
from warehouse.store.inserting import insert, insert_new_calls
from warehouse.store.stored_json import answer_of_call
from warehouse.store.warehouse import Warehouse, now
from warehouse.store.workers import InProcess, Task, Workers


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


@dataclass(eq=False)
class _Claimed(Task):
    """A batch that no other build computes until `claim` is closed. The answers to `replaced` calls do not count."""

    claim: ExitStack
    replaced: list[Call]


@dataclass
class Memo:
    """Finished calls in the DuckDB file; `engine` is recorded as the software that computes new ones, on `workers`."""

    database: Warehouse
    engine: str = ""
    meter: Meter = field(default_factory=Meter)
    workers: Workers = field(default_factory=InProcess)

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
        calls_there = narrowed(connection, "memo.calls", "key", wanted["key"].unique())
        connection.register("wanted", wanted)
        found = connection.execute(
            "SELECT w.key, w.budget, c.response, c.tokens, c.seconds, c.complete, c.vector "
            f"FROM {calls_there} c JOIN wanted w ON c.key = w.key "
            "WHERE c.budget = w.budget OR (c.complete AND c.tokens <= w.budget) "
            # If a call has several answers, every build takes the same one.
            "ORDER BY c.budget = w.budget, c.budget DESC"
        ).pl()
        connection.unregister("wanted")
        place = self.database.place
        vectors = (None if vector is None else vector.to_numpy() for vector in found["vector"])
        return {
            (key, budget): Answer(answer_of_call(place, key, response), tokens, seconds, complete, vector)
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
        self.database.claims.remove_old()
        recorded = self.recorded(calls, void)
        self.meter.from_memo += recorded.count
        answers, total = dict(recorded.answers), len(recorded.missing)
        if total:
            progress(0, total)
            done = 0
            for found in self._computed((Task(*one) for one in compose(list(recorded.missing.values()))), void):
                answers |= found
                done += len(found)
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
        self.database.claims.remove_old()
        first = self.recorded(calls, void)
        self.meter.from_memo += first.count
        answers = dict(first.answers)
        if first.missing:
            progress(0, len(first.missing))
            with self.database.claims.claimed(sorted({call.key for call in calls})):
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

    def _computed(self, tasks: Iterable[Task], void: Void) -> Iterator[dict[tuple[str, int], Answer]]:
        """The answers to each batch, computed by the workers, or by a parallel build that had claimed the same batch.

        Such batches come last and alone: a build that waits for another has no claim that the other may wait for.
        """
        held: list[_Claimed] = []
        busy: list[Task] = []
        elsewhere: list[dict[tuple[str, int], Answer]] = []

        def free(some: Iterable[Task], wait: bool) -> Iterator[_Claimed]:
            for task in some:
                claim = self._try_to_claim(task.calls, wait)
                if claim is None:
                    busy.append(task)
                    continue
                found = self.recorded(task.calls, void)
                if found.missing:
                    replaced = [call for call in task.calls if (call.key, call.budget) in found.void]
                    held.append(_Claimed(task.calls, task.work, claim, replaced))
                    yield held[-1]
                else:
                    claim.close()
                    self.meter.from_memo += len(task.calls)
                    elsewhere.append(found.answers)

        def in_turn() -> Iterator[Iterator[_Claimed]]:
            yield free(tasks, wait=False)
            yield from (free([task], wait=True) for task in busy)

        try:
            for claimable in in_turn():
                for task, answered in self.workers.answers(claimable):
                    kept = self._keep(answered, task.replaced)
                    held.remove(task)
                    task.claim.close()
                    # If a parallel build was first, its answers are the ones that were kept.
                    yield {(call.key, call.budget): answer for call, answer in answered} | kept
                yield from elsewhere
                elsewhere.clear()
        finally:
            for left in held:
                left.claim.close()

    def _try_to_claim(self, calls: Sequence[Call], wait: bool) -> ExitStack | None:
        """A claim that lasts until it is closed; None where another build has it and `wait` is false."""
        claim = ExitStack()
        try:
            claim.enter_context(self.database.claims.claimed([call.key for call in calls], wait))
        except Timeout:
            return None
        return claim

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
        with self.database.write("memo") as connection:
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
                    "error": (answer.error or "").replace("\0", "\\0"),
                    "engine": answer.engine or self.engine,
                    "failed_at": now(),
                }
                for call, answer in failed
            ],
            schema=empty(ModelFailure).schema,
        )
        if failed:
            with self.database.write("memo") as connection:
                insert(connection, "memo.failures", rows)
