"""The three kinds of errors of an endpoint: a condition that passes, one that does not, and a fault of a single row."""

from __future__ import annotations

from enum import Enum

from warehouse.core.errors import UserError


class RowFailed(Exception):
    """One request got no usable answer. Its row has failed; later builds ask again."""


class OtherModel(RowFailed):
    """The answer names another model than the declared one."""


class Cause(Enum):
    """Why an endpoint cannot answer now."""

    BUSY = "it says that it has too much to do"
    LATE = "it gave no whole answer in time"
    BROKEN = "the connection ended without a whole answer"
    UNREACHABLE = "no connection was made"

    @property
    def may_be_the_row(self) -> bool:
        """Whether the request itself may be the reason, as when a long prompt makes the server close the connection."""
        return self in (Cause.LATE, Cause.BROKEN)


class Passing(Exception):
    """The endpoint cannot answer now, for a reason that passes. `after` is the seconds that it asks to wait, if any."""

    def __init__(self, reason: str, cause: Cause, after: float | None = None) -> None:
        super().__init__(reason)
        self.cause, self.after = cause, after


class Unusable(UserError):
    """The endpoint cannot be used as the recipe describes it, and waiting does not change that."""


class StillWaiting(UserError):
    """A passing condition lasted longer than the recipe's `endpoint.patience`."""


def first_of(group: BaseExceptionGroup[Unusable]) -> Unusable:
    """The first error of requests that were sent together."""
    first = group.exceptions[0]
    return first_of(first) if isinstance(first, BaseExceptionGroup) else first
