"""Where batches of model calls are computed: in this process, or in others, which may be on other machines.

Batches are composed and committed by the process that builds, and only there. A batch is computed as a whole, and what
it gives does not depend on where or when, so batches may be computed in any order (ours).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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


class Workers(Protocol):
    """What computes batches."""

    def answers(self, tasks: Iterable[T]) -> Iterator[tuple[T, Answered]]:
        """Every task with its answers (see `answered`), in any order.

        A task is taken from `tasks` only when one can be computed, or sent. Raises UserError where nothing can be
        computed any more.
        """
        ...


class InProcess:
    """Computes one batch after the other, in this process."""

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
