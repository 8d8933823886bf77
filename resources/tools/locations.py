"""Where the recipe and the warehouse are: in environment variables, in a project around the current folder, or those of
the starter."""

from __future__ import annotations

import os
import re
from pathlib import Path

from warehouse.core.errors import UserError

HOME = Path(__file__).resolve().parents[2]
RECIPE = "SLINGSHOT_RECIPE"
WAREHOUSE = "SLINGSHOT_WAREHOUSE"
ENVIRONMENT = "SLINGSHOT_ENVIRONMENT"
CACHE = "SLINGSHOT_CACHE"
DEPLOYMENT = "SLINGSHOT_DEPLOYMENT"

RECIPE_FILE = "recipe.yaml"
"""The file that makes a folder a project, as `slingshot init` writes it."""


def project_folder(start: Path | None = None) -> Path | None:
    """The folder with a recipe.yaml that is `start` (the current folder unless given) or the nearest above it.

    None outside of any project. The folder of this code is none: its recipe.yaml is the starter."""
    folder = (start or Path.cwd()).resolve()
    found = next((one for one in (folder, *folder.parents) if (one / RECIPE_FILE).is_file()), None)
    return None if found == HOME else found


def recipe_path() -> Path:
    """The recipe to use: $SLINGSHOT_RECIPE, or recipe.yaml of the project, or the starter recipe."""
    if given := os.environ.get(RECIPE):
        return Path(given).resolve()
    return (project_folder() or HOME) / RECIPE_FILE


def warehouse_path() -> Path:
    """The folder of the warehouse: $SLINGSHOT_WAREHOUSE, or warehouse in the project, or that of the starter."""
    if given := os.environ.get(WAREHOUSE):
        return Path(given).resolve()
    project = project_folder()
    return project / "warehouse" if project else HOME / "warehouse" / "data"


def environment_name(given: str | None = None) -> str:
    """The environment of the warehouse to use (see warehouse/store/environments.py): as `given`, or
    $SLINGSHOT_ENVIRONMENT, or the main one, "". Raises UserError where an environment cannot have this name."""
    name = os.environ.get(ENVIRONMENT, "") if given is None else given
    if name and not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,62}", name):
        right = "small letters, digits, '.', '_' and '-', such as pr-12"
        raise UserError(f"an environment cannot be named {name!r}; right would be {right}")
    return name


def deployment_path(folder: Path) -> Path | None:
    """The deployment file of a recipe in `folder`: $SLINGSHOT_DEPLOYMENT, or deployment.yaml there; None if none is."""
    if given := os.environ.get(DEPLOYMENT):
        return Path(given).resolve()
    path = folder / "deployment.yaml"
    return path if path.is_file() else None


def cache_path() -> Path:
    """The folder for downloaded models and sources, for all warehouses: $SLINGSHOT_CACHE, or slingshot in the user's
    folder for caches (https://specifications.freedesktop.org/basedir)."""
    if given := os.environ.get(CACHE):
        return Path(given).resolve()
    user = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(user) if Path(user).is_absolute() else Path.home() / ".cache") / "slingshot"


def not_obvious(recipe: bool, warehouse: bool) -> str | None:
    """A line that says which recipe and which warehouse are used, where `recipe` and `warehouse` say that a command
    takes them from here; None where that is obvious.

    It is obvious in the folder of the project, anywhere below the starter, and by an environment variable."""
    here, project = Path.cwd().resolve(), project_folder()
    recipe, warehouse = recipe and not os.environ.get(RECIPE), warehouse and not os.environ.get(WAREHOUSE)
    if not (recipe or warehouse) or here == project or (not project and (here == HOME or HOME in here.parents)):
        return None
    used = [f"the recipe {recipe_path()}"] if recipe else []
    used += [f"the warehouse {warehouse_path()}"] if warehouse else []
    where = "" if project else "no recipe.yaml is here or in a folder above; "
    return f"{where}using {' and '.join(used)}"
