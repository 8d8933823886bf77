"""Completions and losses from a language model on this machine."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from resources.models.calls import Adapter, Prompt, Sampling
from resources.models.device import numerics
from resources.models.thoughts import opens_thought
from resources.tools.batching import Batches, fitting_batches, timed
from resources.tools.session import Session, completions_at
from warehouse.store.calls import Answer, Call
from warehouse.store.checkpoints import is_model

if TYPE_CHECKING:
    from resources.models.language_model import LanguageModel
    from resources.models.model_texts import ModelTexts, Written


class Writing(Protocol):
    """The part of an engine that writes completions."""

    @property
    def texts(self) -> ModelTexts:
        """What the model reads and how its tokens become text."""
        ...

    @property
    def most(self) -> tuple[int, int]:
        """The most rows, and the most tokens, that are computed and committed as a whole."""
        ...

    def complete(
        self, prompts: Sequence[Prompt], sampling: Sampling, done: Callable[[int, int], None]
    ) -> list[Written]:
        """One completion per prompt, in order; `done` gets how many have ended, and how many tokens all have."""
        ...


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
        before, total, tokens_before, began = 0, 0, 0, time.monotonic()

        def report(done: int, tokens: int) -> None:
            self.session.progress(completions_at(tokens, time.monotonic() - began))(done, total)

        def progress(done: int, of: int) -> None:
            nonlocal before, total
            before, total = done, of
            report(done, tokens_before)

        def ended(done: int, tokens: int) -> None:
            report(before + done, tokens_before + tokens)

        def compose(missing: list[Call]) -> Batches:
            nonlocal began
            with self._writing() as writing:
                texts, began = writing.texts, time.monotonic()
                rendered = {call.key: texts.render(prompts[call.key]) for call in missing}

                def work(batch: list[Call]) -> list[Answer]:
                    nonlocal tokens_before
                    asked = [prompts[call.key] for call in batch]
                    written, seconds = timed(lambda: writing.complete(asked, sampling, ended))
                    tokens_before += sum(tokens for _, tokens, _ in written)
                    return [
                        Answer({"text": text} | self._opened(rendered[call.key]), tokens, seconds, complete=complete)
                        for call, (text, tokens, complete) in zip(batch, written, strict=True)
                    ]

                sizes = [len(texts.of_prompt(prompts[call.key])) for call in missing]
                budget, (rows, tokens) = sampling.max_new_tokens, writing.most
                limits = min(rows, self.session.bench.chunk), tokens
                yield from fitting_batches(missing, sizes, texts.context - budget, budget, limits, work)

        engine = self.session.bench.engine(self.name)
        return self.session.memo(*engine.packages, numerics=engine.numerics).run(calls, compose, progress)

    def losses(
        self, calls: Sequence[Call], texts: Mapping[str, tuple[Prompt, str]], ends: bool = False
    ) -> list[Answer]:
        """The answers to loss calls; a text that exceeds the context is refused."""

        def compose(missing: list[Call]) -> Batches:
            with self._reading() as model:

                def work(batch: list[Call]) -> list[Answer]:
                    measured, seconds = timed(lambda: model.losses([texts[call.key] for call in batch], ends))
                    return [Answer(_response(loss), tokens, seconds) for loss, tokens in measured]

                sizes = [model.loss_size(*texts[call.key], ends) for call in missing]
                rows, tokens = model.most_read
                limits = min(rows, self.session.bench.chunk), tokens
                yield from fitting_batches(missing, sizes, model.texts.context, 0, limits, work)

        memo = self.session.memo("transformers", "torch", numerics=numerics())
        return memo.run(calls, compose, self.session.progress("losses"))

    def _opened(self, rendered: str) -> dict[str, bool]:
        """That the chat template ends within a thought, where it does; otherwise nothing."""
        marks = self.session.bench.thoughts.get(self.name)
        return {"opened": True} if opens_thought(rendered, marks) else {}

    @contextmanager
    def _writing(self) -> Iterator[Writing]:
        """The engine that writes, with the adapter, until the block ends."""
        bench = self.session.bench
        bench.model_folder(self.name, fetch=True)
        engine = bench.engine(self.name)
        if engine.name == "openvino":
            yield bench.openvino_writer(self.name, self.adapter, engine.precision)
        else:
            with self._reading(engine.precision) as model:
                yield model

    @contextmanager
    def _reading(self, precision: str | None = None) -> Iterator[LanguageModel]:
        """The model in transformers, with the adapter, until the block ends."""
        bench = self.session.bench
        folder = None if self.adapter is None else bench.adapter_folder(self.adapter)
        if self.adapter and folder and is_model(folder):
            yield bench.tuned_model(self.name, self.adapter, precision)
            return
        with bench.language_model(self.name, precision).with_adapter(folder) as model:
            yield model


def _response(loss: float) -> dict[str, Any]:
    return {"loss": loss} if math.isfinite(loss) else {"refusal": "the loss is no finite number"}
