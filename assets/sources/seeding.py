"""Turn source rows into seed tasks, documents and benchmark items: map the fields, apply the slice, sample by hash.

A source is read row by row, once for all selections of a role. Rows outside the slice, and rows far behind the sample,
are counted and not put on record.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from assets.recipe.columns import Shared, shared
from assets.recipe.conditions import reasons
from assets.recipe.materials import ReadingPart
from assets.recipe.selections import Selection
from assets.sources.candidates import Candidate, Verdict
from assets.sources.choosing import Choice, candidates_of
from assets.sources.drawing import Draw, Judged
from assets.sources.judging import Judge, Role
from assets.sources.partition import check_slice, place, position
from assets.sources.reading.read import Reading
from assets.sources.reading.rows import BadRow
from warehouse.core.identity import Parent
from warehouse.lineage.withdrawals import NONE, Withdrawals
from warehouse.results.result import Gate
from warehouse.results.shortage import TooFewRows, losses_of
from warehouse.schema.records import MAIN_TEXT

MAIN_TEXTS = ("instruction", *dict.fromkeys(MAIN_TEXT.values()))

OUTSIDE, NOT_SAMPLED = "outside the slice", "not sampled"

NEXT = 100
SPARE = 20
"""At least NEXT rows after the sample are put on record too, so that it can be seen what comes next; after a large one
every SPAREth part of it, since equal rows are one record, and with too few rows the source is read again (ours)."""

SourceFile = Callable[[str], tuple[str, Path]]
"""From the name of a source to its id and its verified local file."""


AS_FOUND: Mapping[str, ReadingPart] = {}
"""Every source is read as its files are recognised."""

ALONE: Mapping[str, Shared] = {}
"""No other selection takes rows of the same sources."""


def select(
    role: Role,
    selections: Sequence[Selection],
    source_file: SourceFile,
    seed: int,
    refused: Callable[[Mapping[str, str]], str | None] = lambda row: None,
    withdrawals: Withdrawals = NONE,
    reading: Mapping[str, ReadingPart] = AS_FOUND,
    ways: Mapping[str, Shared] = ALONE,
    at_most: int = 0,
) -> Gate:
    """A decision about every row of every selection. `refused` gives a further reason to reject a row, or None.

    `reading` says, by the name of the source, how its files are read. A row that cannot be read is quarantined. `ways`
    says in the same way which columns are read and how rows are joined, for all roles that use the source; without it,
    the selections here decide. With `at_most`, up to so many rows of each selection are kept if that is more than its
    count.

    Raises UserError where a source cannot be read, does not fit its selection's fields or has too few rows.
    """
    sources = {one.source: source_file(one.source) for one in selections}
    found = [
        _Selected(
            role,
            number,
            selection,
            ways.get(selection.source) or shared(selections, selection.source),
            [(sources[selection.source][0], "source")],
            refused,
            withdrawals,
            max(selection.count, at_most),
        )
        for number, selection in enumerate(selections)
    ]
    reading_of = {name: reading.get(name, ReadingPart()) for name in sources}
    left = found
    while left:
        for name, (_, path) in sources.items():
            of_source = [one for one in left if one.selection.source == name]
            if of_source:
                _read(Reading(path, reading_of[name], of_source[0].way.columns), of_source, str(seed))
        gate = Gate(role.model)
        for one in found:
            one.put(gate)
        # Equal rows are one record, so fewer may be kept than were drawn.
        left = [one for one in found if one.kept < one.most and one.draw.beyond]
        for one in left:
            one.start_again()
    for one in found:
        one.check()
    return gate


def remedies(key: str) -> dict[str, str]:
    """The recipe key that decides about a row that is left out, by the start of the reason; `key` is the selection."""
    words = {f"{main} too {how}": f"{key}.words" for main in MAIN_TEXTS for how in ("short", "long")}
    return words | {OUTSIDE: f"{key}.slice", NOT_SAMPLED: f"{key}.count", "field ": f"{key}.fields"}


@dataclass
class _Selected:
    """A selection with what is drawn for it, and what became of its rows."""

    role: Role
    number: int
    selection: Selection
    way: Shared
    parents: list[Parent]
    refused: Callable[[Mapping[str, str]], str | None]
    withdrawals: Withdrawals
    most: int
    kept: int = 0
    losses: Counter[tuple[str, str]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        check_slice(self.selection.slice)
        self._prepare(self.most + max(NEXT, self.most // SPARE))

    def start_again(self) -> None:
        """Draw more rows than before."""
        self._prepare(8 * self._want)

    def _prepare(self, want: int) -> None:
        self._want = want
        self.choice = Choice(self.selection, self.way)
        self.draw = Draw(want, Judge(self.role, self.choice, self.parents, self.refused, self.withdrawals))
        self.rows, self.outside = 0, 0
        self.bad: list[BadRow] = []

    def offer(self, one: Candidate, at: float, own_place: int) -> None:
        """Take note of a candidate in the slice `at`, in percent; it is judged only if it may be drawn."""
        start, end = self.selection.slice
        if start <= at < end:
            self.draw.offer((own_place, self.rows), one)
        else:
            self.outside += 1
        self.rows += 1

    def put(self, gate: Gate) -> None:
        """Put all decisions into a gate."""
        before, kept_before = gate.losses(), gate.kept
        gate.arrive(self.rows + len(self.bad))
        for bad in self.bad:
            gate.quarantine({"row": bad.raw}, f"{bad.place}: {bad.found}", self.parents)
        drawn = self.draw.drawn()
        reason_of = _whole_reasons([one.verdict for one in drawn if one.verdict], self.draw.more)
        for one in drawn:
            if one.verdict:
                self._drop(gate, one, reason_of(one.verdict), one.verdict)
            elif gate.kept - kept_before < self.most:
                gate.keep(one.content, self.parents)
            else:
                gate.reject(one.content, NOT_SAMPLED, self.parents)
        gate.count(NOT_SAMPLED, self.draw.beyond)
        gate.count(OUTSIDE, self.outside)
        for verdict, rows in self.draw.more.items():
            gate.count(reason_of(verdict), rows, "quarantined" if verdict.quarantined else "rejected")
        self.kept, self.losses = gate.kept - kept_before, gate.losses() - before

    def _drop(self, gate: Gate, one: Judged, reason: str, verdict: Verdict) -> None:
        if verdict.quarantined:
            gate.quarantine(one.content, reason, self.parents)
        else:
            gate.reject(one.content, reason, self.parents, verdict.score, verdict.cut)

    def check(self) -> None:
        """Raises TooFewRows where fewer are kept than the selection asks for."""
        if self.kept < self.selection.count:
            key = f"{self.role.key}.{self.number}"
            raise TooFewRows(
                f"{key} has {self.kept} rows of {self.selection.source!r}, but {self.selection.count} are needed",
                f"change one of these keys, or lower {key}.count",
                losses_of(self.losses, remedies(key)),
            )


def _read(reading: Reading, selected: Sequence[_Selected], salt: str) -> None:
    """Offers the rows of a source to selections of it."""
    choices = [one.choice for one in selected]
    for candidate, indexes in candidates_of(reading, choices):
        of = [selected[index] for index in indexes]
        if isinstance(candidate, BadRow):
            for one in of:
                one.bad.append(candidate)
            continue
        at, own_place = position(candidate.slice_identity, salt), place(candidate.identity, salt)
        for one in of:
            if candidate.verdict is None:
                one.choice.look(candidate.row)
            one.offer(candidate, at, own_place)
    for choice in choices:
        choice.check(reading.names)


def _whole_reasons(verdicts: Sequence[Verdict], more: Mapping[Verdict, int]) -> Callable[[Verdict], str]:
    counts = Counter((one.reason, one.value) for one in verdicts)
    for one, rows in more.items():
        counts[one.reason, one.value] += rows
    whole = reasons(counts)
    return lambda one: whole[one.reason, one.value]
