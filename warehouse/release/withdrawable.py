"""Finds what can be withdrawn by its id or name: a source row, a source or a model, together with its copies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import polars as pl

from warehouse.audit.finding import find
from warehouse.audit.nodes import nodes
from warehouse.core.comparing import units
from warehouse.core.errors import UserError
from warehouse.core.identity import Parent, canonical
from warehouse.core.texts import kind_named, listed, on_one_line, shortened, texts_in
from warehouse.lineage.graph import Graph, lookup
from warehouse.lineage.withdrawals import file_key, text_key
from warehouse.schema.records import MAIN_TEXT
from warehouse.store.inserting import insert

LONGEST_SHOWN = 60
_TITLES = ("title", "instruction", "text")


@dataclass(frozen=True)
class Withdrawable:
    """A source row, source, model or declared ancestor in the warehouse.

    `shown` is a short text for messages, `text` the `text_key` of the main text of a row; for a row that was put on
    record as it was read, the `text_key` of its longest text. `same` are the ids of other
    source rows with the same text, or of other materials with the same file; they are withdrawn with it.
    """

    id: str
    kind: str
    shown: str
    text: str | None
    same: tuple[str, ...] = ()


@dataclass(frozen=True)
class CountedRow:
    """A row of a source as it was read, which versions only count; with the id and the asset that it has on record."""

    id: str
    kind: str
    asset: str
    content: dict[str, object]
    parents: tuple[Parent, ...]


def find_withdrawable(connection: duckdb.DuckDBPyConnection, text: str) -> Withdrawable:
    """The one thing that `text` refers to: an id, the start of one, or the name of a source or model.

    Raises what `find` raises, and UserError for a record that is not a source row.
    """
    found = find(connection, text, "record", "material")
    row_id, kind = found.id, found.kind
    if found.sort == "material":
        return Withdrawable(row_id, kind, found.name, None, _same_file(connection, row_id))
    if kind not in MAIN_TEXT:
        raise _not_a_source_row(connection, row_id, kind)
    return _row(connection, row_id, kind, nodes(connection, [row_id])[row_id].says or {})


def counted_row(connection: duckdb.DuckDBPyConnection, row: CountedRow) -> Withdrawable:
    """A row that is only counted, as one that is on record."""
    return _row(connection, row.id, row.kind, {"row": row.content})


def put_on_record(connection: duckdb.DuckDBPyConnection, row: CountedRow) -> None:
    """Stores a row that was only counted as it was read, so that it can be withdrawn."""
    record = {"id": row.id, "kind": row.kind, "asset": row.asset, "content": canonical({"row": row.content})}
    edges = [(row.id, parent, role) for parent, role in row.parents]
    if not connection.execute("FROM lineage.records WHERE id = ?", [row.id]).fetchone():
        insert(connection, "lineage.records", pl.DataFrame([record]))
        insert(connection, "lineage.edges", pl.DataFrame(edges, ["child", "parent", "role"], orient="row"))


def _row(connection: duckdb.DuckDBPyConnection, row_id: str, kind: str, content: Mapping[str, Any]) -> Withdrawable:
    # A row as it was read has another id when a recipe names other columns of it; its longest text stays the same.
    main_text = content.get(MAIN_TEXT[kind]) or max(texts_in(content.get("row")), key=len, default="")
    shown = next((content[title] for title in _TITLES if content.get(title)), None) or canonical(content)
    shown = shortened(on_one_line(shown), LONGEST_SHOWN)
    key = text_key(main_text)
    return Withdrawable(row_id, kind, shown, key, _same_text(connection, row_id, main_text) if key else ())


def _not_a_source_row(connection: duckdb.DuckDBPyConnection, row_id: str, kind: str) -> UserError:
    above = {link.parent for link in Graph(connection).ancestry([row_id])}
    rows = sorted(lookup(connection, "SELECT kind, id FROM lineage.records", "id", above))
    sources = [f"{kind_named(of, 1)} {one}" for of, one in rows if of in MAIN_TEXT]
    return UserError(
        f"a {kind} is made by a build and would be made again; withdraw a source row, a source or a model instead. "
        f"{row_id[:9]} was made from {listed(sources) or 'no source row'}"
    )


def _same_text(connection: duckdb.DuckDBPyConnection, row_id: str, text: str) -> tuple[str, ...]:
    """Ids of other source rows with the same text that any version ever kept."""
    key = text_key(text)
    # Searching for one long word first leaves few rows to compare in full. A text that is not ASCII may have it in
    # another form.
    word = max((unit for unit in units(text) if unit.isascii() and unit.isalnum()), key=len, default="")
    rows = []
    for kind, column in MAIN_TEXT.items():
        query = (
            f"SELECT id, {column} FROM records.{kind} "
            f"WHERE contains(lower({column}), ?) OR strlen({column}) > length({column})"
        )
        rows += connection.execute(query, [word]).fetchall()
    return tuple(sorted({one for one, other in rows if one != row_id and text_key(other) == key}))


def _same_file(connection: duckdb.DuckDBPyConnection, material: str) -> tuple[str, ...]:
    """Ids of other materials with the same file."""
    rows = connection.execute("SELECT id, sha256, address FROM lineage.described WHERE sha256 IS NOT NULL").fetchall()
    files = {row_id: file_key(*file) for row_id, *file in rows}
    return tuple(sorted(one for one, file in files.items() if one != material and file == files.get(material)))
