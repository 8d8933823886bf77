"""Look up what is at a path in a row (see assets/recipe/paths.py). Only data is reached: no attributes, no calls."""

from __future__ import annotations

import json
from collections import abc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from assets.recipe.paths import POSITION, Path, Pick, written

ABSENT = "is absent or empty"


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
    """A row that was made of one item of a list: the items of this list, and its position there."""

    def __init__(self, fields: abc.Mapping[str, object], items: Sequence[object], index: int) -> None:
        super().__init__(fields)
        self.of = items
        self.index = index


def find(row: abc.Mapping[str, object], path: Path) -> Found:
    """The value of a row at a path."""
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
            items, left = ([], []) if step.name else ([*getattr(row, "of", [])], [getattr(row, "index", 0)])
            if step.name:
                if value is None:
                    return Found(None)
                listed = items_of(value)
                if listed is None:
                    return Found(None, f"picks from {behind}, which is no list")
                items, left = listed, list(range(len(listed)))
            for pick in step.picks:
                left = picked(items, left, pick)
                if not left:
                    return Found(None, f"finds no item for {pick.text}")
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
            return [dict(zip(value, cells, strict=True)) for cells in zip(*columns, strict=True)]  # type: ignore[call-overload]
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
