"""What is done to texts: found in a record, normalized, put on one line; cut, listed or counted for messages.

A text in a record is never cut. A cut text only helps people to recognise a thing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import Any

FEW = 5
"""So many things are named one by one in a message."""

_WORD = re.compile(r"[^\W_]+")


def texts_in(value: Any) -> Iterator[str]:
    """Every text in a JSON value, in lists and mappings too; keys are none."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from texts_in(part)


def on_one_line(text: str) -> str:
    """The text with single spaces in place of all line breaks, tabs and runs of spaces."""
    return " ".join(text.split())


def shortened(text: str, most: int) -> str:
    """The text in at most `most` characters, of which the last is "…" where it was cut.

    Worked example: `shortened("Pesto is a sauce", 6)` is "Pesto…", and `shortened("Basil", 6)` is "Basil".
    """
    return text if len(text) <= most else text[: most - 1] + "…"


def listed(things: Sequence[object], most: int = FEW) -> str:
    """The first `most` things with commas between them, and how many more there are: "a, b and 3 more"."""
    more = f" and {len(things) - most} more" if len(things) > most else ""
    return ", ".join(map(str, things[:most])) + more


def kind_named(kind: str, count: int) -> str:
    """A kind of record as people say it of `count` records: "seed task", "seed tasks", "perplexities"."""
    named = kind.replace("_", " ")
    if count == 1:
        return named
    return f"{named[:-1]}ies" if named.endswith("y") else f"{named}s"


def normalized(text: str) -> str:
    """Text as it is known again: lower case, letters and digits only, single spaces between words."""
    return " ".join(_WORD.findall(text.lower()))


def duration(seconds: float) -> str:
    """Seconds in words, in the unit that suits."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def nearest(name: str, names: Iterable[str]) -> str:
    """The names to choose from, the nearest one first where there is one."""
    known = sorted(names)
    close = get_close_matches(name, known, n=1, cutoff=0.5)
    listed = ", ".join(known) or "none is declared"
    return f"did you mean {close[0]!r}? (known: {listed})" if close else f"known: {listed}"
