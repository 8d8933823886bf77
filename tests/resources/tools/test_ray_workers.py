"""A batch that is lost with its node must be computed again, and no batch may be lost, left out or given twice. These
tests run a real cluster of Ray on this machine, and kill what may be killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from resources.models.near_pairs import TooManyPairs, near_pairs
from resources.tools import comparing
from resources.tools.ray_workers import MOST_LOSSES, RayCluster, RayWorkers
from tests.support.memo import answer, call
from tests.support.ray_cluster import HEAD, Nodes, ray_cluster
from warehouse.core.errors import UserError
from warehouse.store.calls import Answer, Call
from warehouse.store.file_warehouse import FileWarehouse
from warehouse.store.memo import Memo
from warehouse.store.workers import Task


@dataclass(frozen=True)
class Sleeping:
    """Answers after a moment."""

    seconds: float = 0.2

    def __call__(self, batch: list[Call]) -> list[Answer]:
        time.sleep(self.seconds)
        return [answer(one.request["text"]) for one in batch]


@dataclass(frozen=True)
class Failing:
    """Fails at a call with the text "b", as a model does, or at any as a user's mistake."""

    mistake: bool

    def __call__(self, batch: list[Call]) -> list[Answer]:
        if self.mistake:
            raise UserError("this node has no such model")
        if any(one.request["text"] == "b" for one in batch):
            raise RuntimeError("out of memory")
        return [answer(one.request["text"]) for one in batch]


@dataclass(frozen=True)
class Deadly:
    """Kills its worker."""

    def __call__(self, batch: list[Call]) -> list[Answer]:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    with ray_cluster(2) as running:
        yield running


@pytest.fixture
def workers(nodes: Nodes) -> Iterator[RayWorkers]:
    found = RayWorkers(RayCluster(nodes.address, workers=2, host=HEAD))
    yield found
    found.close()


def batches(count: int, work: Sleeping | Failing | Deadly) -> list[Task]:
    return [Task([call(f"{number} a"), call(f"{number} b")], work) for number in range(count)]


def test_an_address_at_which_nothing_is_ends_the_build_at_once() -> None:
    """Ray itself tries for five minutes, and then ends the process without a word."""
    with pytest.raises(UserError, match=r"the Ray cluster at 127.0.0.2:1 cannot be joined: .*refused; start it with"):
        list(RayWorkers(RayCluster("127.0.0.2:1")).answers(batches(1, Sleeping())))


def test_no_batch_is_lost_or_doubled_if_a_node_is_killed(nodes: Nodes, workers: RayWorkers, tmp_path: Path) -> None:
    """The batches that were under way there are computed elsewhere, and committed with the others."""
    calls = [call(f"{number} {letter}") for number in range(20) for letter in "ab"]
    memo, done = Memo(FileWarehouse(tmp_path / "warehouse.duckdb"), workers=workers), list[int]()

    def progress(finished: int, total: int) -> None:
        done.append(finished)
        if finished == 8:
            nodes.kill_one()
            nodes.add()

    def compose(missing: list[Call]) -> Iterator[tuple[list[Call], Sleeping]]:
        yield from ((missing[start : start + 2], Sleeping()) for start in range(0, len(missing), 2))

    assert memo.run(calls, compose, progress) == [answer(one.request["text"]) for one in calls]
    assert done == [*range(0, 41, 2)]
    assert (memo.meter.computed, memo.meter.from_memo) == (40, 0)
    with memo.database.read() as connection:
        assert connection.execute("SELECT count(*), count(DISTINCT key) FROM memo.calls").fetchall() == [(40, 40)]


def test_at_most_two_batches_of_each_worker_are_taken_ahead(workers: RayWorkers) -> None:
    """A batch that is taken is claimed: a parallel build would wait for those that only lie here."""
    taken = list[int]()

    def one_by_one() -> Iterator[Task]:
        for number, task in enumerate(batches(9, Sleeping())):
            taken.append(number)
            yield task

    for given, _ in enumerate(workers.answers(one_by_one()), 1):
        assert len(taken) <= given + 4
    assert taken == [*range(9)]


def test_a_failing_model_fails_single_calls_and_a_mistake_ends_the_build(workers: RayWorkers) -> None:
    ((_, found),) = workers.answers([Task([call("a"), call("b")], Failing(mistake=False))])
    assert [(one.response, one.error) for _, one in found] == [
        ({"text": "A"}, None),
        ({}, "RuntimeError: out of memory"),
    ]
    with pytest.raises(UserError, match=r"^this node has no such model$"):
        list(workers.answers(batches(3, Failing(mistake=True))))
    # Nothing of it is left in the way of the next batches.
    assert len(list(workers.answers(batches(2, Sleeping(0))))) == 2


def test_a_batch_that_kills_its_workers_ends_the_build(workers: RayWorkers) -> None:
    """It would be sent for ever."""
    with pytest.raises(UserError, match=f"a batch of 2 model calls was lost with its worker {MOST_LOSSES} times"):
        list(workers.answers(batches(1, Deadly())))
    assert len(list(workers.answers(batches(2, Sleeping(0))))) == 2


def test_without_room_for_a_worker_the_error_says_so(nodes: Nodes) -> None:
    asking = RayWorkers(RayCluster(nodes.address, cpus=64, host=HEAD, patience=2))
    with pytest.raises(UserError, match="no worker with 64 CPUs and 0 GPUs for 2 s; add nodes, or ask for less"):
        list(asking.answers(batches(1, Sleeping())))
    asking.close()


def test_without_batches_no_cluster_is_joined() -> None:
    """A build that finds everything in the memo needs none."""
    assert list(RayWorkers(RayCluster("127.0.0.2:1")).answers([])) == []


def slowly(shared: list[int], part: int) -> int:
    """A part that takes a moment."""
    time.sleep(0.2)
    return sum(shared) * part


def test_parts_of_a_comparison_come_back_once_each_if_a_node_is_killed(nodes: Nodes, workers: RayWorkers) -> None:
    """Equal parts are different ones."""
    found: list[tuple[int, int]] = []
    for number, one in enumerate(workers.parts(slowly, [1, 2, 3], [*range(20), 7, 7], "a part")):
        if number == 5:
            nodes.kill_one()
        found.append(one)
    assert sorted(found) == sorted((part, 6 * part) for part in [*range(20), 7, 7])
    nodes.add()


def test_near_pairs_are_the_same_wherever_they_are_found(workers: RayWorkers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which worker compares which rows must change no pair, no cosine and not their order."""
    vectors = np.random.default_rng(5).normal(size=(5000, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    seen: list[tuple[int, int]] = []
    monkeypatch.setattr(comparing, "FEW_COMPARISONS", 0)
    for known in (0, 3000, 5000):
        here = near_pairs(vectors, 0.8, known)
        there = comparing.near_pairs_on(workers, vectors, 0.8, known, lambda done, of: seen.append((done, of)))
        assert len(here) > 400 or known == 5000
        for name in ("later", "earlier", "cosine"):
            assert np.array_equal(getattr(here, name), getattr(there, name))
    assert (5000, 5000) in seen
    assert (2000, 2000) in seen
    with pytest.raises(TooManyPairs, match="raise the floor"):
        comparing.near_pairs_on(workers, vectors, -0.9, 0, lambda done, of: None)


def test_few_comparisons_join_no_cluster() -> None:
    nowhere = RayWorkers(RayCluster("127.0.0.2:1"))
    assert len(comparing.near_pairs_on(nowhere, np.eye(8, dtype=np.float32), 0.9, 0, lambda done, of: None)) == 0
