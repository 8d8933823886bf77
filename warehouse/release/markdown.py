"""Parts of a card in Markdown: its front matter, an example row, where a material comes from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import yaml

from warehouse.core.visible import visible_json
from warehouse.lineage.material import Material

WRITTEN_HERE = "# Written by slingshot"
"""The first line of the front matter of every card. A README.md without it is somebody else's and is never replaced."""

_LOCAL = "path:"


def front(values: Mapping[str, Any]) -> str:
    """The front matter of a card: YAML between two lines of dashes."""
    text = yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=True, width=1000)
    return f"---\n{WRITTEN_HERE}\n{text}---\n"


def front_of(card: str) -> dict[str, Any] | None:
    """The front matter of a card that Slingshot wrote; None for any other text."""
    start, separator, rest = card.partition(f"---\n{WRITTEN_HERE}\n")
    if start or not separator:
        return None
    try:
        found = yaml.safe_load(rest.partition("\n---\n")[0])
    except yaml.YAMLError:
        return None
    return found if isinstance(found, dict) else None


def example(row: Mapping[str, Any]) -> str:
    """A row as a block of JSON: one line for each key, so that no text in it can end the block."""
    lines = visible_json(json.dumps(row, ensure_ascii=False, indent=1))
    return f"```json\n{lines}\n```\n"


def place(one: Material) -> str:
    """Where a material comes from, for other people: a file of this machine by its name alone."""
    address = one.address or ""
    if address.startswith(_LOCAL):
        return f"a local file, {address.rpartition('/')[2].removeprefix(_LOCAL)}"
    return address
