"""What all selections of a source share: which columns are read, and how its rows are joined.

A row's slice follows from a hash of the row as it was read. So that roles with disjoint slices share no row, a source
is read in the same way for every selection: the columns that any of them names, and the join of any of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from assets.recipe.mapping import WHOLE, Mapping
from assets.recipe.paths import Path
from assets.recipe.selections import Join, Selection
from assets.recipe.types import Recipe

PARENT = "parent"
"""The name of a row's parent in templates, where rows are joined."""


@dataclass(frozen=True)
class Shared:
    """How a source is read for all of its selections; `columns` is None where a template takes whole rows."""

    columns: tuple[str, ...] | None
    join: Join | None = None


def selections(recipe: Recipe) -> tuple[Selection, ...]:
    """Every selection of a recipe."""
    return (*recipe.benchmark_items, *recipe.seed_tasks, *recipe.documents)


def shared(selections: Iterable[Selection], source: str) -> Shared:
    """How a source is read for those of the `selections` that take rows of it."""
    own = [selection for selection in selections if selection.source == source]
    join = next((selection.join for selection in own if selection.join), None)
    if any(path.text == WHOLE for selection in own for path in paths_of(selection)):
        return Shared(None, join)
    return Shared(tuple(sorted({name for selection in own for name in _columns(selection)})), join)


def shared_by_roles(recipe: Recipe) -> dict[str, Shared]:
    """How each source is read, by its name."""
    return {source: shared(selections(recipe), source) for source in recipe.sources}


def role_slice(recipe: Recipe, role: str) -> dict[str, Any]:
    """The slice of the step of a role, such as "seed_tasks": its selections, their sources, and how these are read."""
    sources = dict.fromkeys(selection.source for selection in recipe.part(role))
    ways = {source: shared(selections(recipe), source) for source in sources}
    columns = {f"columns.{source}": "all" if way.columns is None else [*way.columns] for source, way in ways.items()}
    joins = {f"join.{source}": way.join.model_dump() for source, way in ways.items() if way.join}
    return recipe.slice("seed", role, *(f"sources.{source}" for source in sources)) | columns | joins


def paths_of(selection: Selection) -> list[Path]:
    """Every path that a selection names."""
    found = [path for _, path in Mapping.parse(selection.fields).paths]
    found += [Path.parse(name) for name in selection.where or ()]
    found += [Path.parse(selection.each)] if selection.each else []
    return found + ([Path.parse(selection.join.parent), Path.parse(selection.join.id)] if selection.join else [])


def generations(path: Path, selection: Selection) -> int:
    """How many generations up a path reads, by the names `parent` that it begins with."""
    names = [*path.names, ""]
    return next(number for number, name in enumerate(names) if name != PARENT) if selection.join else 0


def _columns(selection: Selection) -> set[str]:
    columns = {path.names[min(generations(path, selection), len(path.names) - 1)] for path in paths_of(selection)}
    # The first name of `each` may be the list in which the rows of a file are; then the next one is a column.
    columns |= set(Path.parse(selection.each).names) if selection.each else set()
    if selection.join:
        columns |= {Path.parse(name).names[0] for name in (selection.join.parent, selection.join.id)}
    return columns - {""}
