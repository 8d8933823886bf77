"""The candidates of a selection: the rows of a source, or of its lists, with a verdict on those not chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from assets.recipe.columns import PARENT, Shared, generations, paths_of
from assets.recipe.conditions import Condition, Unmet, parse_where, reasons
from assets.recipe.mapping import Mapping, check_fields, check_name
from assets.recipe.rendering import folded
from assets.recipe.selections import Selection
from assets.sources.candidates import Candidate, Verdict
from assets.sources.conversations import check_positions
from assets.sources.exploding import exploded
from assets.sources.joining import Tree
from assets.sources.partition import row_identity
from assets.sources.reading.rows import SourceRows


def candidates(selection: Selection, mapping: Mapping, read: SourceRows, shared: Shared) -> list[Candidate]:
    """The candidates of a selection, in the order of the source.

    Raises MappingError where the selection names what no row has, or paths by position that mix roles; UserError where
    no row could meet a condition.
    """
    conditions = parse_where(selection.where) if selection.where else ()
    found = [
        Candidate(row.content, row.content, identity, identity, row.unusable)
        for row in read.rows
        for identity in (row_identity(row.content),)
    ]
    tree = Tree(found, shared.join, read.names) if shared.join and found else None
    found = tree.in_tree_slices() if tree else found
    if selection.each:
        found = exploded(found, selection.each, read.names)
    available = {*read.names} | {name for one in found if selection.each and not one.verdict for name in one.row}
    if selection.join:
        available.add(PARENT)
    # Where no list has an item, the reasons of the rows say so.
    if not selection.each or any(one.verdict is None for one in found):
        check_fields(mapping, available)
        for condition in conditions:
            if not condition.path.of_item:
                check_name("where", condition.path, available)
    if tree and selection.join:
        found = _joined(found, tree, selection, conditions)
    else:
        found = _where(found, conditions, selection)
    check_positions(mapping, [one.row for one in found if one.verdict is None])
    return found


def _joined(
    found: list[Candidate], tree: Tree, selection: Selection, conditions: Sequence[Condition]
) -> list[Candidate]:
    own = [one for one in conditions if one.path.names[0] != PARENT]
    depth = max(generations(path, selection) for path in paths_of(selection))
    found = _where(found, own, selection)
    found = [
        one.out(fault, quarantined=True) if one.verdict is None and (fault := tree.fault(index, depth)) else one
        for index, one in enumerate(found)
    ]
    found = [
        replace(one, row=tree.with_parents(index, depth)) if one.verdict is None else one
        for index, one in enumerate(found)
    ]
    return _where(found, [one for one in conditions if one not in own], selection)


def _where(found: list[Candidate], conditions: Sequence[Condition], selection: Selection) -> list[Candidate]:
    """The candidates, those that do not meet the conditions with a verdict."""
    absent = folded(selection.absent or ())
    rows = [one.row for one in found if one.verdict is None]
    for condition in conditions:
        condition.check_types(rows, absent)
    unmet: dict[int, Unmet] = {}
    for index, one in enumerate(found):
        faults = (condition.unmet(one.row, absent) for condition in conditions) if one.verdict is None else iter(())
        if fault := next((fault for fault in faults if fault), None):
            unmet[index] = fault
    verdicts = dict(zip(unmet, reasons(list(unmet.values())), strict=True))
    return [
        replace(one, verdict=Verdict(verdicts[index], score=unmet[index].score, cut=unmet[index].cut))
        if index in unmet
        else one
        for index, one in enumerate(found)
    ]
