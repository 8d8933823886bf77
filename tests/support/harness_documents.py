"""Documents in the published format of tasks of lm-evaluation-harness, models to ask about them, and no network."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from resources.models.calls import Completion, Prompt, Sampling, TokenLoss
from resources.models.language_model import LanguageModel
from warehouse.core.identity import digest
from warehouse.results.result import Result


def arc(number: int, question: str, choices: Sequence[str], answer: str) -> dict[str, Any]:
    """A document in the format that ARC is published in."""
    labels = list("ABCD"[: len(choices)])
    return {
        "id": f"own_{number}",
        "question": question,
        "choices": {"text": list(choices), "label": labels},
        "answerKey": answer,
    }


ARC = [
    arc(1, "what is near the old river", ["the stone", "a garden house", "how does the house grow"], "B"),
    arc(2, "how does the garden grow", ["near the river and the old stone", "old", "and what"], "A"),
    arc(3, "what does a house and a stone grow", ["river", "stone", "the", "what is the old"], "C"),
]
GSM8K = [
    {"question": "what is the old river and the stone", "answer": "the river is near . \n#### 12"},
    {"question": "how does a garden grow", "answer": "#### 3"},
    {"question": "what is a house", "answer": "near\n#### 1,000"},
]


def items(documents: Sequence[object]) -> pl.DataFrame:
    told = [one if isinstance(one, str) else json.dumps(one) for one in documents]
    return pl.DataFrame({"id": [digest(one) for one in told], "details": told})


def scored(result: Result, documents: Sequence[object], metric: str) -> list[float]:
    """The values of a metric, in the documents' order."""
    found = dict(result.kept.filter(pl.col("metric") == metric).select("item", "value").iter_rows())
    return [found[item] for item in items(documents)["id"]]


class OwnModel:
    """A language model of this machine without a memo."""

    def __init__(self, folder: Path) -> None:
        self.model, self.prompts = LanguageModel(folder), list[Prompt]()

    def losses(self, texts: Sequence[tuple[Prompt, str]], ends: bool = False) -> list[TokenLoss]:
        return [TokenLoss(*self.model.losses([one])[0], call=digest([one[0].text, one[1]])) for one in texts]

    def complete(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        self.prompts += prompts
        told = [self.model.complete([prompt], sampling)[0] for prompt in prompts]
        return [
            Completion(text, complete, digest(prompt.text))
            for prompt, (text, _, complete) in zip(prompts, told, strict=True)
        ]


class Scripted:
    """Losses of 1 nat and 2 tokens, but for continuations that are scripted, and one text for all prompts."""

    def __init__(self, text: str = "", **losses: TokenLoss) -> None:
        self.text, self.script = text, losses

    def losses(self, texts: Sequence[tuple[Prompt, str]], ends: bool = False) -> list[TokenLoss]:
        usual = TokenLoss(1.0, 2, digest("call"))
        return [self.script.get(continuation.strip(), usual) for _, continuation in texts]

    def complete(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Completion]:
        return [Completion(self.text, True, digest(prompt.text)) for prompt in prompts]


def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes any connection a failed test."""

    def refuse(*_: object) -> None:
        raise AssertionError("a benchmark must not need the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
