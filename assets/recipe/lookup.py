"""Look up what is at a path in a row (see assets/recipe/paths.py). Only data is reached: no attributes, no calls."""

from __future__ import annotations

import json
from collections import abc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from assets.recipe.paths import POSITION, Path, Pick, written

ABSENT = "is absent or empty"
ROLE_KEYS = ("role", "from", "author", "speaker", "sender")
"""The keys that name the role of a turn in a conversation, in the formats that we know."""

FROM_THE_START: abc.Mapping[str, int] = {}


class MissingField(LookupError):
    """A row has no usable value at `path`; `reason` says what is there instead."""

    def __init__(self, path: str, reason: str = ABSENT) -> None:
        super().__init__(f"field {path!r} {reason}")
        self.path = path
        self.reason = reason


@dataclass(frozen=True)
class Turn:
    """An object in a list that a path led through: the list and its path, and which item of it."""

    list_path: str
    items: Sequence[object]
    index: int
    by_position: bool

    @property
    def item(self) -> abc.Mapping[str, object]:
        """The object."""
        item = self.items[self.index]
        return item if isinstance(item, abc.Mapping) else {}


class Found(NamedTuple):
    """The value at a path (None: absent, for the `reason`), and the turns that the path led through."""

    value: object
    reason: str = ABSENT
    turns: tuple[Turn, ...] = ()


class Item(dict[str, object]):
    """A row that was made of `turn`, one item of a list."""

    def __init__(self, fields: abc.Mapping[str, object], turn: Turn) -> None:
        super().__init__(fields)
        self.turn = turn


def role_of(item: object) -> tuple[str, str] | None:
    """The key that names the role of a turn, and the role; None if it is no turn of a conversation."""
    if not isinstance(item, abc.Mapping):
        return None
    return next(((key, role.strip()) for key in ROLE_KEYS if isinstance(role := item.get(key), str)), None)


def find(row: abc.Mapping[str, object], path: Path, after: abc.Mapping[str, int] = FROM_THE_START) -> Found:
    """The value of a row at a path.

    `after` has positions by the path of a list: a pick by values alone looks for a turn after this position.
    """
    value: object = row
    turns: list[Turn] = []
    behind = ""
    for step in path.steps:
        behind = f"{behind}.{written(step.name)}" if behind else written(step.name) if step.name else ""
        if step.name:
            holder = opened(value)
            if isinstance(holder, abc.Mapping):
                value = holder.get(step.name)
            elif isinstance(holder, list):
                if not POSITION.fullmatch(step.name):
                    inside = behind.removesuffix(f".{written(step.name)}")
                    return Found(None, f"leads into a list; say which item, as in {inside}.0 or {inside}[role=user]")
                value = holder[int(step.name)] if int(step.name) < len(holder) else None
                if isinstance(value, abc.Mapping):
                    turns.append(Turn(behind.rpartition(".")[0], holder, int(step.name), by_position=True))
            elif isinstance(holder, str) and holder.lstrip()[:1] in ("[", "{"):
                return Found(None, "leads into a text that starts like JSON, but is not valid JSON")
            else:
                return Found(None)
        if step.picks:
            if not step.name:
                if not isinstance(row, Item):
                    return Found(None, "starts from an item, but the row is not made of one")
                behind, items, left = row.turn.list_path, row.turn.items, [row.turn.index]
            elif value is None:
                return Found(None)
            elif (found := items_of(value)) is None:
                what = "a text that is no valid JSON list" if isinstance(value, str) else "which is no list"
                return Found(None, f"picks from {behind}, {what}")
            else:
                items, left = found, list(range(len(found)))
            asked = after.get(behind, -1) if step.name and all(pick.key for pick in step.picks) else -1
            left = [index for index in left if index > asked]
            for pick in step.picks:
                left = picked(items, left, pick)
                if not left:
                    later = " after the turn of 'instruction'" if asked >= 0 else ""
                    return Found(None, f"finds no item for {pick.text}{later}")
            value = items[left[0]]
            if isinstance(value, abc.Mapping):
                turns.append(Turn(behind, items, left[0], by_position=False))
    return Found(value, ABSENT, tuple(turns))


def picked(items: Sequence[object], left: Sequence[int], pick: Pick) -> list[int]:
    """The positions of the items that one pick leaves, of the positions `left`."""
    if pick.move:
        moved = [index + pick.move for index in left[:1]]
        return [index for index in moved if 0 <= index < len(items)]
    if pick.position is not None:
        return list(left[pick.position : pick.position + 1])
    return [index for index in left if _matches(items[index], pick)]


def opened(value: object) -> object:
    """The value; if it is a text that is a JSON list or object, what it says."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("[", "{"):
        return value
    try:
        inside: object = json.loads(value, parse_constant=lambda name: None)
        # Half a surrogate pair is valid JSON, but no database or tokenizer accepts it.
        json.dumps(inside, ensure_ascii=False).encode() if "\\u" in value else None
    except (ValueError, RecursionError):
        return value
    return inside


def items_of(value: object) -> list[object] | None:
    """The items of a list, also if it is written as JSON or as an object of equally long lists; None if it is none."""
    value = opened(value)
    if isinstance(value, list):
        return value
    if isinstance(value, abc.Mapping) and value:
        columns = [opened(column) for column in value.values()]
        if all(isinstance(column, list) for column in columns) and len({len(column) for column in columns}) == 1:  # type: ignore[arg-type]
            return [dict(zip(value, cells, strict=True)) for cells in zip(*columns, strict=True)]
    return None


def says(value: object, text: str) -> bool:
    """Whether a value of a row says what a text of a recipe says: the same text, number, or true or false."""
    if isinstance(value, str):
        return value.strip() == text
    if isinstance(value, bool):
        return text == ("true" if value else "false")
    return isinstance(value, (int, float)) and number_in(text) == value


def number_in(value: object) -> float | int | None:
    """The number that a value is, or that its text says; None if it is neither or not finite."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    try:
        number = float(value) if isinstance(value, (str, float)) else None
    except ValueError:
        return None
    return number if number is not None and abs(number) < float("inf") else None


def _matches(item: object, pick: Pick) -> bool:
    value: object = item
    for name in pick.key:
        value = value.get(name) if isinstance(value, abc.Mapping) else None
    return any(says(value, text) for text in pick.values)
