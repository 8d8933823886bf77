"""Rows that the warehouse only counts: they are looked up in the sources of the recipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.audit.finding import NotFound
from warehouse.audit.nodes import Decided, Node
from warehouse.audit.why_not import Answers, WhyNot
from warehouse.audit.why_not import why_not as why_not_on_record
from warehouse.core.errors import UserError
from warehouse.core.identity import ID_LENGTH, canonical
from warehouse.release.recall import Affected, find_affected
from warehouse.release.withdrawable import CountedRow

if TYPE_CHECKING:
    from assets.recipe.types import Recipe
    from assets.sources.searching import SourceMatch
    from resources.tools.workbench import Workbench
    from warehouse.store.versions import Store

Opened = Callable[[], tuple["Recipe", "Workbench"]]
"""Opens the recipe and its models and sources. Raises UserError where it cannot be used."""


def why_not(store: Store, opened: Opened, text: str, most: int) -> Answers:
    """What happened to the rows on record that have the id or the text; if there are none, to those of the sources.

    Raises NotFound and UserError.
    """
    try:
        found = why_not_on_record(store.database, text, most)
        # A row that was put on record to be withdrawn has no decision there.
        if any(one.row.decisions for one in found.answers):
            return found
        return _in_sources(store, opened, text, most) or found
    except NotFound:
        if in_sources := _in_sources(store, opened, text, most):
            return in_sources
        raise


def affected_by(store: Store, opened: Opened, start: str) -> tuple[Affected, CountedRow | None]:
    """What depends on a source row, a source or a model, and the row if it is only counted.

    Raises NotFound and UserError.
    """
    try:
        return find_affected(store.database, start), None
    except NotFound:
        match = next(_by_id(opened, start), None)
        if match is None:
            raise
    return find_affected(store.database, match.row), match.row


def _in_sources(store: Store, opened: Opened, text: str, most: int) -> Answers | None:
    rows: dict[str, list[SourceMatch]] = {}
    more: set[str] = set()
    for one in [*_by_id(opened, text)] or _search(opened, text=text):
        content = canonical(one.row.content)
        if content in rows or len(rows) < most:
            rows.setdefault(content, []).append(one)
        else:
            more.add(content)
    if not rows:
        return None
    current = {asset: published.version for asset, published in store.catalog().published.items()}
    return Answers(tuple(_answer(matches, current) for matches in rows.values()), len(more))


def _by_id(opened: Opened, text: str) -> Iterator[SourceMatch]:
    """The row with this whole id. A shorter one might be that of several rows."""
    start = text.strip().lower()
    yield from _search(opened, start=start) if len(start) == ID_LENGTH and " " not in start else ()


def _search(opened: Opened, text: str = "", start: str = "") -> Iterator[SourceMatch]:
    from assets.sources.searching import search

    try:
        recipe, bench = opened()
    except UserError:
        return

    def source_file(name: str) -> tuple[str, Path] | None:
        source = bench.sources.get(name)
        found = bench.find(source) if source else None
        return (source.id, found) if source and found else None

    yield from search(recipe, source_file, text, start)


def _answer(matches: list[SourceMatch], current: dict[str, str]) -> WhyNot:
    row = matches[0].row
    decisions = {
        (one.row.asset, one.reason): Decided(
            one.row.asset,
            current.get(one.row.asset, ""),
            "rejected",
            one.reason,
            None,
            None,
            None,
            one.row.asset in current,
        )
        for one in matches
    }
    says = {"row": row.content}
    return WhyNot(Node(row.id, row.kind, row.asset, says), tuple(decisions.values()), (), (), {})
