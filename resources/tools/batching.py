"""Splits calls into batches: long rows first, few enough tokens for the memory, no row that exceeds the context."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence, Sized
from typing import Protocol, TypeVar

from warehouse.store.calls import Answer, Call, Work

Batches = Iterator[tuple[list[Call], Work]]
T = TypeVar("T", bound=Sized)


class Job(Protocol):
    """The work of many calls (see jobs.py)."""

    def of(self, batch: Sequence[Call]) -> Work:
        """The work of a part of the calls alone."""
        ...


def fitting_batches(
    calls: Sequence[Call],
    sizes: Sequence[int],
    most: int,
    budget: int,
    limits: tuple[int, int],
    job: Job,
) -> Batches:
    """Batches of the calls of at most `most` tokens, each with its part of `job`. One before them refuses the others.

    `sizes` are the tokens that each call reads, `budget` those that it may write; `limits` are the most rows and the
    most tokens of a batch.
    """
    size_of = {call.key: size for call, size in zip(calls, sizes, strict=True) if size > most}

    def refuse(batch: list[Call]) -> list[Answer]:
        # A refusal and not an error, since no retry helps. Not complete, since at another budget there may be room.
        texts = [too_long(size_of[call.key], most) for call in batch]
        return [Answer({"refusal": text}, 0, 0.0, complete=False) for text in texts]

    if size_of:
        yield [call for call in calls if call.key in size_of], refuse
    fitting = [call for call in calls if call.key not in size_of]
    for rows in batches([size + budget for size in sizes if size <= most], *limits):
        batch = [fitting[row] for row in rows]
        yield batch, job.of(batch)


def too_long(size: int, most: int) -> str:
    """Why a text of so many tokens is refused."""
    return f"the text has {size} tokens, at most {most} fit"


def batches(sizes: Sequence[int], most_rows: int, most_tokens: int) -> Iterator[list[int]]:
    """Indexes of rows, batch by batch, longest rows first, so that a batch has little padding.

    The order follows from the sizes alone: after an interruption, the rows that are left form the same batches again.
    """
    order = sorted(range(len(sizes)), key=lambda index: (-sizes[index], index))
    start = 0
    while start < len(order):
        rows = max(1, min(most_rows, most_tokens // max(1, sizes[order[start]])))
        yield order[start : start + rows]
        start += rows


def timed(compute: Callable[[], T]) -> tuple[T, float]:
    """(what `compute` returns for the rows of a batch, seconds per row)."""
    began = time.monotonic()
    rows = compute()
    return rows, (time.monotonic() - began) / len(rows)
