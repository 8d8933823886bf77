"""The paths of the recipe and the warehouse: from environment variables, or the starter's."""

from __future__ import annotations

import os
from pathlib import Path

HOME = Path(__file__).resolve().parents[2]
RECIPE = "SLINGSHOT_RECIPE"
WAREHOUSE = "SLINGSHOT_WAREHOUSE"


def recipe_path() -> Path:
    """The recipe to use: $SLINGSHOT_RECIPE, or the starter recipe."""
    return Path(os.environ.get(RECIPE, HOME / "recipe.yaml")).resolve()


def warehouse_path() -> Path:
    """The folder of the warehouse: $SLINGSHOT_WAREHOUSE, or warehouse/data."""
    return Path(os.environ.get(WAREHOUSE, HOME / "warehouse" / "data")).resolve()
