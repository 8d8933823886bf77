"""What is done to texts: found in a record, normalized, put on one line; cut, listed or counted for messages.

A text in a record is never cut. A cut text only helps people to recognise a thing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import Any

from warehouse.core.comparing import units
from warehouse.core.words import folded

FEW = 5
"""How many things a message names one by one."""


def texts_in(value: Any) -> Iterator[str]:
    """Every text in a JSON value, including those in lists and mappings. Keys do not count."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from texts_in(part)


def on_one_line(text: str) -> str:
    """The text with each run of spaces, tabs and line breaks replaced by one space."""
    return " ".join(text.split())


def shortened(text: str, most: int) -> str:
    """The text, cut to at most `most` characters; a cut text ends with "…".

    Worked example: `shortened("Pesto is a sauce", 6)` is "Pesto…", and `shortened("Basil", 6)` is "Basil".
    """
    return text if len(text) <= most else text[: most - 1] + "…"


def listed(things: Sequence[object], most: int = FEW) -> str:
    """The first `most` things separated by commas, and the number of the rest: "a, b and 3 more"."""
    more = f" and {len(things) - most} more" if len(things) > most else ""
    return ", ".join(map(str, things[:most])) + more


def counted(number: int, what: str) -> str:
    """A number of things: "1 asset", "3 assets"."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def kind_named(kind: str, count: int) -> str:
    """A kind of record in words, in the singular or plural for `count`: "seed task", "seed tasks", "perplexities"."""
    named = kind.replace("_", " ")
    if count == 1:
        return named
    return f"{named[:-1]}ies" if named.endswith("y") else f"{named}s"


def normalized(text: str) -> str:
    """Text as it is compared: its units (see warehouse/core/comparing.py), with single spaces between them.

    A text without any of them, such as "..." or "-", is compared by its characters; only a blank text gives "".
    """
    return " ".join(units(text)) or on_one_line(folded(text))


def has_word(text: str) -> bool:
    """Whether a text says anything: a text without a letter or digit counts as empty (ours)."""
    return any(map(str.isalnum, text))


def duration(seconds: float) -> str:
    """Seconds as text, in seconds, minutes or hours: "45.6 s", "12 min", "3.4 h"."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def clock(seconds: float) -> str:
    """Minutes and seconds, such as "4:12"; with hours where there are any, such as "1:04:12"."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def shortened_in_the_middle(text: str, most: int) -> str:
    """The text in at most `most` characters, its beginning and its end; what is left out is marked."""
    if len(text) <= most:
        return text
    end = most // 2
    return f"{text[: most - 1 - end]}…{text[len(text) - end :]}"


def shortened_name(name: str, most: int) -> str:
    """The name of an asset in at most `most` characters. What follows the last "/" tells it from others, so it stays as
    long as three characters are left before it."""
    end = name[max(0, name.rfind("/")) :]
    room = most - 1 - len(end)
    if len(name) <= most or room < 3:
        return shortened_in_the_middle(name, most)
    return f"{name[:room]}…{end}"


def nearest(name: str, names: Iterable[str]) -> str:
    """The known names for an error message, with the closest match first: "did you mean 'faq'? (known: faq, wiki)"."""
    known = sorted(names)
    close = get_close_matches(name, known, n=1, cutoff=0.5)
    listed = ", ".join(known) or "none is declared"
    return f"did you mean {close[0]!r}? (known: {listed})" if close else f"known: {listed}"
