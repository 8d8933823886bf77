"""Texts for the terminal: what could steer it, or hide or reorder what is read, is written as an escape.

Texts of rows, models and servers may hold escape sequences of terminals, C1 controls or marks that turn the direction
of writing. Which characters are escaped is our choice: Unicode's categories of controls (Cc), formatting (Cf), lone
surrogates (Cs), and separators of lines and paragraphs (Zl, Zp).
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable

_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}

# Persian, Hindi and many emoji cannot be written without the zero-width joiner and non-joiner.
_JOINERS = "\u200c\u200d"


def visible(text: str, kept: Iterable[str] = "\n\t") -> str:
    """`text` with the characters that steer a terminal, or cannot be seen, as escapes; those in `kept` stay.

    Worked example: `visible("a\\x1b[2J")` is the text `a`, a backslash, and `x1b[2J`.
    """
    if text.isprintable():
        return text
    return "".join(repr(one)[1:-1] if _is_hidden(one) and one not in kept else one for one in text)


def visible_json(text: str) -> str:
    """JSON with the same value as the JSON `text`, and the same characters escaped as in `visible`."""
    return "".join(json.dumps(one)[1:-1] if _is_hidden(one) and one != "\n" else one for one in text)


def _is_hidden(one: str) -> bool:
    return not one.isprintable() and one not in _JOINERS and unicodedata.category(one) in _HIDDEN
