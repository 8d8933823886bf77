"""A model, a source or an ancestor, as a recipe declares it: its id, what it was made from, and how to read it back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import duckdb

from warehouse.core.identity import digest

Role = Literal["model", "source", "ancestor"]

_MODEL = "model:"


@dataclass(frozen=True)
class Material:
    """A model or a source that a recipe uses, or an ancestor: something that these were made from.

    `origin` says who wrote a source, or the texts that a model was trained on: "human", "mixed" or "model:NAME".
    `made_from` has the names of what it was fine-tuned from or compiled from. `sha256` belongs to the file or folder at
    `address`. What is not known is None.
    """

    role: Role
    name: str
    licence: str
    origin: str | None = None
    made_from: tuple[str, ...] = ()
    address: str | None = None
    sha256: str | None = None

    @property
    def id(self) -> str:
        """The id in the lineage.

        The id of a model depends on its bytes and not on where they come from: other weights give other answers.

        The id of a source depends on its name alone, because a source is a parent of its rows. A row that is also in a
        new version of the source keeps its id, and so does everything that was made from the row.
        """
        if self.role != "model":
            return digest([self.role, self.name])
        return digest([self.sha256, inner_path(self.address or "")])

    @property
    def author(self) -> str | None:
        """The name of the model that wrote it; None where `origin` names no model."""
        if not self.origin or not self.origin.startswith(_MODEL):
            return None
        return self.origin.removeprefix(_MODEL).strip() or None

    @property
    def parents(self) -> tuple[str, ...]:
        """The names of what it was made from and of the model that wrote it."""
        return (*self.made_from, self.author) if self.author else self.made_from


def inner_path(address: str) -> str | None:
    """The part of an address after "#": a path inside a wheel or repository, or the name of a served model.

    None where there is none. In a `path:` address everything after the colon is the path, also a "#".
    """
    _, separator, inner = address.partition("#")
    return inner if separator and not address.startswith("path:") else None


def read_materials(connection: duckdb.DuckDBPyConnection, at: datetime | None = None) -> dict[str, Material]:
    """Every model, source and ancestor in the warehouse by id, as described last, or last before `at`."""
    rows = connection.execute(
        "SELECT id, role, name, licence, origin, made_from, address, sha256 FROM lineage.materials "
        "WHERE recorded_at <= coalesce(?, recorded_at) "
        "QUALIFY row_number() OVER (PARTITION BY id ORDER BY recorded_at DESC) = 1",
        [at],
    ).fetchall()
    return {
        row_id: Material(role, name, licence, origin, tuple(json.loads(made_from)), address, sha256)
        for row_id, role, name, licence, origin, made_from, address, sha256 in rows
    }


def parent_ids(materials: Mapping[str, Material]) -> dict[str, list[str]]:
    """The ids of what each material declares to be made from, sorted, by its own id.

    A name that several materials share stands for all of them; a name that nothing in `materials` has is left out.
    """
    ids: dict[str, list[str]] = {}
    for row_id, one in materials.items():
        ids.setdefault(one.name, []).append(row_id)
    return {
        row_id: sorted({parent for name in one.parents for parent in ids.get(name, [])})
        for row_id, one in materials.items()
    }
