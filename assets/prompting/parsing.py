"""Parse model texts into fields. Parsing is separate from generation, so a new parser needs no new model call."""

from __future__ import annotations

import re

from assets.prompting.unwrapping import instruction_in, unwrapped
from warehouse.core.texts import on_one_line

_NUMBERED = re.compile(r"(?:^|\n)\s*\d+\s*[.)](?:[^\S\n]+|(?=\n)|$)")
_YES = re.compile(r"\W*yes\b", re.IGNORECASE)


def numbered_items(text: str, complete: bool) -> tuple[list[str], str]:
    """Split a continued list; return (its items, the item that was cut off). The first item has no number.

    If the text was cut off, its last item is the one that was cut off; otherwise that value is "". Items are without
    what models wrap around an instruction (see unwrapping.py), and an item that is nothing else is left out.
    """
    items = [unwrapped(on_one_line(item)) for item in _NUMBERED.split(text)]
    cut_off = "" if complete else items.pop()
    return [item for item in items if item], cut_off


def instruction_of(text: str) -> str:
    """The instruction in a completion, on one line, without what models wrap around it (see unwrapping.py)."""
    return instruction_in(text)


def says_yes(text: str) -> bool:
    """Whether the text begins with yes; punctuation and markup before it are ignored."""
    return _YES.match(text) is not None
