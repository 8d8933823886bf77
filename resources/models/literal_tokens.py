"""Tokenizes texts in which some control tokens are meant as such and others are only text.

A tokenizer reads every text that equals a control token as one. transformers' `split_special_tokens` changes that for
special tokens only, and a vocabulary of whole words still has them. So here a copy of the tokenizer knows each control
token by another text, its mark, and control tokens are written as marks where they are meant.
"""

from __future__ import annotations

import json
import secrets
from typing import Any

from tokenizers import Tokenizer

from resources.models.control_tokens import ControlTokens
from warehouse.core.errors import UserError


class LiteralTokens:
    """A copy of the fast tokenizer `tokenizer` that reads no text as one of the `control` tokens, but their marks.

    Everything else is as in the tokenizer: where it splits, where it adds spaces, and all ids. Raises UserError for a
    tokenizer that the library tokenizers does not run.
    """

    def __init__(self, tokenizer: Any, control: ControlTokens) -> None:
        self.control = control
        # Random digits cannot occur in a text, and no template or normalizer changes digits.
        self.nonce = str(secrets.randbelow(10**30) + 10**30)
        self.marks = {token: self.placeholder(number) for number, token in enumerate(control.tokens)}
        backend = getattr(tokenizer, "backend_tokenizer", None)
        if not isinstance(backend, Tokenizer):
            raise UserError(
                f"a text holds a control token such as {next(iter(self.marks), '')!r}, which the tokenizer "
                f"{type(tokenizer).__name__} cannot read as text; right would be a model with a tokenizer.json"
            )
        described = json.loads(backend.to_str())
        added = {one["content"]: one["id"] for one in described["added_tokens"]}
        self._copy = Tokenizer.from_str(json.dumps(self._renamed(described)))
        self._ids = {
            self._copy.token_to_id(self.marks.get(text, text)): number
            for text, number in added.items()
            if self._copy.token_to_id(self.marks.get(text, text)) is not None
        }

    def placeholder(self, number: int) -> str:
        """A text of digits that stands for text number `number`."""
        return f"{self.nonce}{number:08d}"

    def ids(self, text: str) -> list[int]:
        """Token ids of a text. Only marks become control tokens."""
        return [self._ids.get(one, one) for one in self._copy.encode(text, add_special_tokens=False).ids]

    def marked(self, text: str) -> str:
        """A text with all of its control tokens as marks."""
        return self.control.pattern.sub(lambda found: self.marks[found[0]], text)

    def _renamed(self, described: dict[str, Any]) -> dict[str, Any]:
        """The description of a tokenizer with marks in place of the control tokens, and without post-processing."""
        for one in described["added_tokens"]:
            one["content"] = self.marks.get(one["content"], one["content"])
        model = described["model"]
        marks = self.marks
        if merges := model.get("merges"):
            # A token that merges make has to keep its name, and a text that merges make is ordinary text.
            merged = {"".join(pair) if isinstance(pair, list) else pair.replace(" ", "", 1) for pair in merges}
            parts = {part for pair in merges for part in (pair if isinstance(pair, list) else pair.split(" ", 1))}
            marks = {token: mark for token, mark in marks.items() if token not in merged | parts}
        if isinstance(model["vocab"], dict):
            model["vocab"] = {marks.get(text, text): number for text, number in model["vocab"].items()}
        else:
            model["vocab"] = [[marks.get(text, text), score] for text, score in model["vocab"]]
        if model.get("unk_token"):
            model["unk_token"] = marks.get(model["unk_token"], model["unk_token"])
        return described | {"post_processor": None, "truncation": None, "padding": None}
