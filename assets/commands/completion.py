"""What the shell proposes for an argument: names of assets and of arms, from the recipe that the command would use, and
ids of rows, from its warehouse. Where these cannot be read, nothing is proposed and nothing printed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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


def rows(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Ids of rows that begin like this, with what each is; none before the first digit."""
    with suppress(Exception):
        return [*_ids(context, incomplete)]
    return []


def rows_and_names(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """The same, and names of models and sources before them."""
    with suppress(Exception):
        return [*_names(context, incomplete), *_ids(context, incomplete)]
    return []


def withdrawable(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """The same, with ids of rows of sources only: no other row can be withdrawn."""
    from warehouse.schema.records import MAIN_TEXT

    with suppress(Exception):
        return [*_names(context, incomplete), *_ids(context, incomplete, *MAIN_TEXT)]
    return []


def _ids(context: typer.Context, incomplete: str, *kinds: str) -> Iterator[tuple[str, str]]:
    from warehouse.audit.beginnings import ids
    from warehouse.store.file_warehouse import FILE

    return ((one.text, one.what) for one in ids(_project(context).warehouse / FILE, incomplete, kinds))


def _names(context: typer.Context, incomplete: str) -> Iterator[tuple[str, str]]:
    from warehouse.audit.beginnings import names
    from warehouse.store.file_warehouse import FILE

    return ((one.text, one.what) for one in names(_project(context).warehouse / FILE, incomplete))


def _project(context: typer.Context) -> Project:
    return project_at(context.params.get("recipe"), context.params.get("warehouse"))


def _asset_names(project: Project) -> list[str]:
    return [step.asset for step in project.steps]


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
