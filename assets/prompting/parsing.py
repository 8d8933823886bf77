"""Parse model texts into fields. Parsing is separate from generation, so a new parser needs no new model call."""

from __future__ import annotations

import re

from warehouse.core.texts import on_one_line

_NUMBERED = re.compile(r"(?:^|\n)\s*\d+\s*[.)](?:[^\S\n]+|(?=\n)|$)")
_LABEL = re.compile(r"^(?:(?:instruction|question|prompt|query|task)\s*\d*\s*:\s*)+", re.IGNORECASE)
_YES = re.compile(r"\W*yes\b", re.IGNORECASE)
_QUOTES = {'"': '"', "“": "”", "'": "'", "`": "`"}


def numbered_items(text: str, complete: bool) -> tuple[list[str], str]:
    """Split a continued list; return (its items, the item that was cut off). The first item has no number.

    If the text was cut off, its last item is the one that was cut off; otherwise that value is "".
    """
    items = [on_one_line(item) for item in _NUMBERED.split(text)]
    cut_off = "" if complete else items.pop()
    return [item for item in items if item], cut_off


def instruction_of(text: str) -> str:
    """The instruction in a completion: its first non-blank line, without a label and without quotes around it."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    line = _LABEL.sub("", line).strip()
    inside = line[1:-1]
    if len(line) > 1 and _QUOTES.get(line[0]) == line[-1] and line[0] not in inside and line[-1] not in inside:
        line = inside.strip()
    return line


def says_yes(text: str) -> bool:
    """Whether the text begins with yes; punctuation and markup before it are ignored."""
    return _YES.match(text) is not None
