"""Rules that need no model. All are ours; published rules of a method are in the method's file.

Words are counted in any script (see warehouse/core/words.py). The lower limit is meant for prose, so a label is never
too short: at most three different words, each of which stands in the instruction or its input, or is yes, no, true or
false.

Worked example: ("What is it?", "It is. It is. It is.") breaks no length rule of (3, 60) and (5, 400) words;
a response of three lines of which two are equal breaks the rule on repeated lines (2/3 > 0.5).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from assets.recipe.filters import Heuristics
from warehouse.core.words import folded, tokens, words_in

KEYS = {
    "instruction too": "instruction_words",
    "response too": "response_words",
    "input too": "input_words",
    "response repeats a line": "most_repeated_line",
    "instruction copied": "copied_words",
    "language: ": "languages",
    "personal data": "personal_data",
}
"""The setting that decides about a rejection, by the start of its reason."""


ALWAYS_OFFERED = ("yes", "no", "true", "false")
MOST_LABEL_WORDS = 3


@dataclass(frozen=True)
class BrokenRule:
    """The rule that a pair breaks, the pair's number under it and the limit `cut`."""

    name: str
    score: float
    cut: float


def broken_rule(instruction: str, response: str, rules: Heuristics, input_: str = "") -> BrokenRule | None:
    """The first rule that the pair breaks, or None."""
    for name, text, (least, most) in (
        ("instruction", instruction, rules.instruction_words),
        ("response", response, rules.response_words),
    ):
        words = len(words_in(text))
        if words < least and not (name == "response" and is_label(instruction, response, input_)):
            return BrokenRule(f"{name} too short", words, least)
        if words > most:
            return BrokenRule(f"{name} too long", words, most)
    words = len(words_in(input_))
    if rules.input_words is not None and words > rules.input_words:
        return BrokenRule("input too long", words, rules.input_words)
    repeated = repeated_line_share(response)
    if repeated > rules.most_repeated_line:
        return BrokenRule("response repeats a line", repeated, rules.most_repeated_line)
    copied = copied_share(instruction, response)
    if copied > rules.copied_words:
        return BrokenRule("instruction copied from the response", copied, rules.copied_words)
    return None


def is_label(instruction: str, response: str, input_: str = "") -> bool:
    """Whether the response chooses one of the answers that the instruction offers."""
    words = tokens(response)
    offered = {*tokens(instruction), *tokens(input_), *ALWAYS_OFFERED}
    return 0 < len(words) <= MOST_LABEL_WORDS and len({*words}) == len(words) and offered.issuperset(words)


def repeated_line_share(text: str) -> float:
    """The most frequent line's share of the non-empty lines; 0 if no line occurs twice."""
    full = [line.strip() for line in text.splitlines() if line.strip()]
    if len(full) < 2:
        return 0.0
    most = max(Counter(full).values())
    return most / len(full) if most > 1 else 0.0


def copied_share(instruction: str, response: str) -> float:
    """The longest run of the instruction's words that occurs in the response, as a share of the instruction's words."""
    words, response_words = words_in(folded(instruction)), words_in(folded(response))
    text, known = f" {' '.join(response_words)} ", set(response_words)
    longest = 0
    for start in range(len(words)):
        if words[start] not in known:
            continue
        while start + longest < len(words) and f" {' '.join(words[start : start + longest + 1])} " in text:
            longest += 1
    return longest / len(words) if words else 0.0
