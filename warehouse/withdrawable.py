"""What can be withdrawn, found by how a user names it: a source row, a source or a model, each with its doubles."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import duckdb

from warehouse.errors import Mendable
from warehouse.identity import canonical, normalized
from warehouse.lineage import Graph, lookup
from warehouse.materials import IN_FORCE
from warehouse.records import MAIN_TEXT
from warehouse.withdrawals import file_key, text_key

LONGEST_SHOWN = 60
_ID_START = re.compile(r"[0-9a-f]{6,32}")
_TITLES = ("title", "instruction", "text")


class NotWithdrawable(Mendable):
    """What was named is not on record, is not one thing, or is nothing that a recipe could leave out."""


@dataclass(frozen=True)
class Thing:
    """A source row, source, model or declared ancestor as it is on record.

    `text` is what a row's main text is known by when it comes again (see withdrawals.text_key). `same` are other
    records that say the same, or other names of the same file; they count as the thing itself.
    """

    id: str
    kind: str
    shown: str
    text: str | None
    same: tuple[str, ...] = ()


def find_thing(connection: duckdb.DuckDBPyConnection, named: str) -> Thing:
    """The one thing that an id, the start of one, or the name of a source or model names. Raises NotWithdrawable."""
    start = named if _ID_START.fullmatch(named) else None
    found: dict[str, tuple[str, str]] = {
        row_id: (role, name)
        for row_id, role, name in connection.execute(
            f"SELECT id, role, name FROM ({IN_FORCE}) WHERE name = ? OR starts_with(id, ?) ORDER BY ALL",
            [named, start or "none"],
        ).fetchall()
    }
    if start:
        how = "id = ?" if len(start) == 32 else "starts_with(id, ?)"
        rows = connection.execute(f"SELECT id, kind, '' FROM lineage.records WHERE {how} ORDER BY id", [start])
        found |= {row_id: (kind, name) for row_id, kind, name in rows.fetchall()}
    if not found:
        raise NotWithdrawable(
            f"nothing on record is named {named!r}; right would be the id of a source row (6 digits of it are enough), "
            "or the id or name of a source or model"
        )
    if len(found) > 1:
        told = ", ".join(f"{kind.replace('_', ' ')} {row_id}" for row_id, (kind, _) in list(found.items())[:5])
        raise NotWithdrawable(f"{named!r} names {len(found)} things, right would be one by its whole id: {told}")
    ((row_id, (kind, name)),) = found.items()
    if name:
        return Thing(row_id, kind, name, None, _same_file(connection, row_id))
    if kind not in MAIN_TEXT:
        raise _not_a_source_row(connection, row_id, kind)
    content = _content(connection, row_id, kind)
    text = content.get(MAIN_TEXT[kind])
    shown = next((content[title] for title in _TITLES if content.get(title)), None) or canonical(content)
    shown = " ".join(shown.split())
    shown = shown if len(shown) <= LONGEST_SHOWN else shown[: LONGEST_SHOWN - 1] + "…"
    known_by = text_key(text or "")
    return Thing(row_id, kind, shown, known_by, _same_text(connection, row_id, text or "") if known_by else ())


def _not_a_source_row(connection: duckdb.DuckDBPyConnection, row_id: str, kind: str) -> NotWithdrawable:
    above = {link.parent for link in Graph(connection).ancestry([row_id])}
    rows = sorted(lookup(connection, "SELECT kind, id FROM lineage.records", "id", above))
    sources = [f"{of.replace('_', ' ')} {one}" for of, one in rows if of in MAIN_TEXT]
    more = f" and {len(sources) - 5} more" if len(sources) > 5 else ""
    return NotWithdrawable(
        f"a {kind} is made by a build and would be made again; what can be withdrawn is a source row, a source or a "
        f"model. {row_id[:9]} was made from {', '.join(sources[:5]) or 'no source row'}{more}"
    )


def _content(connection: duckdb.DuckDBPyConnection, row_id: str, kind: str) -> dict[str, Any]:
    """What a record says; of one that was never fit to be of its kind, what was read."""
    kept = connection.execute(f"FROM records.{kind} WHERE id = ?", [row_id]).pl().to_dicts()
    if kept:
        return kept[0]
    (content,) = connection.execute("SELECT content FROM lineage.records WHERE id = ?", [row_id]).fetchall()[0]
    read: dict[str, Any] = json.loads(content)
    return read


def _same_text(connection: duckdb.DuckDBPyConnection, row_id: str, text: str) -> tuple[str, ...]:
    """Other source rows that were ever kept and say the same."""
    key = text_key(text)
    # One word tells nearly all others apart before they are compared in full.
    word = max(normalized(text).split(), key=len)
    rows = []
    for kind, column in MAIN_TEXT.items():
        query = f"SELECT id, {column} FROM records.{kind} WHERE contains(lower({column}), ?)"
        rows += connection.execute(query, [word]).fetchall()
    return tuple(sorted({one for one, said in rows if one != row_id and text_key(said) == key}))


def _same_file(connection: duckdb.DuckDBPyConnection, material: str) -> tuple[str, ...]:
    """Other names under which the same file is described."""
    rows = connection.execute(f"SELECT id, sha256, address FROM ({IN_FORCE}) WHERE sha256 IS NOT NULL").fetchall()
    files = {row_id: file_key(*file) for row_id, *file in rows}
    return tuple(sorted(one for one, file in files.items() if one != material and file == files.get(material)))
