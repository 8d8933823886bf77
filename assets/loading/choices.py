"""Contradictions in how selections choose rows: paths that need another key, and joins that differ for one source."""

from __future__ import annotations

from collections.abc import Iterator

from assets.recipe.columns import generations, paths_of
from assets.recipe.selections import Join
from assets.recipe.types import Recipe


def choice_faults(recipe: Recipe) -> Iterator[tuple[str, object, str]]:
    """Each contradiction as (path of the key, value found, what is accepted)."""
    joins: dict[str, tuple[str, Join]] = {}
    for role in ("benchmark_items", "seed_tasks", "documents"):
        for index, selection in enumerate(recipe.part(role)):
            at = f"{role}.{index}"
            join, paths = selection.join, paths_of(selection)
            if not selection.each:
                for path in [path for path in paths if path.of_item][:1]:
                    yield f"{at}.each", None, f"{{{path.text}}} starts from an item of a list, which each must name"
            if not join:
                continue
            if selection.each:
                yield f"{at}.join", join.model_dump(), "it cannot be used together with each"
            if not any(generations(path, selection) for path in paths):
                accepted = "no template and no condition reads the parent, as {parent.text} does; remove it or use it"
                yield f"{at}.join", join.model_dump(), accepted
            first, other = joins.setdefault(selection.source, (at, join))
            if other != join:
                accepted = f"rows of {selection.source!r} are joined otherwise in {first}.join; use the same keys"
                yield f"{at}.join", join.model_dump(), accepted
