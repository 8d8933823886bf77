"""What a plan says about an asset, and how well its rows are known before the build."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, get_args

from warehouse.results.shortage import Loss

State = Literal["fresh", "restore", "stale", "waiting", "fails", "blocked"]
STATES: tuple[State, ...] = get_args(State)


class Certainty(StrEnum):
    """How well the rows of an asset are known, from best to worst."""

    KNOWN = "known"
    """The rows with their content."""
    COUNTED = "counted"
    """One row for each row that there may be, but not the content of all of them."""
    BOUNDED = "bounded"
    """Only how many rows there may be at most."""
    UNBOUNDED = "unbounded"
    """Nothing."""


def least_certain(found: Iterable[Certainty]) -> Certainty:
    """The worst of the values; KNOWN if there are none."""
    return max(found, key=list(Certainty).index, default=Certainty.KNOWN)


@dataclass(frozen=True)
class Planned:
    """What a build would do to an asset, and why.

    `state`: "fresh", "restore" (a stored version becomes the current one), "stale" (it is built), "waiting" (whether
    the asset is stale depends on an input that has to be built first), "fails" (the build of the asset fails, or it has
    failed a blocking check), or "blocked" (an input of it fails, or is not built).

    `calls` is the number of model calls to compute and `from_memo` the number that is already stored. `seconds` is the
    time of the calls to compute, estimated from measured rates; None if no rate was measured. `calls` and `seconds` are
    exact if `certainty` is KNOWN or COUNTED. Otherwise they are upper bounds, or None if nothing bounds them.

    `rows` is the number of rows that the build decides about, None if that is not known; `most_rows` is then an upper
    bound of the rows that it keeps. `same_content`: the kept rows do not change, so nothing downstream becomes stale.
    `error` is the message that a build would fail with, because of this asset ("fails") or of one that it reads
    ("blocked"). Where that is because there are too few rows, `losses` are what removed the others.

    Of an asset that builds others in rounds, `inner` has what the calls are for, asset by asset; the calls are then not
    counted again with those assets.
    """

    asset: str
    state: State
    reasons: tuple[str, ...] = ()
    certainty: Certainty = Certainty.KNOWN
    rows: int | None = None
    most_rows: int | None = None
    calls: int | None = 0
    from_memo: int = 0
    seconds: float | None = 0.0
    same_content: bool = False
    error: str | None = None
    losses: tuple[Loss, ...] = ()
    inner: tuple[Planned, ...] = ()

    @property
    def exact(self) -> bool:
        """Whether `calls` and `seconds` are exact, not upper bounds."""
        return self.certainty in (Certainty.KNOWN, Certainty.COUNTED)
