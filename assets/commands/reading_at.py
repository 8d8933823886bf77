"""The project of a command that reads an environment, which may be one that has nothing of its own."""

from __future__ import annotations

from pathlib import Path

from assets.commands.project import Project, project_at
from assets.commands.terminal import say


def reading_at(warehouse: Path | None, environment: str | None, recipe: Path | None = None) -> Project:
    """The project. Where the environment is named and has no version of its own, says on stderr that what follows is
    the main one: the name may be misspelt."""
    from warehouse.core.texts import nearest
    from warehouse.store.environments import environments

    project = project_at(recipe, warehouse, environment)
    if environment and project.database.exists():
        known = [one.name for one in environments(project.database)]
        if project.environment not in known:
            hint = f"; {nearest(project.environment, known)}" if known else ""
            say(
                f"slingshot: the environment {project.environment} has no version of its own, so this is the main one"
                f"{hint}",
                error=True,
            )
    return project
