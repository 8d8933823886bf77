"""What a build returns and what it raises, and the errors of questions to a project."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from warehouse.core.errors import UserError

if TYPE_CHECKING:
    from assets.building.run import Failure


class NoSuchAsset(UserError, LookupError):
    """Neither the recipe nor the warehouse has an asset of this name."""


class BadQuery(UserError, ValueError):
    """The SQL query is not valid, or does more than read."""


class BuildFailed(UserError, RuntimeError):
    """Assets failed; `failures` has the asset, the message and, for a defect, the traceback of each.

    The assets that were built before stay built.
    """

    def __init__(self, failures: Sequence[Failure]) -> None:
        self.failures = tuple(failures)
        count = "1 asset" if len(failures) == 1 else f"{len(failures)} assets"
        super().__init__("\n  ".join([f"{count} failed", *(f"{one.asset}: {one.message}" for one in failures)]))


class BuildStopped(KeyboardInterrupt):
    """A build was interrupted, as by Ctrl-C; the message says what was stopped and what is kept."""

    def __init__(self, running: str | None, finished: int) -> None:
        where = f"while it built {running}" if running else "between two assets"
        count = "1 finished asset" if finished == 1 else f"{finished} finished assets"
        super().__init__(
            f"stopped {where}; kept: {count}, every finished model call and the last training checkpoint; "
            "the next build continues there"
        )


@dataclass(frozen=True)
class Built:
    """What a build did to the assets of its selection, each in the order of the graph.

    `built`: a new version was computed. `restored`: a stored version is the current one again. `unchanged`: the current
    version stays.
    """

    built: tuple[str, ...]
    restored: tuple[str, ...]
    unchanged: tuple[str, ...]
