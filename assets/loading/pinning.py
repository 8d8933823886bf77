"""Pinning a recipe: replace each sha256 "unpinned" in the file by the hash of what its address holds now."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from pathlib import Path

import yaml

from assets.recipe.materials import MaterialPart
from assets.recipe.types import Recipe
from assets.recipe.values import UNPINNED
from resources.fetching.addresses import Address
from warehouse.core.atomic import written_whole
from warehouse.core.errors import UserError
from warehouse.core.texts import listed


def unpinned(recipe: Recipe) -> dict[str, Address]:
    """Path ("models.base") to address of every model and source whose sha256 is not known yet."""
    parts: dict[str, MaterialPart] = {f"models.{name}": part for name, part in recipe.models.items()}
    parts |= {f"sources.{name}": part for name, part in recipe.sources.items()}
    return {path: Address.parse(part.address) for path, part in parts.items() if part.sha256 == UNPINNED}


def refuse_unpinned(recipe: Recipe, path: Path) -> None:
    """Raises UserError if something is unpinned: a build must use exactly the bytes that the recipe names."""
    if found := unpinned(recipe):
        verb = "is" if len(found) == 1 else "are"
        raise UserError(
            f"{path}: {listed(list(found))} {verb} unpinned; run slingshot pin --recipe {path}, which fetches "
            "what each address holds and writes its sha256 into the recipe"
        )


def write_pin(path: Path, part: str, address: Address, sha256: str) -> None:
    """Write address and sha256 of `part` ("models.base") into the recipe file, atomically.

    Only these two values change: comments, order and line ends stay. Raises UserError if the file lacks one of them, or
    has it in a form that cannot be replaced by itself, such as an anchor."""
    text = path.read_bytes().decode("utf-8")
    replaced = with_values(text, part, {"address": str(address), "sha256": sha256})
    if replaced is None:
        raise UserError(
            f"{path}: the file does not have address and sha256 of {part} as plain values; set the address "
            f'"{address}" and the sha256 {sha256} by hand'
        )
    written_whole(path, lambda scratch: scratch.write_bytes(replaced.encode("utf-8")))


def in_file(path: Path, part: str) -> bool:
    """Whether this file itself has the address and the sha256 of `part`, and not a file that it extends."""
    return with_values(path.read_bytes().decode("utf-8"), part, {"address": "x", "sha256": "x"}) is not None


def with_values(text: str, part: str, values: Mapping[str, str]) -> str | None:
    """YAML `text` in which `values` replace the plain values of the mapping at a dotted path.

    None if there is no such mapping with these keys, or if anything else would change as well."""
    found = yaml.compose(text)
    for key in part.split("."):
        found = _child(found, key)
    before, wanted = text, yaml.safe_load(text)
    nodes = {key: _child(found, key) for key in values}
    for key, node in sorted(nodes.items(), key=lambda one: one[1].start_mark.index if one[1] else -1, reverse=True):
        if not isinstance(node, yaml.ScalarNode):
            return None
        if node.value != values[key]:
            written = values[key] if node.style is None else f'"{values[key]}"'
            text = text[: node.start_mark.index] + written + text[node.end_mark.index :]
    reduce(lambda at, key: at[key], part.split("."), wanted).update(values)
    return text if text == before or _reads_as(text, wanted) else None


def _reads_as(text: str, wanted: object) -> bool:
    try:
        return bool(yaml.safe_load(text) == wanted)
    except yaml.YAMLError:
        return False


def _child(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)
