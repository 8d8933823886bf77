"""Make a row of every item of a list: the key `each` of a selection.

`each: data.paragraphs.qas` makes one row of every question of every paragraph. A row has the fields of its item, and
those of the objects around it, except that a name which items have anywhere in the source always means the item's own
field, also where one item lacks it. An item that is no object is the value of the last name of the path. The path may
pick items: `each: conversations[from=human]` makes a row of every human turn, and `{[next][from=gpt].value}` is the
turn after it. If the file is one object with a list of rows, the path may begin with the name of this list.

A source row without an item is rejected, one where the path leads to no list is quarantined.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from assets.recipe.lookup import Item, Turn, items_of, opened, picked
from assets.recipe.mapping import check_name
from assets.recipe.paths import Path, PathStep, written
from assets.recipe.rendering import is_absent
from assets.sources.candidates import Candidate
from assets.sources.partition import row_identity


@dataclass(frozen=True)
class _Leaf:
    """An item with the objects around it, from the outside in, and its list."""

    around: tuple[Mapping[str, object], ...]
    item: object
    items: Sequence[object]
    index: int


class _NoList(Exception):
    pass


def exploded(rows: Sequence[Candidate], each: str, names: Collection[str]) -> list[Candidate]:
    """One candidate per item at the path `each` of each row, and one for each row that has none.

    `names` are the fields of the rows, also those that were not read.

    Raises MappingError where no row has the first field of the path.
    """
    path = Path.parse(each)
    steps = _from_rows(path, names)
    found: list[tuple[Candidate, list[_Leaf]]] = []
    candidates: list[Candidate] = []
    for row in rows:
        try:
            leaves = list(_leaves(row.row, steps, ()))
        except _NoList as error:
            candidates.append(row.out(f"each: {error}", quarantined=True))
            continue
        if leaves:
            found.append((row, leaves))
        else:
            candidates.append(row.out(f"each: nothing at {each}"))
    own_names = _names([leaf for _, leaves in found for leaf in leaves])
    last = steps[-1].name
    for row, leaves in found:
        for leaf in leaves:
            own = leaf.item if isinstance(leaf.item, Mapping) else {last: leaf.item}
            fields = _merged([*leaf.around, own], own_names)
            content = _merged([*_outside(leaf, steps), own], own_names)
            candidates.append(
                Candidate(
                    Item(fields, Turn(written(last), leaf.items, leaf.index, by_position=False)),
                    content,
                    row_identity(content),
                    row.slice_identity,
                    row.unusable,
                )
            )
    return candidates


def _from_rows(path: Path, available: Collection[str]) -> tuple[PathStep, ...]:
    first, *rest = path.steps
    if first.name not in available and rest and rest[0].name in available and not first.picks:
        return tuple(rest)
    check_name("each", path, available)
    return path.steps


def _leaves(value: object, steps: Sequence[PathStep], around: tuple[Mapping[str, object], ...]) -> Iterator[_Leaf]:
    step, *rest = steps
    holder = opened(value)
    if not isinstance(holder, Mapping):
        raise _NoList(f"{written(step.name)} is looked up in something that is no object")
    inside = opened(holder.get(step.name))
    if is_absent(inside, frozenset()):
        return
    items = inside if isinstance(inside, list) else None
    if items is None and (not rest or step.picks):
        items = items_of(inside)
    if items is None and isinstance(inside, Mapping):
        items = [inside]
    if items is None:
        raise _NoList(f"{written(step.name)} is no list")
    left = list(range(len(items)))
    for pick in step.picks:
        left = picked(items, left, pick)
    for index in left:
        if rest:
            yield from _leaves(items[index], rest, (*around, holder))
        else:
            yield _Leaf((*around, holder), opened(items[index]), items, index)


def _names(leaves: Sequence[_Leaf]) -> list[set[str]]:
    """The names that the objects of each level have anywhere, from the outside in."""
    levels: list[set[str]] = []
    for leaf in leaves:
        own = leaf.item if isinstance(leaf.item, Mapping) else {}
        for depth, fields in enumerate((*leaf.around, own)):
            if depth == len(levels):
                levels.append(set())
            levels[depth].update(fields)
    return levels


def _merged(objects: Sequence[Mapping[str, object]], names: Sequence[set[str]]) -> dict[str, object]:
    merged: dict[str, object] = {}
    for fields, here in zip(objects, names, strict=True):
        merged = {name: value for name, value in merged.items() if name not in here} | dict(fields)
    return merged


def _outside(leaf: _Leaf, steps: Sequence[PathStep]) -> list[dict[str, object]]:
    """The objects around an item without the lists that the path goes through, which hold all items again."""
    return [
        {name: value for name, value in fields.items() if name != step.name}
        for fields, step in zip(leaf.around, steps, strict=True)
    ]
