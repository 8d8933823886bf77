"""Withdrawals, with look-ups by the id of a row, by its text, by model or source, and by file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

import duckdb

from warehouse.core.closure import closure
from warehouse.core.comparing import units
from warehouse.core.errors import UserError
from warehouse.core.identity import digest, text_digest
from warehouse.core.texts import kind_named
from warehouse.lineage.material import inner_path, parent_ids, read_materials
from warehouse.schema.records import MAIN_TEXT

_LETTERS_AND_DIGITS = re.compile(r"[^\W_]+")


class UsesWithdrawn(UserError):
    """A recipe uses a model or a source that was withdrawn."""


@dataclass(frozen=True)
class Withdrawn:
    """A row of lineage.withdrawals."""

    id: str
    kind: str
    shown: str
    text: str | None
    reason: str
    withdrawn_at: datetime

    @property
    def description(self) -> str:
        """What was withdrawn, when and why, for messages."""
        what = f"the {kind_named(self.kind, 1)} {self.shown!r} ({self.id[:9]})"
        return f"{what}, withdrawn on {self.withdrawn_at:%Y-%m-%d}: {self.reason}"


@dataclass(frozen=True)
class Withdrawals:
    """All withdrawals, in the order in which they were made.

    `materials` has the withdrawal of each model, source or ancestor, by its id: of those that were withdrawn, and of
    those that declare to be made from one of these. `files` has the withdrawal of each withdrawn file, so that the
    same file stays withdrawn under another name.
    """

    entries: tuple[Withdrawn, ...] = ()
    materials: Mapping[str, Withdrawn] = field(default_factory=dict)
    files: Mapping[tuple[str, str], Withdrawn] = field(default_factory=dict)

    @cached_property
    def rows(self) -> dict[str, Withdrawn]:
        """The withdrawals of source rows, by the id of the row."""
        return {one.id: one for one in self.entries if one.kind in MAIN_TEXT}

    @cached_property
    def texts(self) -> dict[str, Withdrawn]:
        """The withdrawals of source rows, by `text_key` of the main text of the row."""
        return {one.text: one for one in self.entries if one.text}

    def of_row(self, ids: Iterable[str], text: str) -> Withdrawn | None:
        """The withdrawal of a source row that has one of `ids` or the main text `text`."""
        found = next((self.rows[row_id] for row_id in ids if row_id in self.rows), None)
        if found or not self.texts:
            return found
        return next((self.texts[key] for key in (text_key(text), _earlier_text_key(text)) if key in self.texts), None)

    def of_material(self, material: str, sha256: str | None, address: str | None) -> Withdrawn | None:
        """The withdrawal of a model or source that has this id or is this file."""
        return self.materials.get(material) or self.files.get(file_key(sha256, address))


NONE = Withdrawals()


def applied_digest(applied: Sequence[Withdrawn]) -> str:
    """The digest of the withdrawals that were applied to a version."""
    return digest([one.id for one in applied])


def text_key(text: str) -> str | None:
    """A SHA-256 that texts with equal `units` share; None without any letter, digit or sign."""
    plain = " ".join(units(text))
    return text_digest(plain) if plain else None


def _earlier_text_key(text: str) -> str | None:
    """The key of withdrawals that were stored when signs and vowel signs did not count.

    So they still apply. Plain English has the same key in both ways.
    """
    plain = " ".join(_LETTERS_AND_DIGITS.findall(text.lower()))
    return text_digest(plain) if plain else None


def file_key(sha256: str | None, address: str | None) -> tuple[str, str]:
    """(SHA-256, path inside it), which the same file has at any address."""
    return sha256 or "", inner_path(address or "") or ""


def read_withdrawals(connection: duckdb.DuckDBPyConnection) -> Withdrawals:
    """All withdrawals in the warehouse behind `connection`."""
    rows = connection.execute(
        "SELECT id, kind, shown, text, reason, withdrawn_at FROM lineage.withdrawals ORDER BY withdrawn_at, id"
    ).fetchall()
    entries = tuple(Withdrawn(*row) for row in rows)
    materials = {one.id: one for one in entries if one.kind not in MAIN_TEXT}
    if not materials:
        return Withdrawals(entries)
    described = read_materials(connection)
    files = {
        file_key(described[row_id].sha256, described[row_id].address): one
        for row_id, one in materials.items()
        if row_id in described and described[row_id].sha256
    }
    children: dict[str, list[str]] = {}
    for child, parents in parent_ids(described).items():
        for parent in parents:
            children.setdefault(parent, []).append(child)
    for child, reached_from in closure(materials, lambda row_id: children.get(row_id, [])).items():
        if reached_from is not None:
            materials[child] = materials[reached_from]
    return Withdrawals(entries, materials, files)
