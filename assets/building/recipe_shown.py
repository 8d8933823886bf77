"""The recipe in the UI's view of a materialization: its text, its digest, and the slice that the asset depends on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import dagster as dg
import yaml

from warehouse.core.identity import text_digest
from warehouse.core.markdown import code_block

MOST_CHARACTERS = 10_000
"""Dagster's history has the recipe once per asset and run, so a longer one is left out; the warehouse has it."""


def recipe_metadata(recipe: str, slice_: Mapping[str, Any]) -> dict[str, Any]:
    """Dagster metadata of a materialization; `recipe` is the whole current recipe, as JSON with sorted keys."""
    return {
        "recipe": dg.MetadataValue.md(recipe_text(recipe)),
        "recipe digest": text_digest(recipe),
        "recipe slice": dg.MetadataValue.json(dict(slice_)),
    }


@cache
def recipe_text(recipe: str) -> str:
    """A recipe (JSON) as a block of YAML in markdown, or where to read it if it is longer than MOST_CHARACTERS."""
    text = yaml.safe_dump(json.loads(recipe), sort_keys=False, allow_unicode=True, width=MOST_CHARACTERS)
    if len(text) > MOST_CHARACTERS:
        return (
            f"The recipe has {len(text)} characters, more than the {MOST_CHARACTERS} that are shown here. Read it by "
            f"`SELECT recipe FROM lineage.recipes WHERE digest = '{text_digest(recipe)}'`"
        )
    return code_block(text, "yaml")
