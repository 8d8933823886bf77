"""Where batches of model calls are computed: in this process, or in others, which may be on other machines.

Batches are composed and committed by the process that builds, and only there. A batch is computed as a whole, and what
it gives does not depend on where or when, so batches may be computed in any order (ours).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from warehouse.store.calls import MODEL_ERRORS, Answer, Call, Work

Answered = list[tuple[Call, Answer]]


@dataclass
class Task:
    """A batch of calls, and the work that answers it. For another process, `work` has to be something to pickle."""

    calls: list[Call]
    work: Work


T = TypeVar("T", bound=Task)
S = TypeVar("S")
P = TypeVar("P")
R = TypeVar("R")


class Workers(Protocol):
    """What computes batches."""

    @property
    def device(self) -> str | None:
        """The kind of device of other processes that compute, "cpu" or "cuda"; None where this process does."""
        ...

    @property
    def count(self) -> int:
        """How many processes compute."""
        ...

    def parts(self, work: Callable[[S, P], R], shared: S, parts: Iterable[P], what: str) -> Iterator[tuple[P, R]]:
        """Each part with what `work` makes of `shared` and it, in any order. Both have to be something to pickle.

        `shared` is sent to each process once at most. `what` names a part. Raises what `work` raises.
        """
        ...

    def answers(self, tasks: Iterable[T]) -> Iterator[tuple[T, Answered]]:
        """Every task with its answers (see `answered`), in any order.

        A task is taken from `tasks` only when one can be computed, or sent. Raises UserError where nothing can be
        computed any more.
        """
        ...


class InProcess:
    """Computes one batch after the other, in this process."""

    device: str | None = None
    count: int = 1

    def parts(self, work: Callable[[S, P], R], shared: S, parts: Iterable[P], what: str) -> Iterator[tuple[P, R]]:
        """Each part with what `work` makes of it, in the order of `parts`."""
        for part in parts:
            yield part, work(shared, part)

    def answers(self, tasks: Iterable[T]) -> Iterator[tuple[T, Answered]]:
        """Every task with its answers, in the order of `tasks`."""
        for task in tasks:
            yield task, answered(task.calls, task.work)


def answered(batch: Sequence[Call], work: Work) -> Answered:
    """The batch with its answers. If the model fails at the batch, each call is tried once more alone."""
    try:
        return list(zip(batch, work(list(batch)), strict=True))
    except MODEL_ERRORS as error:
        if len(batch) > 1:
            return [pair for call in batch for pair in answered([call], work)]
        return [(batch[0], Answer({}, 0, 0.0, complete=False, error=f"{type(error).__name__}: {error}"))]
