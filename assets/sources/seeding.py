"""Turn source rows into seed tasks, documents and benchmark items: map the fields, apply the slice, sample by hash."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assets.recipe.columns import Shared, shared
from assets.recipe.lookup import MissingField
from assets.recipe.mapping import Mapping as FieldMapping
from assets.recipe.materials import ReadingPart
from assets.recipe.selections import BenchmarkSelection, Selection
from assets.sources.candidates import Candidate
from assets.sources.choosing import candidates
from assets.sources.conversations import misplaced
from assets.sources.partition import in_slice, order
from assets.sources.reading.read import read_rows
from warehouse.core.identity import Parent, record_id
from warehouse.core.words import words_in
from warehouse.lineage.withdrawals import NONE, Withdrawals, Withdrawn
from warehouse.results.result import Gate
from warehouse.results.shortage import TooFewRows, losses_of
from warehouse.schema.records import KIND_OF, MAIN_TEXT, Record

MAIN_TEXTS = ("instruction", *dict.fromkeys(MAIN_TEXT.values()))

SourceFile = Callable[[str], tuple[str, Path]]
"""From the name of a source to its id and its verified local file."""


AS_FOUND: Mapping[str, ReadingPart] = {}
"""Every source is read as its files are recognised."""

ALONE: Mapping[str, Shared] = {}
"""No other selection takes rows of the same sources."""


@dataclass(frozen=True)
class Role:
    """What source rows become: records of `model` with the main text `main` and the `optional` fields.

    `key` is the recipe key with the selections."""

    model: type[Record]
    main: str
    optional: tuple[str, ...]
    key: str


def select(
    role: Role,
    selections: Sequence[Selection],
    source_file: SourceFile,
    seed: int,
    refused: Callable[[Mapping[str, str]], str | None] = lambda row: None,
    withdrawals: Withdrawals = NONE,
    reading: Mapping[str, ReadingPart] = AS_FOUND,
    ways: Mapping[str, Shared] = ALONE,
) -> Gate:
    """A decision about every row of every selection. `refused` gives a further reason to reject a row, or None.

    `reading` says, by the name of the source, how its files are read. A row that cannot be read is quarantined. `ways`
    says in the same way which columns are read and how rows are joined, for all roles that use the source; without it,
    the selections here decide.

    A withdrawn row is recognized in any role: by its content as it was read, by its record, or by its main text.

    Raises UserError where a source cannot be read, does not fit its selection's fields or has too few rows.
    """
    gate = Gate(role.model)
    for number, selection in enumerate(selections):
        source, path = source_file(selection.source)
        settings = reading.get(selection.source, ReadingPart())
        way = ways.get(selection.source) or shared(selections, selection.source)
        mapping = FieldMapping.parse(selection.fields, selection.absent)
        read = read_rows(path, settings, way.columns)
        found = candidates(selection, mapping, read, way)
        before, dropped = gate.kept, gate.dropped
        gate.arrive(len(found) + len(read.bad))
        for bad in read.bad:
            gate.quarantine({"row": bad.raw}, f"{bad.place}: {bad.found}", [(source, "source")])
        _select(gate, role, selection, mapping, source, found, seed, refused, withdrawals)
        if gate.kept - before < selection.count:
            key = f"{role.key}.{number}"
            raise TooFewRows(
                f"{key} has {gate.kept - before} rows of {selection.source!r}, but {selection.count} are needed",
                f"change one of these keys, or lower {key}.count",
                losses_of(gate.losses(dropped), remedies(key)),
            )
    return gate


def remedies(key: str) -> dict[str, str]:
    """The recipe key that decides about a row that is left out, by the start of the reason; `key` is the selection."""
    words = {f"{main} too {how}": f"{key}.words" for main in MAIN_TEXTS for how in ("short", "long")}
    return words | {
        "outside the slice": f"{key}.slice",
        "not sampled": f"{key}.count",
        "field ": f"{key}.fields",
    }


def _select(
    gate: Gate,
    role: Role,
    selection: Selection,
    mapping: FieldMapping,
    source: str,
    found: Sequence[Candidate],
    seed: int,
    refused: Callable[[Mapping[str, str]], str | None],
    withdrawals: Withdrawals,
) -> None:
    parents = [(source, "source")]
    kept_before = gate.kept
    least, most = selection.words
    for index in order([one.identity for one in found], str(seed)):
        one = found[index]
        if not in_slice(one.slice_identity, selection.slice, str(seed)):
            one = one.out("outside the slice")
        elif one.verdict is None:
            one, fields = _mapped(one, mapping)
        if one.verdict:
            one.put_out(gate, parents)
            continue
        row: dict[str, Any] = _origin(selection) | dict.fromkeys(role.optional, "") | fields
        # Without a reference, the words of a benchmark item's instruction are counted.
        main = role.main if role.main in fields else "instruction"
        words = len(words_in(fields[main]))
        withdrawn = _withdrawn(withdrawals, role, one.content, row, parents) if withdrawals.rows else None
        if withdrawn:
            gate.reject(row, f"withdrawn: {withdrawn.reason}", parents)
        elif words < least or words > most:
            reason, cut = ("too short", least) if words < least else ("too long", most)
            gate.reject(row, f"{main} {reason}", parents, score=words, cut=cut)
        elif refusal := refused(row):
            gate.reject(row, refusal, parents)
        elif gate.kept - kept_before >= selection.count:
            gate.reject(row, "not sampled", parents)
        else:
            gate.keep(row, parents)


def _mapped(one: Candidate, mapping: FieldMapping) -> tuple[Candidate, dict[str, str]]:
    """The fields of a candidate; a candidate that has none gets a verdict."""
    try:
        fields = mapping.apply(one.row, one.identity)
    except MissingField as missing:
        unusable = one.unusable.get(missing.path)
        reason = f"field {missing.path!r} holds {unusable}" if unusable else str(missing)
        return one.out(reason, quarantined=True), {}
    fault = misplaced(mapping.chosen(one.identity), one.row)
    return (one.out(fault, quarantined=True) if fault else one), fields


def _withdrawn(
    withdrawals: Withdrawals,
    role: Role,
    source_row: Mapping[str, object],
    row: Mapping[str, Any],
    parents: Sequence[Parent],
) -> Withdrawn | None:
    ids = [record_id(KIND_OF[role.model], dict(row), parents)]
    # A row that was outside the slice or quarantined is stored as it was read.
    ids += [record_id(kind, {"row": dict(source_row)}, parents) for kind in MAIN_TEXT]
    return withdrawals.of_row(ids, row[role.main])


def _origin(selection: Selection) -> dict[str, str]:
    if isinstance(selection, BenchmarkSelection):
        return {"benchmark": selection.benchmark}
    return {"source": selection.source}
