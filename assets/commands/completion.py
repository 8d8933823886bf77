"""What the shell proposes for an argument: names of assets and of arms, from the recipe that the command would use."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

import typer

from assets.commands.project import Project, project_at


def assets(context: typer.Context, incomplete: str) -> list[str]:
    """Names of assets that begin like this; a + before the name stays, as in a selection."""
    plus = "+" if incomplete.startswith("+") else ""
    with suppress(Exception):  # a recipe that cannot be read proposes nothing, and prints nothing
        return [f"{plus}{name}" for name in _beginning(incomplete[len(plus) :], _asset_names(_project(context)))]
    return []


def arms(context: typer.Context, incomplete: str) -> list[str]:
    """Names of arms that begin like this."""
    with suppress(Exception):
        return _beginning(incomplete, _project(context).recipe.arms)
    return []


def _project(context: typer.Context) -> Project:
    return project_at(context.params.get("recipe"), context.params.get("warehouse"))


def _asset_names(project: Project) -> list[str]:
    return [step.asset for step in project.steps]


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
