"""Search the sources of a recipe for rows that are only counted in the warehouse, by a text or by their id."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from assets.recipe.columns import shared_by_roles
from assets.recipe.types import Recipe
from assets.sources import benchmark_items, documents, seed_tasks
from assets.sources.candidates import Candidate
from assets.sources.choosing import Choice, candidates_of
from assets.sources.judging import Judge
from assets.sources.partition import in_slice
from assets.sources.reading.read import Reading
from assets.sources.reading.rows import BadRow
from assets.sources.seeding import NOT_SAMPLED, OUTSIDE
from warehouse.core.identity import Parent, record_id
from warehouse.core.texts import texts_in
from warehouse.lineage.withdrawals import NONE
from warehouse.release.withdrawable import CountedRow
from warehouse.schema.records import KIND_OF

ROLES = (documents.ROLE, seed_tasks.ROLE, benchmark_items.ROLE)


@dataclass(frozen=True)
class SourceMatch:
    """A row of a source, and why the role of its asset does not take it."""

    row: CountedRow
    reason: str


def search(
    recipe: Recipe, source_file: Callable[[str], tuple[str, Path] | None], text: str = "", start: str = ""
) -> Iterator[SourceMatch]:
    """The rows that contain `text`, ignoring case, and whose id begins with `start`, source by source: a match for each
    selection that might have taken the row.

    `source_file` gives the id and the file of a source, None where it is not on this machine. A row that is in the
    slice of a selection is judged as in a build, except for texts of benchmark items.
    """
    text = text.casefold()
    ways = shared_by_roles(recipe)
    for name, source in recipe.sources.items():
        found = source_file(name)
        if found is None:
            continue
        source_id, path = found
        parents: tuple[Parent, ...] = ((source_id, "source"),)
        judges = [
            Judge(role, Choice(selection, ways[name]), parents, lambda row: None, NONE)
            for role in ROLES
            for selection in recipe.part(role.key)
            if selection.source == name
        ]
        reading = Reading(path, source, ways[name].columns)
        for one, indexes in candidates_of(reading, [judge.choice for judge in judges]) if judges else ():
            if isinstance(one, BadRow) or (text and not _has(one, text)):
                continue
            for judge in (judges[index] for index in indexes):
                kind, content = KIND_OF[judge.role.model], dict(one.content)
                row_id = record_id(kind, {"row": content}, parents)
                if row_id.startswith(start):
                    row = CountedRow(row_id, kind, judge.role.key, content, parents)
                    yield SourceMatch(row, _reason(judge, one, recipe.seed))


def _has(one: Candidate, text: str) -> bool:
    return any(text in other.casefold() for other in texts_in(one.content))


def _reason(judge: Judge, one: Candidate, seed: int) -> str:
    if not in_slice(one.slice_identity, judge.choice.selection.slice, str(seed)):
        return OUTSIDE
    verdict = judge(one).verdict
    return verdict.reason if verdict else NOT_SAMPLED
