"""Damaged recipes: each is loaded, or refused with one clear error; never a traceback, never a wait.

python -m tests.fuzzing.recipes --cases 10000 --seed 1
"""

from __future__ import annotations

import copy
import random
import signal
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from assets.loading.file import RecipeError, load_recipe
from tests.fuzzing.mutations import altered, damaged, main
from tests.support.tiny import ROOT

RECIPES = (ROOT / "recipe.yaml", *sorted((ROOT / "recipes").glob("*.yaml")))
SECONDS_PER_CASE = 10
LONGEST_MESSAGE = 40_000


def one_case(draw: random.Random) -> str:
    """Damages the text or the values of a recipe and loads it; returns "loaded" or "refused"."""
    recipe = draw.choice(RECIPES)
    if draw.random() < 0.5:
        content = damaged(recipe.read_bytes(), draw)
    else:
        values = copy.deepcopy(_values(recipe))
        for _ in range(draw.randint(1, 3)):
            values = altered(values, draw)
        content = yaml.safe_dump(values, allow_unicode=True).encode()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recipe.yaml"
        path.write_bytes(content)
        signal.alarm(SECONDS_PER_CASE)
        try:
            load_recipe(path)
        except RecipeError as error:
            assert 0 < len(str(error)) < LONGEST_MESSAGE, str(error)[:500]
            return "refused"
        finally:
            signal.alarm(0)
    return "loaded"


@cache
def _values(recipe: Path) -> Any:
    return yaml.safe_load(recipe.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main("recipes", __doc__, one_case)
