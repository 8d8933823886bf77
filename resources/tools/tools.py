"""What one asset works with: models behind the memo, and sources; counts calls and reports progress."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from resources.models.calls import Adapter, Completion, Prompt, Sampling, TokenLoss, Trained, Training, Vector
from resources.tools.workbench import Workbench
from warehouse.core.errors import Mendable
from warehouse.core.identity import digest
from warehouse.lineage.withdrawals import Withdrawals
from warehouse.store.memo import Answer, Call, Compose, Memo, Meter, Work

Report = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""

MOST_ROWS = 64
MOST_TOKENS = 12_288
MOST_LOSS_TOKENS = 2_048


class TrainingFailed(Mendable, RuntimeError):
    """The trainer raised; what it said is on record in memo.failures."""


@dataclass
class Tools:
    """The workbench as one run of one asset sees it."""

    bench: Workbench
    report: Report = lambda what, done, total: None
    meter: Meter = field(default_factory=Meter)

    def model(self, name: str, adapter: Adapter | None = None) -> MemoizedModel:
        """The language model `name`, wearing `adapter` if one is given."""
        return MemoizedModel(self, name, adapter)

    def source_file(self, name: str) -> tuple[str, Path]:
        """(id, verified local file) of the source `name`."""
        source = self.bench.sources[name]
        return source.id, self.bench.fetch(source)

    def withdrawals(self) -> Withdrawals:
        """All that is withdrawn."""
        return self.bench.withdrawals()

    def refuse_withdrawn(self, paths: Iterable[str]) -> None:
        """Raises UsesWithdrawn where a model or source among recipe `paths` must not be used any more."""
        self.bench.refuse_withdrawn(paths)

    def memo(self, *engine: str) -> Memo:
        """The memo, counting into this asset's meter; `engine` names the packages that compute new calls."""
        return Memo(self.bench.database, self.bench.engine(*engine), self.meter)

    def embed(self, name: str, texts: Sequence[str]) -> list[Vector]:
        """One unit-length vector per text from the embedding model `name`."""
        calls = [Call("embedding", self.bench.models[name].id, {"text": text}) for text in texts]

        def compose(missing: list[Call]) -> Iterator[tuple[list[Call], Work]]:
            model = self.bench.embedder(name)

            def work(batch: list[Call]) -> list[Answer]:
                began = time.monotonic()
                vectors = model.embed([call.request["text"] for call in batch])
                each = (time.monotonic() - began) / len(batch)
                sizes = [len(call.request["text"].split()) for call in batch]
                return [Answer({}, size, each, vector=vector) for size, vector in zip(sizes, vectors, strict=True)]

            for start in range(0, len(missing), MOST_ROWS):
                yield missing[start : start + MOST_ROWS], work

        answers = self.memo("sentence-transformers", "torch").run(calls, compose, self._progress("embeddings"))
        return [
            Vector(answer.vector or [], call.key, answer.error) for call, answer in zip(calls, answers, strict=True)
        ]

    def token_counts(self, name: str, texts: Sequence[str]) -> list[int]:
        """How many tokens each text has for the language model `name`; its weights are not loaded."""
        from resources.models.tokens import token_counts

        return token_counts(self.base_folder(name), texts)

    def base_folder(self, name: str) -> Path:
        """The folder of the language model `name` as transformers loads it."""
        return self.bench.base_folder(name)

    def train(self, name: str, examples: Sequence[tuple[Prompt, str]], training: Training) -> Trained:
        """Fine-tunes the language model `name` on (prompt, completion) examples, once per content."""
        request = {
            "examples": digest([[list(prompt.messages), prompt.text, text] for prompt, text in examples]),
            "count": len(examples),
            **{key: value for key, value in asdict(training).items() if key != "checkpoint_every"},
        }
        call = Call("training", self.bench.models[name].id, request)
        target = self.bench.data / "checkpoints" / call.key

        def compose(missing: list[Call]) -> Iterator[tuple[list[Call], Work]]:
            base = self.base_folder(name)

            def work(_: list[Call]) -> list[Answer]:
                from resources.models.trainer import train_adapter

                self.bench.make_room()
                began = time.monotonic()
                weights, losses, tokens = train_adapter(
                    base, examples, training, target, self._progress("training steps")
                )
                return [Answer({"weights": weights, "losses": losses}, tokens, time.monotonic() - began)]

            yield missing, work

        memo = self.memo("trl", "peft", "transformers", "torch")
        (answer,) = memo.run([call], compose, lost=lambda _: not target.is_dir())
        if answer.error:
            raise TrainingFailed(f"{name} could not be fine-tuned on {len(examples)} examples: {answer.error}")
        return Trained(Adapter(call.key, answer.response["weights"]), answer.response["losses"], call.key)

    def _progress(self, what: str) -> Callable[[int, int], None]:
        return lambda done, total: self.report(what, done, total)


