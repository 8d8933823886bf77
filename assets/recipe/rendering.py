"""Write a value of a row as text, and decide what counts as absent."""

from __future__ import annotations

import json
from collections import abc

from assets.recipe.lookup import MissingField
from assets.recipe.paths import written
from warehouse.core.sentences import sentences
from warehouse.core.texts import listed, shortened

FIRST_SENTENCE = "first_sentence"
FORMATS = ("lines", "numbered", "bullets", "sentences", "commas", FIRST_SENTENCE, "json")
NO_INPUT = frozenset(
    ("<noinput>", "<no input>", "[no input]", "noinput", "no input", "no input required", "no input needed", "n/a")
)
"""What data sets write where a pair has no input. Only the field `input` counts them as absent by default (ours)."""

NAMED = 10
"""How many names of fields a message lists."""

_WIDEST = 40


def folded(texts: abc.Iterable[str]) -> frozenset[str]:
    """Texts as they are compared with values that may mean "nothing": stripped, without regard to case."""
    return frozenset(text.strip().casefold() for text in texts)


def is_absent(value: object, absent: frozenset[str]) -> bool:
    """Whether a value counts as absent: None, NaN, blank, empty, or one of ``absent`` (folded)."""
    if value is None or value != value:  # NaN is how some tables write an absent value
        return True
    if isinstance(value, str):
        return not value.strip() or (bool(absent) and value.strip().casefold() in absent)
    if isinstance(value, list):
        return all(is_absent(item, absent) for item in value)
    if isinstance(value, abc.Mapping):
        return not value
    return bool(absent) and str(value).casefold() in absent


def shown_name(name: str) -> str:
    """The name of a field for a message, cut where it is long, in the form in which a template has it."""
    return written(shortened(name, _WIDEST))


def rendered(value: object, format_: str, path: str, absent: frozenset[str]) -> str:
    """A value as text in one of FORMATS, "" if it is absent. Raises MissingField where it cannot be written."""
    if value is None or value != value:
        return ""
    if isinstance(value, (str, int, float)) and is_absent(value, absent) and (format_ != "json" or str(value).strip()):
        return ""
    if format_ == "json":
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str):
        return (next(iter(sentences(value)), value) if format_ == FIRST_SENTENCE else value).strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, list):
        inner = FIRST_SENTENCE if format_ == FIRST_SENTENCE else "lines"
        items = [text for item in value if (text := rendered(item, inner, path, absent))]
        return (items[0] if items else "") if format_ == FIRST_SENTENCE else _joined(items, format_)
    if isinstance(value, abc.Mapping):
        if not value:
            return ""
        names = listed([shown_name(str(name)) for name in value], NAMED)
        raise MissingField(path, f"holds an object, not a text; it has the fields {names}")
    raise MissingField(path, f"holds a {type(value).__name__}, not a text")


def _joined(items: list[str], format_: str) -> str:
    if format_ == "numbered":
        return "\n".join(f"{number}. {item}" for number, item in enumerate(items, start=1))
    if format_ == "bullets":
        return "\n".join(f"- {item}" for item in items)
    return {"lines": "\n", "sentences": " ", "commas": ", "}[format_].join(items)
