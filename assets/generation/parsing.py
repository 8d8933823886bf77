"""Turns model text into fields. Apart from generating: a new parser costs no model call."""

from __future__ import annotations

import re

from segtok.segmenter import split_single

_NUMBERED = re.compile(r"(?:^|\n)\s*\d+\s*[.)]\s*")
_LABEL = re.compile(r"^(?:(?:instruction|question|prompt|query|task)\s*\d*\s*:\s*)+", re.IGNORECASE)
_QUOTES = {'"': '"', "“": "”", "'": "'", "`": "`"}


def numbered_items(text: str, complete: bool) -> list[str]:
    """The items of a list that the model went on with; the first has no number of its own.

    The last item is left out where the text was cut off, since nobody knows its end.
    """
    items = _NUMBERED.split(text)
    if not complete:
        items = items[:-1]
    return [cleaned for item in items if (cleaned := " ".join(item.split()))]


def instruction_of(text: str) -> str:
    """The instruction in a completion: its first line with text, without a label or quotes around it."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    line = _LABEL.sub("", line).strip()
    if len(line) > 1 and _QUOTES.get(line[0]) == line[-1]:
        line = line[1:-1].strip()
    return line


def whole_sentences(text: str, complete: bool) -> str:
    """The text up to its last finished sentence if it was cut off, else all of it. "" if none is finished."""
    text = text.strip()
    if complete or not text:
        return text
    last = list(split_single(text))[-1]
    if last.rstrip().endswith((".", "!", "?", ".”", '."')):
        return text
    return text[: text.rindex(last)].rstrip()
