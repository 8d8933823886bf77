"""In which order a build takes assets that could all be built next.

One method becomes a training set before the next method is asked, so that there is something to read soon. Students and
evaluation come last. The order is ours.

Worked example: of the raw pairs of two methods, those of the first have -1, and so has its training set; those of the
second have -2. What both need has 0. A training set of both methods has -2.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

from assets.steps.names import method_of
from assets.steps.step import Step

LAST = -1000


def priorities(steps: Iterable[Step]) -> dict[str, int]:
    """The priority of each asset, for `steps` of which each comes after those that it reads. Higher ones come first.

    No asset has a higher one than what it reads. So they come in the right order too where a run leaves out an asset
    between them.
    """
    found: dict[str, int] = {}
    number = count(1)
    for step in steps:
        own = LAST if step.group in ("training", "evaluation") else -next(number) if method_of(step.asset) else 0
        found[step.asset] = min([own, *(found[asset] for asset in step.inputs.values())])
    return found
