"""What a project writes for others: the training set of an arm of its recipe, and the arm's student."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.core.errors import UserError
from warehouse.core.texts import nearest

if TYPE_CHECKING:
    from assets.recipe.types import Recipe
    from resources.tools.workbench import Workbench
    from warehouse.store.versions import Store


def export_training_set(
    recipe: Recipe, store: Store, arm: str, to: Path, version: str | None, override: str | None
) -> list[Path]:
    """Writes the training set of an arm into the folder `to`; the paths. See Project.export."""
    from assets.training.validation import held_out
    from warehouse.release.export import export

    if version is None:
        _require_arm(recipe, arm)
    share, seed = recipe.training.validation, recipe.seed

    def split(responses: Sequence[str]) -> list[bool]:
        return held_out(responses, share, seed, "training.validation")

    return export(store, arm, to, version, override, split)


def export_student(recipe: Recipe, bench: Workbench, arm: str, to: Path, seed: int | None, merged: bool) -> Path:
    """Writes the student of an arm into a folder in `to`; its path. See Project.export_student."""
    from assets.training.student_files import write_student

    _require_arm(recipe, arm)
    return write_student(bench, arm, to, seed, merged)


def _require_arm(recipe: Recipe, arm: str) -> None:
    if arm not in recipe.arms:
        raise UserError(f"the recipe has no arm {arm!r}; {nearest(arm, recipe.arms)}")
