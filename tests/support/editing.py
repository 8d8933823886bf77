"""The tiny recipe with exactly the keys of the starter, so that each of them can be edited."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from resources.fetching.tree_digest import tree_digest
from tests.support.tiny import ROOT, plainer, tiny_recipe, write_rows
from warehouse.core.identity import file_digest

NO_DIGEST = "1" * 63 + "2"


def leaves(value: Any, path: str = "") -> Iterator[str]:
    """The dotted paths of all values of a recipe; a list of plain values is one value."""
    if isinstance(value, dict):
        parts = value.items()
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        parts = {str(index): item for index, item in enumerate(value)}.items()
    else:
        yield path
        return
    for key, inside in parts:
        yield from leaves(inside, f"{path}.{key}" if path else key)


def starter_keys() -> list[str]:
    """Every key of the starter recipe, as `plainer` makes it."""
    return list(leaves(plainer(yaml.safe_load((ROOT / "recipe.yaml").read_text()))))


def starter_shaped(model: Path, embedder: Path, folder: Path) -> dict[str, Any]:
    """A recipe that builds in seconds, with the starter's keys; models and sources called `other…` are alternatives."""
    names = ("wikibooks_recipes", "wikipedia_leads", "other_rows")
    sources = {name: write_rows(folder / f"{name}.jsonl", 120, seed) for seed, name in enumerate(names, 1)}
    recipe = tiny_recipe(model, embedder, sources["wikipedia_leads"])
    for name, place in (("generator", model), ("embedder", embedder)):
        shutil.copytree(place, folder / f"copy_of_{name}")
        other = shutil.copytree(place, folder / f"other_{name}")
        (other / "NOTICE").write_text("the same weights under another hash\n")
        described = {"address": f"path:{other}", "sha256": tree_digest(other), "licence": "Apache-2.0"}
        recipe["models"][f"other_{name}"] = described | {"origin": "human"}
    for name in names[:2]:
        shutil.copy(sources[name], folder / f"copy_of_{name}.jsonl")
    recipe["sources"] = {
        name: {"address": f"path:{file}", "sha256": file_digest(file), "licence": "CC0-1.0", "origin": "human"}
        for name, file in sources.items()
    }
    starter = yaml.safe_load((ROOT / "recipe.yaml").read_text())
    recipe["models"]["generator"]["made_from"] = starter["models"]["generator"]["made_from"]
    recipe["ancestors"] = starter["ancestors"]
    recipe["policy"] = starter["policy"]
    pair = {"instruction": "what is the {title}", "response": "{text}"}
    item = {"instruction": "what is the {title}", "reference": "{text}"}
    words = [3, 40]
    recipe["seed_tasks"] = [
        {"source": source, "slice": [0, 40], "count": 6, "words": words, "fields": pair} for source in names[:2]
    ]
    text = {"title": "{title}", "text": "{text}"}
    recipe["documents"] = [
        {"source": "wikipedia_leads", "slice": [40, 80], "count": 12, "words": words, "fields": text}
    ]
    recipe["benchmark_items"] = [
        {"benchmark": "longform", "source": source, "slice": [80, 100], "count": 2, "words": words, "fields": item}
        for source in names[:2]
    ]
    return recipe


def put(recipe: dict[str, Any], path: str, value: Any) -> None:
    """Sets the value at a dotted path."""
    *parents, last = (int(key) if key.isdigit() else key for key in path.split("."))
    at: Any = recipe
    for key in parents:
        at = at[key]
    at[last] = value