@dataclass(frozen=True)
class MemoizedModel:
    """A language model whose every call goes through the memo. Serves as Writer and Reader."""

    tools: Tools
    name: str
    adapter: Adapter | None = None

    @property
    def id(self) -> str:
        """Names the weights in use, base and adapter together."""
        base = self.tools.bench.models[self.name].id
        return base if self.adapter is None else digest([base, self.adapter.weights])

    def complete(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        """One completion per prompt, in order; one that leaves no room in the context is refused.

        The context of a model at an endpoint is not known here: one that has no room fails there.
        """
        calls = [Call("completion", self.id, _request(p, sampling), sampling.max_new_tokens) for p in prompts]
        by_key = dict(zip((call.key for call in calls), prompts, strict=True))
        remote = self.tools.bench.at_endpoint(self.name) and self.adapter is None
        memo = self.tools.memo() if remote else self.tools.memo("transformers", "torch")
        compose = self._asked(memo, by_key, sampling) if remote else self._computed(by_key, sampling)
        answers = memo.run(calls, compose, self.tools._progress("completions"))
        return [
            Completion(
                answer.response.get("text", ""),
                answer.complete,
                call.key,
                answer.error,
                answer.response.get("refusal"),
            )
            for call, answer in zip(calls, answers, strict=True)
        ]

    def _computed(self, by_key: Mapping[str, Prompt], sampling: Sampling) -> Compose:
        """Completions from the model on this machine."""

        def compose(missing: list[Call]) -> Iterator[tuple[list[Call], Work]]:
            with self._loaded() as model:
                lengths = [len(model.tokens(model.render(by_key[call.key]))) for call in missing]
                most = model.context - sampling.max_new_tokens

                def work(batch: list[Call]) -> list[Answer]:
                    began = time.monotonic()
                    written = model.complete([by_key[call.key] for call in batch], sampling)
                    each = (time.monotonic() - began) / len(batch)
                    return [
                        Answer({"text": text}, tokens, each, complete=complete) for text, tokens, complete in written
                    ]

                yield from _refused(missing, lengths, most)
                fitting = [index for index, length in enumerate(lengths) if length <= most]
                sizes = [lengths[index] + sampling.max_new_tokens for index in fitting]
                for rows in batches(sizes, MOST_ROWS, MOST_TOKENS):
                    yield [missing[fitting[row]] for row in rows], work

        return compose

    def _asked(self, memo: Memo, by_key: Mapping[str, Prompt], sampling: Sampling) -> Compose:
        """Completions from the model's endpoint, in batches by words. Raises EndpointError, which stops the build."""

        def compose(missing: list[Call]) -> Iterator[tuple[list[Call], Work]]:
            from resources.models.endpoint import CallFailed

            endpoint, failed = self.tools.bench.endpoint(self.name), False
            memo.engine = f"endpoint {endpoint.report()}"

            def work(batch: list[Call]) -> list[Answer]:
                nonlocal failed
                began = time.monotonic()
                written = endpoint.complete([by_key[call.key] for call in batch], sampling)
                each = (time.monotonic() - began) / len(batch)
                failed = any(isinstance(one, CallFailed) for one in written)
                return [
                    Answer({}, 0, 0.0, complete=False, error=f"{type(one).__name__}: {one}")
                    if isinstance(one, CallFailed)
                    else Answer({"text": one[0]}, one[1], each, complete=one[2])
                    for one in written
                ]

            sizes = [_words(by_key[call.key]) + sampling.max_new_tokens for call in missing]
            for rows in batches(sizes, MOST_ROWS, MOST_TOKENS):
                yield [missing[row] for row in rows], work
                if failed:
                    # Is it still there? If not, what is left would fail row by row.
                    endpoint.report()

        return compose

    def losses(self, texts: Sequence[tuple[Prompt, str]]) -> list[TokenLoss]:
        """The loss of each continuation given its prompt, in order."""
        calls = [
            Call("loss", self.id, {"messages": [list(m) for m in p.messages], "text": p.text, "target": target})
            for p, target in texts
        ]
        by_key = dict(zip((call.key for call in calls), texts, strict=True))

        def compose(missing: list[Call]) -> Iterator[tuple[list[Call], Work]]:
            with self._loaded() as model:
                sizes = [
                    len(model.tokens(model.render(prompt) + target))
                    for prompt, target in (by_key[call.key] for call in missing)
                ]

                def work(batch: list[Call]) -> list[Answer]:
                    began = time.monotonic()
                    measured = model.losses([by_key[call.key] for call in batch])
                    each = (time.monotonic() - began) / len(batch)
                    return [Answer(_measured(loss), tokens, each) for loss, tokens in measured]

                yield from _refused(missing, sizes, model.context)
                fitting = [index for index, size in enumerate(sizes) if size <= model.context]
                for rows in batches([sizes[index] for index in fitting], MOST_ROWS, MOST_LOSS_TOKENS):
                    yield [missing[fitting[row]] for row in rows], work

        memo = self.tools.memo("transformers", "torch")
        answers = memo.run(calls, compose, self.tools._progress("losses"))
        return [
            TokenLoss(
                answer.response.get("loss", 0.0),
                answer.tokens,
                call.key,
                answer.error,
                answer.response.get("refusal"),
            )
            for call, answer in zip(calls, answers, strict=True)
        ]

    def _loaded(self) -> Any:
        bench = self.tools.bench
        folder = None if self.adapter is None else bench.adapter_folder(self.adapter)
        return bench.language_model(self.name).wearing(folder)


def _request(prompt: Prompt, sampling: Sampling) -> dict[str, Any]:
    request: dict[str, Any] = {"stop": list(sampling.stop)}
    if prompt.messages:
        request["messages"] = [list(message) for message in prompt.messages]
    else:
        request["text"] = prompt.text
    if sampling.temperature > 0:  # greedy decoding has no seed to differ by
        request |= {"temperature": sampling.temperature, "top_p": sampling.top_p, "seed": prompt.seed}
    return request


def _words(prompt: Prompt) -> int:
    return sum(len(text.split()) for text in (prompt.text, *(content for _, content in prompt.messages)))


def _measured(loss: float) -> dict[str, Any]:
    return {"loss": loss} if math.isfinite(loss) else {"refusal": "the loss is no finite number"}


def _refused(calls: list[Call], sizes: Sequence[int], most: int) -> Iterator[tuple[list[Call], Work]]:
    """Answers that say why, for the calls that the model has no room for: no failure, since no retry would help."""
    size_of = {call.key: size for call, size in zip(calls, sizes, strict=True) if size > most}

    def work(batch: list[Call]) -> list[Answer]:
        texts = [f"the text has {size_of[call.key]} tokens, at most {most} fit" for call in batch]
        # Not complete: at another budget there may be room.
        return [Answer({"refusal": text}, 0, 0.0, complete=False) for text in texts]

    if size_of:
        yield [call for call in calls if call.key in size_of], work


def batches(sizes: Sequence[int], most_rows: int, most_tokens: int) -> Iterator[list[int]]:
    """Indexes of rows batch by batch, longest rows first, so that little of a batch is padding.

    The order follows from the sizes alone: an interrupted sequence goes on with the very batches it had left.
    """
    order = sorted(range(len(sizes)), key=lambda index: (-sizes[index], index))
    start = 0
    while start < len(order):
        rows = max(1, min(most_rows, most_tokens // max(1, sizes[order[start]])))
        yield order[start : start + rows]
        start += rows
