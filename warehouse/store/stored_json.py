"""Reads JSON that the warehouse has stored. A damaged value is an error that says which row it is and what to do."""

from __future__ import annotations

import json
import shlex
from typing import Any

from warehouse.store.warehouse import WarehouseError


def answer_of_call(place: str, key: str, text: str) -> dict[str, Any]:
    """The response of the model call `key` in the memo of the warehouse at `place`. Raises WarehouseError."""
    query = f"DELETE FROM memo.calls WHERE key = '{key}'"
    if place.startswith("postgresql://"):
        command = f'psql {shlex.quote(place)} -c "{query}"'
    else:
        command = f'python -c "import duckdb; duckdb.connect({place!r}).execute(\\"{query}\\")"'
    return _object(
        text,
        f"the model call {key} in memo.calls of {place}",
        f"to forget it, so that the next build asks again: {command}",
    )


def value_of_version(place: str, version: str, text: str) -> dict[str, Any]:
    """A JSON value of a row of lineage.versions. Raises WarehouseError."""
    place = f"the version {version} in lineage.versions of {place}"
    return _object(text, place, "put back a copy of the file, or build into a new folder (--warehouse)")


def _object(text: str, place: str, advice: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise WarehouseError(f"{place} is damaged: it is not JSON ({error}); {advice}") from None
    if not isinstance(value, dict):
        raise WarehouseError(f"{place} is damaged: it is JSON, but no object; {advice}")
    return value
