"""Calls and their answers, for tests of the memo."""

from __future__ import annotations

from collections.abc import Iterator

from warehouse.store.calls import Answer, Call, Compose, Work

MODEL = "a" * 32
Batches = Iterator[tuple[list[Call], Work]]


def call(text: str, budget: int = 8) -> Call:
    return Call("completion", MODEL, {"text": text}, budget)


def answer(text: str, tokens: int = 3, complete: bool = True) -> Answer:
    return Answer({"text": text.upper()}, tokens, 0.5, complete)


class Model:
    """A model that answers in upper case and records the texts that it was asked, batch by batch."""

    def __init__(self, batch: int = 2, tokens: int = 3, complete: bool = True) -> None:
        self.batch, self.tokens, self.complete = batch, tokens, complete
        self.asked: list[str] = []

    def __call__(self, missing: list[Call]) -> Batches:
        for start in range(0, len(missing), self.batch):
            yield missing[start : start + self.batch], self.work

    def work(self, batch: list[Call]) -> list[Answer]:
        texts = [one.request["text"] for one in batch]
        self.asked += texts
        return [answer(text, self.tokens, self.complete) for text in texts]


def at_once(work: Work) -> Compose:
    """Compute all missing calls in one batch."""
    return lambda missing: iter([(missing, work)])


def nothing(missing: list[Call]) -> Batches:
    raise AssertionError(f"asked for {[one.request for one in missing]}")
