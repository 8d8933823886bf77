"""How pairs fit the student: whether they hold its control tokens, and whether they fit into its training examples.

Both are counted, and the recipe says whether such pairs are kept (the default) or rejected. What is kept is harmless:
control tokens in a text are read as text, and of an example that is cut no end of turn is learned.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import polars as pl

from assets.prompting.prompts import answer
from assets.recipe.types import Recipe
from resources.tools.tools import Tools
from warehouse.core.texts import listed
from warehouse.results.result import WARNINGS

TEXTS = ("instruction", "input", "response")


@dataclass(frozen=True)
class Unfit:
    """Why a pair is rejected; `score` is what exceeds `cut`."""

    reason: str
    score: float | None = None
    cut: float | None = None


@dataclass(frozen=True)
class Fitness:
    """The recipe's rules about pairs and the student's `base`; an example has at most `most` tokens."""

    base: str
    most: int
    reject_control_tokens: bool
    reject_long: bool

    @staticmethod
    def of(recipe: Recipe) -> Fitness:
        """The rules of a recipe."""
        training = recipe.training
        reject = recipe.curation.control_tokens == "reject"
        return Fitness(training.base, training.max_tokens, reject, training.truncation == "reject")

    def slice(self, recipe: Recipe) -> dict[str, Any]:
        """What the rules depend on, as part of a slice; nothing if they reject nothing."""
        paths = ["curation.control_tokens"] if self.reject_control_tokens else []
        paths += ["training.truncation", "training.max_tokens"] if self.reject_long else []
        if not paths:
            return {}
        return recipe.slice(*paths, "training.base") | {"tokenizer": recipe.models[self.base].sha256}

    def unfit(self, tools: Tools, pairs: pl.DataFrame) -> dict[str, Unfit]:
        """The pairs that are rejected, by id. Fetches the student's base, if a rule needs it."""
        unfit = dict[str, Unfit]()
        if self.reject_long:
            rows = pairs.select(TEXTS).iter_rows()
            sizes = tools.example_sizes(self.base, [(answer(asked, given), said) for asked, given, said in rows])
            unfit |= {
                row: Unfit("longer than training.max_tokens", size, self.most)
                for row, size in zip(pairs["id"], sizes, strict=True)
                if size > self.most
            }
        if self.reject_control_tokens:
            found = _control_tokens(tools, self.base, pairs, fetch=True) or {}
            unfit |= {id_: Unfit(f"control token {tokens[0]!r} of {self.base}") for id_, tokens in found.items()}
        return unfit

    def notes(self, tools: Tools, kept: pl.DataFrame) -> dict[str, Any]:
        """How many kept pairs hold control tokens; nothing if the student's base is not on this machine."""
        found = _control_tokens(tools, self.base, kept, fetch=False)
        if found is None:
            return {}
        notes: dict[str, Any] = {"rows with control tokens": len(found)}
        if found:
            held = Counter(token for tokens in found.values() for token in set(tokens))
            tokens = listed([f"{token!r} in {rows}" for token, rows in held.most_common()])
            notes[WARNINGS] = [
                f"{len(found)} of {len(kept)} rows hold control tokens of {self.base} ({tokens}), which are read as "
                "text; curation.control_tokens: reject leaves them out"
            ]
        return notes


def _control_tokens(tools: Tools, base: str, pairs: pl.DataFrame, fetch: bool) -> dict[str, list[str]] | None:
    """The control tokens of `base` in each pair that holds any, by id; None if its tokenizer is not here."""
    folder = tools.model_folder(base, fetch)
    if folder is None:
        return None
    tokens = list(folder.control.tokens)
    holding = pairs.filter(pl.any_horizontal(pl.col(name).str.contains_any(tokens) for name in TEXTS))
    return {
        row["id"]: [token for name in TEXTS for token in folder.control.found_in(row[name])]
        for row in holding.iter_rows(named=True)
    }
