"""Draw the first rows of a slice, in the order of their places, out of rows that come in any order.

Memory is bounded by what is drawn, not by the source: once enough rows pass, a row whose place is behind all of them is
not looked at. Which rows are drawn does not depend on the order in which they come, except for equal rows.

Worked example, with two rows wanted: of the places 5, 2, 9 and 4, the rows at 5 and 2 pass, 9 is not looked at since
two better ones are known, and 4 passes and takes the place of 5. Drawn are 2 and 4; 5 and 9 are beyond.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from assets.sources.candidates import Candidate, Verdict

MOST_ON_RECORD = 10_000
"""Of the rows that do not pass, so many are drawn, those with the first places; the others are counted (ours)."""

Place = tuple[int, int]
"""The place of a row by its hash, and its index in the source for equal rows."""


@dataclass(frozen=True)
class Judged:
    """A row as it is put on record: as the record that it becomes or, with a verdict, maybe as it was read."""

    content: Mapping[str, Any]
    verdict: Verdict | None = None


class Draw:
    """The first `want` rows that pass, and the rows before the last of them that do not, at most MOST_ON_RECORD.

    `beyond` counts the rows that come after these, of which nothing else is known, `more` those that would be too many
    for the record, by what is left of their verdicts.
    """

    def __init__(self, want: int, judge: Callable[[Candidate], Judged]) -> None:
        self.beyond = 0
        self.more: Counter[Verdict] = Counter()
        self._want, self._judge = want, judge
        # The last one is first: see heapq.
        self._passing: list[tuple[int, int, Judged]] = []
        self._failing: list[tuple[Place, Judged]] = []

    def offer(self, place: Place, one: Candidate) -> None:
        """Take or leave a candidate, which is judged only if it may be drawn."""
        if self._is_full and place > self._last:
            self.beyond += 1
            return
        judged = self._judge(one)
        if judged.verdict is None:
            heapq.heappush(self._passing, (-place[0], -place[1], judged))
            if len(self._passing) > self._want:
                heapq.heappop(self._passing)
                self.beyond += 1
            return
        self._failing.append((place, judged))
        if len(self._failing) == 2 * MOST_ON_RECORD:
            self._drop()

    def drawn(self) -> list[Judged]:
        """What was drawn, in the order of the places."""
        self._drop()
        passing = [((-place, -index), judged) for place, index, judged in self._passing]
        return [judged for _, judged in sorted([*passing, *self._failing], key=lambda one: one[0])]

    @property
    def _is_full(self) -> bool:
        return len(self._passing) == self._want

    @property
    def _last(self) -> Place:
        place, index, _ = self._passing[0]
        return -place, -index

    def _drop(self) -> None:
        """Drop the rows that do not pass and are beyond, or too many."""
        failing = self._failing
        if self._is_full:
            failing = [one for one in failing if one[0] < self._last]
            self.beyond += len(self._failing) - len(failing)
        failing.sort(key=lambda one: one[0])
        verdicts = [one.verdict for _, one in failing[MOST_ON_RECORD:] if one.verdict]
        self.more.update(replace(one, score=None, cut=None) for one in verdicts)
        self._failing = failing[:MOST_ON_RECORD]
