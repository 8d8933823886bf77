"""Turn source rows into seed tasks, documents and benchmark items: map the fields, apply the slice, sample by hash."""

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
from warehouse.core.errors import UserError
from warehouse.core.identity import Parent, record_id
from warehouse.core.words import words_in
from warehouse.lineage.withdrawals import NONE, Withdrawals, Withdrawn
from warehouse.results.result import Gate
from warehouse.schema.records import KIND_OF, MAIN_TEXT, Record

SourceFile = Callable[[str], tuple[str, Path]]
"""From the name of a source to its id and its verified local file."""


@dataclass(frozen=True)
class Role:
    """What source rows become: records of `model` with the main text `main` and the `optional` fields."""

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
    """A decision about every row of every selection. `refused` gives a further reason to reject a row, or None.

    A withdrawn row is recognized in any role: by its content as it was read, by its record, or by its main text.

    Raises UserError where a source cannot be read, does not fit its selection's fields or has too few rows.
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
    kept_before, withdrawn_rows = gate.kept, 0
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
        row: dict[str, Any] = _origin(selection) | dict.fromkeys(role.optional, "") | fields
        # Without a reference, the words of a benchmark item's instruction are counted.
        main = role.main if role.main in fields else "instruction"
        words = len(words_in(fields[main]))
        withdrawn = _withdrawn(withdrawals, role, rows[index], row, parents) if withdrawals.rows else None
        if withdrawn:
            gate.reject(row, f"withdrawn: {withdrawn.reason}", parents)
            withdrawn_rows += 1
        elif words < least or words > most:
            reason, cut = ("too short", least) if words < least else ("too long", most)
            gate.reject(row, f"{main} {reason}", parents, score=words, cut=cut)
        elif refusal := refused(row):
            gate.reject(row, refusal, parents)
        elif gate.kept - kept_before >= selection.count:
            gate.reject(row, "not sampled", parents)
        else:
            gate.keep(row, parents)
    taken = gate.kept - kept_before
    if taken < selection.count:
        without = f" without the {withdrawn_rows} that are withdrawn" if withdrawn_rows else ""
        raise UserError(
            f"{selection.source!r} has {taken} rows for this role{without}, but {selection.count} are needed; "
            f"widen slice {list(selection.slice)} or words {list(selection.words)}, or lower count"
        )


def _withdrawn(
    withdrawals: Withdrawals,
    role: Role,
    source_row: Mapping[str, object],
    row: Mapping[str, Any],
    parents: Sequence[Parent],
) -> Withdrawn | None:
    ids = [record_id(KIND_OF[role.model], dict(row), parents)]
    if not all(one.text for one in withdrawals.rows.values()):
        # A row that was outside the slice or quarantined is stored as it was read.
        ids += [record_id(kind, _as_read(source_row), parents) for kind in MAIN_TEXT]
    return withdrawals.of_row(ids, row[role.main])


def _as_read(row: Mapping[str, object]) -> dict[str, object]:
    return {"row": dict(row)}


def _origin(selection: Selection) -> dict[str, str]:
    if isinstance(selection, BenchmarkSelection):
        return {"benchmark": selection.benchmark}
    return {"source": selection.source}
