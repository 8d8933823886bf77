"""Join the messages of a table with their parents: the key `join` of a selection.

With `join: {parent: parent_id, id: message_id}`, `{parent.text}` is the text of the row whose `message_id` is the
`parent_id` of this one, `{parent.parent.text}` that of its parent. All rows of one tree have the same slice, so that no
text is used in two roles; therefore the join of one selection decides the slices of all that use the source. A row
whose parent is not in the source, or is one of several rows with the same id that differ, is quarantined.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from assets.recipe.columns import PARENT
from assets.recipe.lookup import find
from assets.recipe.mapping import check_name
from assets.recipe.paths import Path
from assets.recipe.rendering import is_absent
from assets.recipe.selections import Join
from assets.sources.candidates import Candidate
from warehouse.core.texts import shortened

_WIDEST = 40


class Tree:
    """The rows of a source with the parent of each. Raises MappingError where no row has a field of the join."""

    def __init__(self, rows: Sequence[Candidate], join: Join, names: Collection[str]) -> None:
        self.rows = rows
        parent, own = Path.parse(join.parent), Path.parse(join.id)
        check_name("join.parent", parent, names)
        check_name("join.id", own, names)
        self._by_id: dict[str, dict[str, int]] = {}
        for index, row in enumerate(rows):
            if (name := _id(find(row.row, own).value)) is not None:
                self._by_id.setdefault(name, {}).setdefault(row.identity, index)
        self._wanted = [_id(find(row.row, parent).value) for row in rows]
        self.parents = [self._only(name) for name in self._wanted]

    def _only(self, name: str | None) -> int | None:
        found = self._by_id.get(name, {}) if name is not None else {}
        return next(iter(found.values())) if len(found) == 1 else None

    def fault(self, index: int, generations: int) -> str | None:
        """Why one of the parents that templates read cannot be used, None if there is no reason."""
        at: int | None = index
        for _ in range(generations):
            if at is None or (name := self._wanted[at]) is None:
                return None
            known, shown = len(self._by_id.get(name, {})), shortened(name, _WIDEST)
            if known > 1:
                return f"join: {known} rows that differ have the id {shown} of its parent"
            if not known:
                return f"join: its parent {shown} is not in the source"
            at = self.parents[at]
        return None

    def with_parents(self, index: int, generations: int) -> dict[str, object]:
        """The row with its parents, as many generations as templates read."""
        row = dict(self.rows[index].row)
        if generations:
            at = self.parents[index]
            row[PARENT] = None if at is None else self.with_parents(at, generations - 1)
        return row

    def in_tree_slices(self) -> list[Candidate]:
        """The rows, each with the identity of the first message of its tree for its slice.

        Where the first message is not in the source, its id takes its place.
        """
        roots: dict[int, str] = {}
        for start in range(len(self.rows)):
            trail: dict[int, None] = {}
            at: int | None = start
            while at is not None and at not in roots and at not in trail:
                trail[at] = None
                at = self.parents[at]
            if at is None:
                last = next(reversed(trail))
                root = self.rows[last].identity if self._wanted[last] is None else f"id {self._wanted[last]}"
            elif at in roots:
                root = roots[at]
            else:
                # A circle has no first message: the least identity takes its place.
                root = min(self.rows[one].identity for one in trail)
            roots |= dict.fromkeys(trail, root)
        return [replace(row, slice_identity=roots[index], index=index) for index, row in enumerate(self.rows)]


def _id(value: object) -> str | None:
    """An id as a text, so that 12, 12.0 (as tables with gaps have it) and "12" are the same id."""
    if is_absent(value, frozenset()) or isinstance(value, Mapping | list):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()
