"""Completions and losses from a language model on this machine."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resources.models.calls import Adapter, Prompt, Sampling
from resources.tools.batching import Batches, fitting_batches
from resources.tools.jobs import Completing, Measuring
from resources.tools.opened import limits, opening, reading_engine
from resources.tools.session import Session, completions_at
from warehouse.store.calls import Answer, Call


@dataclass(frozen=True)
class LocalModel:
    """The language model `name`, with `adapter` if one is given. Serves as Completer."""

    session: Session
    name: str
    adapter: Adapter | None = None

    def stamp(self, sampling: Sampling) -> dict[str, Any]:
        """What the request of a completion gets beside its content."""
        return self.session.bench.engine(self.name).stamp(sampling.temperature > 0)

    def completions(self, calls: Sequence[Call], prompts: Mapping[str, Prompt], sampling: Sampling) -> list[Answer]:
        """The answers to completion calls; a prompt that leaves no room for the budget is refused."""
        bench = self.session.bench
        engine = bench.engine(self.name)
        memo = self.session.memo(*engine.packages, numerics=engine.numerics)
        before, total, tokens_before, began = 0, 0, memo.meter.tokens, time.monotonic()

        def report(done: int, tokens: int) -> None:
            written = memo.meter.tokens - tokens_before + tokens
            self.session.progress(completions_at(written, time.monotonic() - began))(done, total)

        def progress(done: int, of: int) -> None:
            nonlocal before, total
            before, total = done, of
            report(done, 0)

        def ended(done: int, tokens: int) -> None:
            report(before + done, tokens)

        def compose(missing: list[Call]) -> Batches:
            nonlocal began
            bench.model_folder(self.name, fetch=True)
            # Asked again: before the model was here, the engine was that for one that can be exported.
            wanted = opening(bench, self.name, self.adapter, bench.engine(self.name))
            job = Completing(bench, wanted, prompts, sampling, bench.thoughts.get(self.name), ended)
            with limits(bench, wanted, reading=False) as (texts, (rows, tokens)):
                began, budget = time.monotonic(), sampling.max_new_tokens
                sizes = [len(texts.of_prompt(prompts[call.key])) for call in missing]
                most = min(rows, bench.chunk), tokens
                yield from fitting_batches(missing, sizes, texts.context - budget, budget, most, job)

        return memo.run(calls, compose, progress)

    def losses(
        self, calls: Sequence[Call], texts: Mapping[str, tuple[Prompt, str]], ends: bool = False
    ) -> list[Answer]:
        """The answers to loss calls; a text that exceeds the context is refused."""
        bench, engine = self.session.bench, reading_engine(self.session.bench)

        def compose(missing: list[Call]) -> Batches:
            wanted = opening(bench, self.name, self.adapter, engine)
            with limits(bench, wanted, reading=True) as (reads, (rows, tokens)):
                sizes = [sum(map(len, reads.measured(*texts[call.key], ends))) for call in missing]
                most, job = (min(rows, bench.chunk), tokens), Measuring(bench, wanted, texts, ends)
                yield from fitting_batches(missing, sizes, reads.context, 0, most, job)

        memo = self.session.memo("transformers", "torch", numerics=engine.numerics)
        return memo.run(calls, compose, self.session.progress("losses"))
