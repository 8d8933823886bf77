"""What a selection says about the rows of its source: which candidates they are, and which of these `where` leaves out.

A candidate of a plain selection is a row, so the rows are read one by one. A selection with `each` or `join` needs all
rows of its source at once: a name means what it means anywhere in the source, and a parent may come after its child.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from assets.recipe.columns import PARENT, Shared, generations, paths_of
from assets.recipe.conditions import Condition, Types, parse_where
from assets.recipe.mapping import Mapping as FieldMapping
from assets.recipe.mapping import check_fields, check_name
from assets.recipe.rendering import folded
from assets.recipe.selections import Selection
from assets.sources.candidates import Candidate, Verdict
from assets.sources.conversations import Positions
from assets.sources.exploding import exploded
from assets.sources.joining import Tree
from assets.sources.partition import row_identity
from assets.sources.reading.read import Reading
from assets.sources.reading.rows import BadRow, SourceRow
from warehouse.core.errors import UserError


class Choice:
    """The candidates of a selection, one after the other, and what `where` and `join` say about each.

    `shared` says how the source is read for all selections that use it.
    """

    def __init__(self, selection: Selection, shared: Shared) -> None:
        self.selection = selection
        self.mapping = FieldMapping.parse(selection.fields, selection.absent)
        self._shared = shared
        self._absent = folded(selection.absent or ())
        conditions = parse_where(selection.where) if selection.where else ()
        of_parent = [one for one in conditions if selection.join and one.path.names[0] == PARENT]
        self._of_parent, self._own = of_parent, [one for one in conditions if one not in of_parent]
        self._types = Types(self._own, self._absent)
        self._types_of_parent = Types(of_parent, self._absent)
        self._positions = Positions(self.mapping)
        self._names: set[str] = set()
        self._tree: _Joined | None = None
        self._any = False

    @property
    def needs_all_rows(self) -> bool:
        """Whether `candidates` needs all rows of the source at once."""
        return bool(self.selection.each or self._shared.join)

    def candidates(self, rows: Sequence[SourceRow], names: Collection[str]) -> Iterator[Candidate]:
        """The candidates among all rows of a source, whose top-level `names` are known.

        Raises MappingError where no row has a field of `each` or `join`.
        """
        found = [_candidate(row) for row in rows]
        tree = Tree(found, self._shared.join, names) if self._shared.join and found else None
        found = tree.in_tree_slices() if tree else found
        if self.selection.each:
            found = exploded(found, self.selection.each, names)
            self._names |= {name for one in found if one.verdict is None for name in one.row}
        if tree and self.selection.join:
            depth = max(generations(path, self.selection) for path in paths_of(self.selection))
            self._tree = _Joined(tree, depth)
        return iter(found)

    def look(self, row: Mapping[str, object]) -> None:
        """Take note of the row of a candidate without a verdict: a condition must be able to hold for one of them."""
        self._any = True
        self._types.look(row)

    def resolved(self, one: Candidate) -> Candidate:
        """The candidate as templates read it, with its parents; with a verdict if it is not chosen."""
        if one.verdict is None:
            one = self._met(one, self._own)
        if self._tree and one.verdict is None:
            one = self._tree.joined(one)
            if one.verdict is None:
                self._types_of_parent.look(one.row)
                one = self._met(one, self._of_parent)
        if one.verdict is None:
            self._positions.look(one.row)
        return one

    def see(self, one: Candidate) -> None:
        """Take note of all that `check` asks about a candidate."""
        if one.verdict is None:
            self.look(one.row)
        self.resolved(one)

    def check(self, names: Collection[str]) -> None:
        """Raise MappingError where the selection names what no row has, or paths by position that mix roles; UserError
        where no row could meet a condition. Call it after the candidates; `names` are the top-level names of the rows.
        """
        available = {*names, *self._names, *([PARENT] if self.selection.join else [])}
        # Where no list has an item, the reasons of the rows say so.
        if not self.selection.each or self._any:
            check_fields(self.mapping, available)
            for condition in (*self._own, *self._of_parent):
                if not condition.path.of_item:
                    check_name("where", condition.path, available)
        self._types.check()
        self._types_of_parent.check()
        self._positions.check()

    def _met(self, one: Candidate, conditions: Iterable[Condition]) -> Candidate:
        faults = (condition.unmet(one.row, self._absent) for condition in conditions)
        fault = next((fault for fault in faults if fault), None)
        if fault is None:
            return one
        return replace(one, verdict=Verdict(fault.reason, score=fault.score, cut=fault.cut, value=fault.value))


@dataclass(frozen=True)
class _Joined:
    """The tree of a source, and how many generations of parents templates read."""

    tree: Tree
    depth: int

    def joined(self, one: Candidate) -> Candidate:
        if fault := self.tree.fault(one.index, self.depth):
            return one.out(fault, quarantined=True)
        return replace(one, row=self.tree.with_parents(one.index, self.depth))


def candidates_of(
    reading: Reading, choices: Sequence[Choice], errors: dict[int, UserError] | None = None
) -> Iterator[tuple[Candidate | BadRow, Sequence[int]]]:
    """The candidates for several choices of one source, each with the indexes of its choices. A bad row is for all.

    Raises what `Choice.candidates` raises; with `errors`, puts it there by the index of the choice instead.
    """
    everywhere = range(len(choices))
    at_once = [index for index in everywhere if choices[index].needs_all_rows]
    by_row = [index for index in everywhere if index not in at_once]
    rows: list[SourceRow] = []
    for row in reading:
        if isinstance(row, BadRow):
            yield row, everywhere
            continue
        if at_once:
            rows.append(row)
        if by_row:
            yield _candidate(row), by_row
    for index in at_once:
        try:
            yield from ((one, (index,)) for one in choices[index].candidates(rows, reading.names))
        except UserError as error:
            if errors is None:
                raise
            errors[index] = error


def unfitting(reading: Reading, choices: Mapping[str, Choice]) -> Iterator[tuple[str, str]]:
    """The choices, by name, that do not fit the rows of their source, each with the reason."""
    several, errors = list(choices.values()), dict[int, UserError]()
    for one, indexes in candidates_of(reading, several, errors):
        if isinstance(one, Candidate):
            for index in indexes:
                several[index].see(one)
    for index, name in enumerate(choices):
        try:
            if index in errors:
                raise errors[index]
            several[index].check(reading.names)
        except UserError as error:
            yield name, str(error)


def _candidate(row: SourceRow) -> Candidate:
    """The candidate that a row is for a plain selection."""
    identity = row_identity(row.content)
    return Candidate(row.content, row.content, identity, identity, row.unusable)
