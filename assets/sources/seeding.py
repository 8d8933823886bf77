"""From source rows to seed tasks, documents and benchmark items: mapped, held apart, sampled by hash."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assets.recipe.mapping import Mapping as FieldMapping
from assets.recipe.mapping import MissingField, check_fields
from assets.recipe.types import BenchmarkSelection, Selection
from assets.sources.partition import in_slice, order, row_identity
from assets.sources.readers import read_rows
from warehouse.core.errors import Mendable
from warehouse.core.identity import Parent, record_id
from warehouse.lineage.withdrawals import NONE, Withdrawals, Withdrawn
from warehouse.results.result import Gate
from warehouse.schema.records import KIND_OF, MAIN_TEXT, Record

SourceFile = Callable[[str], tuple[str, Path]]
"""Name of a source to its id and its verified local file."""


@dataclass(frozen=True)
class Role:
    """What rows of a source become: the kind of record, its main text, and fields that may be left out."""

    model: type[Record]
    main: str
    optional: tuple[str, ...]


def select(
    role: Role,
    selections: Sequence[Selection],
    source_file: SourceFile,
    seed: int,
    refused: Callable[[Mapping[str, str]], str | None] = lambda row: None,
    withdrawals: Withdrawals = NONE,
) -> Gate:
    """Every row of every selection with its outcome: kept, or why not. `refused` may name a further reason.

    What was withdrawn is known again as the row that it was, in any role, and by its main text.

    Raises SourceError or MappingError where a source as a whole does not fit its selection.
    """
    gate = Gate(role.model)
    for selection in selections:
        source, path = source_file(selection.source)
        rows = read_rows(path)
        gate.arrive(len(rows))
        _select(gate, role, selection, source, rows, seed, refused, withdrawals)
    return gate


def _select(
    gate: Gate,
    role: Role,
    selection: Selection,
    source: str,
    rows: Sequence[Mapping[str, object]],
    seed: int,
    refused: Callable[[Mapping[str, str]], str | None],
    withdrawals: Withdrawals,
) -> None:
    mapping = FieldMapping.parse(selection.fields)
    check_fields(mapping, rows)
    parents = [(source, "source")]
    identities = [row_identity(row) for row in rows]
    before, lost = gate.kept, 0
    least, most = selection.words
    for index in order(identities, str(seed)):
        if not in_slice(identities[index], selection.slice, str(seed)):
            gate.reject(_as_read(rows[index]), "outside the slice", parents)
            continue
        try:
            fields = mapping.apply(rows[index], identities[index])
        except MissingField as missing:
            gate.quarantine(_as_read(rows[index]), str(missing), parents)
            continue
        row: dict[str, Any] = _named(selection) | dict.fromkeys(role.optional, "") | fields
        # A benchmark item without a human answer is known by what it asks.
        main = role.main if role.main in fields else "instruction"
        words = len(fields[main].split())
        withdrawn = _withdrawn(withdrawals, role, rows[index], row, parents) if withdrawals.rows else None
        if withdrawn:
            gate.reject(row, f"withdrawn: {withdrawn.reason}", parents)
            lost += 1
        elif words < least or words > most:
            reason, cut = ("too short", least) if words < least else ("too long", most)
            gate.reject(row, f"{main} {reason}", parents, score=words, cut=cut)
        elif refusal := refused(row):
            gate.reject(row, refusal, parents)
        elif gate.kept - before >= selection.count:
            gate.reject(row, "not drawn", parents)
        else:
            gate.keep(row, parents)
    taken = gate.kept - before
    if taken < selection.count:
        without = f" without the {lost} that are withdrawn" if lost else ""
        raise TooFewRows(
            f"{selection.source!r} gives {taken} rows for this role{without}, {selection.count} are asked for; "
            f"widen slice {list(selection.slice)} or words {list(selection.words)}, or lower count"
        )


class TooFewRows(Mendable, ValueError):
    """A source has fewer fitting rows than the recipe asks for."""


def _withdrawn(
    withdrawals: Withdrawals,
    role: Role,
    read: Mapping[str, object],
    row: Mapping[str, Any],
    parents: Sequence[Parent],
) -> Withdrawn | None:
    ids = [record_id(KIND_OF[role.model], dict(row), parents)]
    if not all(one.text for one in withdrawals.rows.values()):
        # Withdrawn where it was outside a slice or set aside, it was on record as it was read.
        ids += [record_id(kind, _as_read(read), parents) for kind in MAIN_TEXT]
    return withdrawals.of_row(ids, row[role.main])


def _as_read(row: Mapping[str, object]) -> dict[str, object]:
    return {"row": dict(row)}


def _named(selection: Selection) -> dict[str, str]:
    if isinstance(selection, BenchmarkSelection):
        return {"benchmark": selection.benchmark}
    return {"source": selection.source}
