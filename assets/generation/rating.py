"""Ratings of an answer from 1 to 5: the rubric, a score that the model writes, and a score that is measured.

Source: the scale of Humpback, arXiv 2308.06259, in our own words; the measured score is that of G-Eval,
arXiv 2303.16634, section 2. back_translation.py uses both.

Worked example: "It answers directly. Score: 4" has the score 4; a model that answers 4 or 5, each with probability 0.5,
gives 4.5.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from assets.prompting.alignment import Measured
from resources.models.calls import Prompt, Reader

RUBRIC = """A user's instruction and a candidate answer follow. How good an example is the answer of what an AI \
assistant should reply? Rate it on this scale:
1: It is incomplete, vague, off the topic, or not what the user asked for. Parts are missing or repeated, or it is \
advertising, a menu of a web page, or somebody's private story.
2: It deals with most of what was asked, but not directly: for instance it outlines a way in place of the solution.
3: It is helpful and covers what was asked, but was visibly not written by an assistant: it reads as a piece of a \
blog, a web page or a list of search results.
4: It is written as an assistant would, and is about the instruction alone: complete, clear, well ordered and \
friendly. Small things could be better, such as its length or its focus.
5: It is a perfect answer of an assistant: written for this very instruction, expert, engaging, without a \
needless sentence.

Instruction:
{instruction}

Answer:
{response}

"""
REASONS = 'Give your reasons in a few words. Then end with a line "Score: " and the number.'
NUMBER = "Answer with the number alone."
SCORES = (1, 2, 3, 4, 5)
_LABEL = re.compile(r"\b(?:score|rating)\b\s*(?:\([^()\n]*\))?[\s*_]*[:=]", re.IGNORECASE)
_SCALE = r"[^\S\n]*\(?[^\S\n]*(?:points?|stars?)?[^\S\n]*(?:/|(?:out[^\S\n]+)?of\b)"
_SCORE = re.compile(
    rf"[\s*_<\[(\"'“]*(?P<score>[1-5](?:\.[0-9]+)?)(?:{_SCALE}[^\S\n]*5(?![0-9]|[.,][0-9])\)?)?"
    rf"(?!{_SCALE}|[0-9]|[.,][0-9]|[^\S\n]*[-–][^\S\n]*[0-9]|[^\S\n]+(?:to|or|out)\b)",
    re.IGNORECASE,
)
_ABOVE_FIVE = re.compile(r"[6-9]|[1-9][0-9]")
_LIST_ITEM = re.compile(r"[.)]\s+\S")
# If the text is cut off in this line, for example after "4 o", a scale may have followed ("4 out of 10").
_SETTLED = re.compile(r"[^\n\w/]*(?:\n|(?!(?:points?|stars?|out|of|to|or)\b)[^\W\d_]+\W)", re.IGNORECASE)


def score_of(text: str, complete: bool) -> float | None:
    """The last score from 1 to 5 in a rating; None where there is none, or where a cut-off text may have changed it.

    A score on another scale does not count, nor does the number of a list item below the label."""
    text = text.rstrip()
    labels = list(_LABEL.finditer(text))
    if not labels or _ABOVE_FIVE.search(labels[-1].group()):
        return None
    found = _SCORE.match(text, labels[-1].end())
    if found is None or not (complete or _SETTLED.match(text, found.end())):
        return None
    if "\n" in text[found.start() : found.start("score")] and _LIST_ITEM.match(text, found.end()):
        return None
    score = float(found["score"])
    return score if score <= 5 else None


def expected_score(losses: Sequence[float]) -> float:
    """The mean of SCORES, each weighted by its likelihood; `losses` are their negative log-likelihoods in nats."""
    least = min(losses)
    weights = [math.exp(least - loss) for loss in losses]
    return sum(score * weight for score, weight in zip(SCORES, weights, strict=True)) / sum(weights)


def question(row: Mapping[str, str], how: str, seed: int = 0) -> Prompt:
    """Ask for the rating of a pair; `how` is REASONS or NUMBER."""
    return Prompt.ask(RUBRIC.format(instruction=row["instruction"], response=row["response"]) + how, seed)


def ratings(rows: Sequence[Mapping[str, str]], reader: Reader) -> list[Measured]:
    """The expected score of each pair, from the losses of the five scores.

    If one loss is missing, there is no score: the mean of the others would be a different one."""
    losses = reader.losses([(question(row, NUMBER), str(score)) for row in rows for score in SCORES])
    found = []
    for number in range(len(rows)):
        of_scores = losses[number * len(SCORES) : (number + 1) * len(SCORES)]
        error = next((loss.error for loss in of_scores if loss.error), None)
        refusal = next((loss.refusal for loss in of_scores if loss.refusal), None)
        value = None if error or refusal else expected_score([loss.mean * loss.tokens for loss in of_scores])
        calls = tuple(loss.call for loss in of_scores)
        found.append(Measured(value, sum(loss.tokens for loss in of_scores), calls, error, refusal))
    return found
