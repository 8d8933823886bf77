"""Texts: found in a record, put on one line; for messages and the terminal cut where they are long, listed, in plural.

What stands in a record is never cut; what is cut is for people to recognise a thing by.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

FEW = 5
"""So many things are named one by one in a message."""


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
