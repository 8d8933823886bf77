"""Paths: where a value is in a row of a source, by names, positions and picks.

A path is names separated by dots. It goes into an object by key and into a list by position, from 0
(`answers.0.text`). A name with one of `. : ? [ ] { } "` or with blanks around it is written in double quotes, with the
escapes of JSON: `"answers.text"`, `data."a.b".0`.

After the name of a list, brackets pick items of it, one after the other:

- `[from=human]` leaves the items whose `from` is human. The key is a path of its own, several values are separated by
  `|`, and a value may be in quotes. A number equals the same number, also where it is written as a text.
- `[1]` takes the second of those that are left.
- `[next]` and `[previous]` take the item after or before the first of them, of the whole list.

In the end the first of those that are left is taken. So `conversations[from=human][next][from=gpt].value` is the answer
to the first human turn, and absent where another turn comes after it. A path that begins with brackets starts from
the item that a row was made of (see `each` in assets/sources/exploding.py).

A path that leads into a text reads this text as JSON if it starts as a list or an object does. An object of lists of
one length counts as a list of objects, which is how some libraries write it. Nothing else is reached: no attributes,
no calls, no index into a text.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

POSITION = re.compile(r"[0-9]{1,9}")
"""A name that is also a position in a list."""

_SPECIAL = '.:?[]{}"'
_BARE = re.compile(r"[^.:?\[\]{}\"]+")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_VALUE = re.compile(r'[^\]\[|"{}]+')


class PathError(ValueError):
    """A path has a syntax error; the message says what was found and what is correct."""


@dataclass(frozen=True)
class Pick:
    """One pair of brackets: `key` with its `values`, a `position`, or a `move` by one item."""

    text: str
    key: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    position: int | None = None
    move: int = 0


@dataclass(frozen=True)
class PathStep:
    """A name, and the picks after it; the name is empty where a path begins with brackets."""

    name: str
    picks: tuple[Pick, ...] = ()


@dataclass(frozen=True)
class Path:
    """A parsed path, with its text as written."""

    text: str
    steps: tuple[PathStep, ...]

    @classmethod
    def parse(cls, text: str) -> Path:
        """Parse a whole text as a path. Raises PathError."""
        path, end = path_at(text)
        if end < len(text):
            raise PathError(f"{text!r} is no path: a name with {text[end]!r} is written in quotes, as {quoted(text)}")
        return path

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its steps, in order."""
        return tuple(step.name for step in self.steps)

    @property
    def of_item(self) -> bool:
        """Whether it starts from the item that the row was made of."""
        return not self.steps[0].name


def quoted(name: str) -> str:
    """A name in quotes."""
    return json.dumps(name, ensure_ascii=False)


def written(name: str) -> str:
    """A name as it is written in a path: in quotes only where it needs them."""
    plain = name and name == name.strip() and name != "*" and not any(character in _SPECIAL for character in name)
    return name if plain else quoted(name)


def path_at(text: str, start: int = 0) -> tuple[Path, int]:
    """The path that begins at `start`, and where it ends: at a `?` or `:` outside quotes, or at the end of the text.

    Raises PathError."""
    steps: list[PathStep] = []
    at = start
    while True:
        name, at = _name(text, at, start, empty=not steps and text[at : at + 1] == "[")
        picks: list[Pick] = []
        while text[at : at + 1] == "[":
            pick, at = _pick(text, at)
            picks.append(pick)
        steps.append(PathStep(name, tuple(picks)))
        if text[at : at + 1] != ".":
            break
        at += 1
    if at < len(text) and text[at] not in "?:":
        raise _no_path(text[start:])
    return Path(text[start:at], tuple(steps)), at


def _name(text: str, at: int, start: int, empty: bool) -> tuple[str, int]:
    if (match := _QUOTED.match(text, at)) and len(match[0]) > 2:
        return _unquoted(match[0]), match.end()
    match = _BARE.match(text, at)
    if match is None and empty:
        return "", at
    if match is None or match[0] != match[0].strip():
        raise _no_path(text[start:])
    return match[0], match.end()


def _pick(text: str, at: int) -> tuple[Pick, int]:
    wrong = PathError(
        f"{text[at:]!r} is no pick from a list; write [key=value], [key=one|other], [0], [next] or [previous]"
    )
    inside = at + 1
    while (match := _QUOTED.match(text, inside) or re.compile(r'[^\]"]').match(text, inside)) is not None:
        inside = match.end()
    if text[inside : inside + 1] != "]":
        raise wrong
    written_pick, body = text[at : inside + 1], text[at + 1 : inside].strip()
    if POSITION.fullmatch(body):
        return Pick(written_pick, position=int(body)), inside + 1
    if body in ("next", "previous"):
        return Pick(written_pick, move=1 if body == "next" else -1), inside + 1
    key: list[str] = []
    at = 0
    while not key or body[at : at + 1] == ".":
        match = _QUOTED.match(body, at + bool(key)) or re.compile(r'[^.="\[\]{}|]+').match(body, at + bool(key))
        if match is None:
            raise wrong
        key.append(_unquoted(match[0]) if match[0].startswith('"') else match[0].strip())
        at = match.end()
    if body[at : at + 1] != "=":
        raise wrong
    values: list[str] = []
    while at < len(body):
        at += 1
        while body[at : at + 1].isspace():
            at += 1
        match = _QUOTED.match(body, at) or _VALUE.match(body, at)
        value = "" if match is None else _unquoted(match[0]) if match[0].startswith('"') else match[0].strip()
        if match is None or not (value or match[0].startswith('"')):
            raise wrong
        values.append(value)
        at = match.end()
        while body[at : at + 1].isspace():
            at += 1
        if at < len(body) and body[at] != "|":
            raise wrong
    return Pick(written_pick, tuple(key), tuple(values)), inside + 1


def _unquoted(text: str) -> str:
    try:
        return str(json.loads(text, strict=False))
    except ValueError as error:
        raise PathError(f'{text} is no name in quotes; write it as JSON writes a text, with \\" for a quote') from error


def _no_path(text: str) -> PathError:
    return PathError(
        f"{text!r} is no path; write names without blanks around them, such as {{a.0.b}},"
        ' and in quotes any that has blanks around it or one of . : ? [ ] { } ", such as {"a.b"}'
    )
