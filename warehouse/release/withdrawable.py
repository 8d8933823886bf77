"""What can be withdrawn, found by how a user names it: a source row, a source or a model, each with its doubles."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from warehouse.audit.finding import find
from warehouse.audit.nodes import nodes
from warehouse.core.errors import Mendable
from warehouse.core.identity import canonical
from warehouse.core.texts import kind_named, listed, normalized, on_one_line, shortened
from warehouse.lineage.graph import Graph, lookup
from warehouse.lineage.withdrawals import file_key, text_key
from warehouse.schema.records import MAIN_TEXT

LONGEST_SHOWN = 60
_TITLES = ("title", "instruction", "text")


class NotWithdrawable(Mendable):
    """What was named is nothing that a recipe could leave out."""


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
    """The one thing that an id, the start of one, or the name of a source or model names.

    Raises Unknown and Ambiguous (see warehouse/audit/finding.py), and NotWithdrawable.
    """
    found = find(connection, named, "record", "material")
    row_id, kind = found.id, found.kind
    if found.sort == "material":
        return Thing(row_id, kind, found.name, None, _same_file(connection, row_id))
    if kind not in MAIN_TEXT:
        raise _not_a_source_row(connection, row_id, kind)
    content = nodes(connection, [row_id])[row_id].says or {}
    text = content.get(MAIN_TEXT[kind])
    shown = next((content[title] for title in _TITLES if content.get(title)), None) or canonical(content)
    shown = shortened(on_one_line(shown), LONGEST_SHOWN)
    known_by = text_key(text or "")
    return Thing(row_id, kind, shown, known_by, _same_text(connection, row_id, text or "") if known_by else ())


def _not_a_source_row(connection: duckdb.DuckDBPyConnection, row_id: str, kind: str) -> NotWithdrawable:
    above = {link.parent for link in Graph(connection).ancestry([row_id])}
    rows = sorted(lookup(connection, "SELECT kind, id FROM lineage.records", "id", above))
    sources = [f"{kind_named(of, 1)} {one}" for of, one in rows if of in MAIN_TEXT]
    return NotWithdrawable(
        f"a {kind} is made by a build and would be made again; what can be withdrawn is a source row, a source or a "
        f"model. {row_id[:9]} was made from {listed(sources) or 'no source row'}"
    )


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
    rows = connection.execute("SELECT id, sha256, address FROM lineage.described WHERE sha256 IS NOT NULL").fetchall()
    files = {row_id: file_key(*file) for row_id, *file in rows}
    return tuple(sorted(one for one, file in files.items() if one != material and file == files.get(material)))
