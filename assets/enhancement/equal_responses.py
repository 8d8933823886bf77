"""Find pairs whose response another pair has already: a refusal that is repeated, or one text for many tasks.

The rule is ours. Responses are equal if they are so after normalizing, and have more than `words` words: a label such
as "Positive" may repeat. Methods that give several instructions to one text, as the paper does for documents, declare
it (`Method.shares_responses`), and the rule leaves their pairs alone.

Worked example: with `most: 1` the second of two pairs that answer "I do not know what to say here." is a duplicate of
the first.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from assets.recipe.filters import EqualResponses
from warehouse.core.texts import normalized
from warehouse.core.words import words_in

REASON = "equal response"


class Responses:
    """The responses of the pairs that were kept so far."""

    def __init__(self, rule: EqualResponses | None, sharing: Collection[str] = ()) -> None:
        """Without a rule nothing is a duplicate; pairs of the methods in `sharing` are left alone."""
        self._rule, self._sharing = rule, sharing
        self._kept: dict[str, list[str]] = {}

    def repeated(self, pair: Mapping[str, str]) -> str | None:
        """The id of the first kept pair with this response if as many as allowed have it; else the pair counts as
        kept, and the answer is None."""
        if self._rule is None or pair["method"] in self._sharing:
            return None
        text = normalized(pair["response"])
        if len(words_in(text)) <= self._rule.words:
            return None
        same = self._kept.setdefault(text, [])
        if len(same) >= self._rule.most:
            return same[0]
        same.append(pair["id"])
        return None
