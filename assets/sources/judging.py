"""Judge the candidates of a selection: map their fields, count their words, and refuse what may not be used."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assets.recipe.lookup import MissingField
from assets.recipe.selections import BenchmarkSelection, Selection
from assets.sources.candidates import Candidate, Verdict
from assets.sources.choosing import Choice
from assets.sources.conversations import misplaced
from assets.sources.drawing import Judged
from warehouse.core.identity import Parent, record_id
from warehouse.core.words import words_in
from warehouse.lineage.withdrawals import Withdrawals, Withdrawn
from warehouse.schema.records import KIND_OF, MAIN_TEXT, Record


@dataclass(frozen=True)
class Role:
    """What source rows become: records of `model` with the main text `main` and the `optional` fields.

    `key` is the recipe key with the selections."""

    model: type[Record]
    main: str
    optional: tuple[str, ...]
    key: str


@dataclass(frozen=True)
class Judge:
    """Judges the candidates of one selection, for a role.

    `parents` are those of each row. `refused` gives a further reason to reject a row, or None. A withdrawn row is
    recognized in any role: by its content as it was read, by its record, or by its main text.
    """

    role: Role
    choice: Choice
    parents: Sequence[Parent]
    refused: Callable[[Mapping[str, str]], str | None]
    withdrawals: Withdrawals

    def __call__(self, one: Candidate) -> Judged:
        one = self.choice.resolved(one)
        if one.verdict:
            return self._as_read(one, one.verdict)
        try:
            fields = self.choice.mapping.apply(one.row, one.identity)
        except MissingField as missing:
            unusable = one.unusable.get(missing.path)
            reason = f"field {missing.path!r} holds {unusable}" if unusable else str(missing)
            return self._as_read(one, Verdict(reason, quarantined=True))
        if fault := misplaced(self.choice.mapping.chosen(one.identity), one.row):
            return self._as_read(one, Verdict(fault, quarantined=True))
        row = _origin(self.choice.selection) | dict.fromkeys(self.role.optional, "") | fields
        return Judged(row, self._refusal(one, row, fields))

    @staticmethod
    def _as_read(one: Candidate, verdict: Verdict) -> Judged:
        return Judged({"row": dict(one.content)}, verdict)

    def _refusal(self, one: Candidate, row: Mapping[str, Any], fields: Mapping[str, str]) -> Verdict | None:
        withdrawn = self._withdrawn(one.content, row) if self.withdrawals.rows else None
        if withdrawn:
            return Verdict(f"withdrawn: {withdrawn.reason}")
        # Without a reference, the words of a benchmark item's instruction are counted.
        main = self.role.main if self.role.main in fields else "instruction"
        words, (least, most) = len(words_in(fields[main])), self.choice.selection.words
        if words < least or words > most:
            reason, cut = ("too short", least) if words < least else ("too long", most)
            return Verdict(f"{main} {reason}", score=words, cut=cut)
        refusal = self.refused(row)
        return Verdict(refusal) if refusal else None

    def _withdrawn(self, source_row: Mapping[str, object], row: Mapping[str, Any]) -> Withdrawn | None:
        ids = [record_id(KIND_OF[self.role.model], dict(row), self.parents)]
        # A row that was not mapped is stored as it was read.
        ids += [record_id(kind, {"row": dict(source_row)}, self.parents) for kind in MAIN_TEXT]
        return self.withdrawals.of_row(ids, row[self.role.main])


def _origin(selection: Selection) -> dict[str, str]:
    if isinstance(selection, BenchmarkSelection):
        return {"benchmark": selection.benchmark}
    return {"source": selection.source}
