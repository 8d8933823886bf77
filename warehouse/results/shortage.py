"""Too few rows: an error that says which rules removed the others, and which recipe key decides each rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from warehouse.core.errors import UserError
from warehouse.core.texts import FEW, shortened
from warehouse.results.reviewed import BY_PEOPLE

LONGEST_REASON = 120

FAILED = "retries"
"""The recipe key of rows at which a model or a server failed: how often later builds try them again."""


@dataclass(frozen=True)
class Loss:
    """`rows` rows that an asset did not keep, for one `reason`; `key` is the recipe key that decides it ("": none)."""

    rows: int
    reason: str
    key: str = ""

    def __str__(self) -> str:
        by = f" ({self.key})" if self.key else ""
        return f"{self.rows} {shortened(self.reason, LONGEST_REASON)!r}{by}"


class TooFewRows(UserError):
    """Fewer rows are left than the recipe asks for. `losses` are what removed the others, largest first.

    `problem` says how many there are and how many are needed, `advice` what to change.
    """

    def __init__(self, problem: str, advice: str, losses: Iterable[Loss] = ()) -> None:
        self.problem, self.advice, self.losses = problem, advice, largest_first(losses)
        shown = [str(loss) for loss in self.losses[:FEW]]
        if more := self.losses[FEW:]:
            rows = sum(loss.rows for loss in more)
            shown.append(f"{rows} for {len(more)} other {'reason' if len(more) == 1 else 'reasons'}")
        removed = f"; removed were: {', '.join(shown)}" if shown else ""
        # Where most rows failed, neither more rows nor looser rules would help.
        failed = bool(self.losses) and self.losses[0].key == FAILED
        super().__init__(f"{problem}{removed}; {'mend what failed and build again' if failed else advice}")

    def with_losses(self, before: Iterable[Loss]) -> TooFewRows:
        """The same error with what was removed `before` the asset that has too few rows as well."""
        return TooFewRows(self.problem, self.advice, [*self.losses, *before])


def largest_first(losses: Iterable[Loss]) -> tuple[Loss, ...]:
    """The losses with those of equal reason and key added up, most rows first."""
    rows: Counter[tuple[str, str]] = Counter()
    for loss in losses:
        rows[loss.reason, loss.key] += loss.rows
    return tuple(Loss(count, reason, key) for (reason, key), count in rows.most_common())


def losses_of(counts: Mapping[tuple[str, str], int], remedies: Mapping[str, str]) -> list[Loss]:
    """The rows that were not kept among `counts` by (outcome, reason), each with its key; see `deciding_key`."""
    return [
        Loss(rows, reason, deciding_key(remedies, outcome, reason))
        for (outcome, reason), rows in counts.items()
        if outcome != "kept"
    ]


def deciding_key(remedies: Mapping[str, str], outcome: str, reason: str) -> str:
    """The recipe key that decides about an outcome; "" where none does.

    It is that of the longest start of `reason` in `remedies`; the start "" fits every reason but those of people.
    """
    if outcome == "failed":
        return FAILED
    if reason.startswith(BY_PEOPLE):
        return ""
    fitting = [start for start in remedies if reason.startswith(start)]
    return remedies[max(fitting, key=len)] if fitting else ""
