"""How many requests one address gets at the same time: more while it answers quickly, half when it says no.

Additive increase and multiplicative decrease (Chiu and Jain 1989), with a fast start. All numbers are our choices.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import fmean

START = 32
GROWTH = 5
"""How many requests are in flight at first, and how many more each answer allows until the address first says no."""

SLOWER = 4.0
"""No growth while an answer takes this many times as long as the first START answers took on average."""

NEAR = 8
"""No growth while an answer takes more than 1/NEAR of the deadline: a longer queue would end in time-outs."""

LONGEST_REST = 30.0
"""The most seconds that an address out of reach is left out before it is tried again."""


@dataclass
class Pace:
    """The state of one address: `busy` requests in flight of `limit`, and the time from which it may be asked.

    It rests for at most `patience` seconds at a time. It gets `start` requests at first. Times are seconds on any clock
    that only moves forward.
    """

    most: int
    deadline: float
    patience: float
    start: int = START
    limit: float = 0.0
    busy: int = 0
    free_at: float = 0.0
    said_no: bool = False
    halved_at: float = float("-inf")
    misses: int = 0
    first: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.limit = float(min(self.start, self.most))

    def ready(self, now: float) -> bool:
        """Whether it may get one more request."""
        return self.busy < int(self.limit) and now >= self.free_at

    def answered(self, began: float, now: float) -> None:
        """Notes that a request that began at `began` got an answer."""
        self.misses = 0
        took = now - began
        if len(self.first) < START:
            self.first.append(took)
        if took > self.deadline / NEAR or took > SLOWER * fmean(self.first):
            return
        self.limit = min(float(self.most), self.limit + (1 / self.limit if self.said_no else GROWTH))

    def declined(self, began: float, now: float, after: float | None) -> None:
        """Notes that the address said no, and asks to be left alone for `after` seconds, or does not say how long.

        In the second case it rests for a fifth of a second, and twice as long each time until it answers (ours).
        """
        self.said_no = True
        if began >= self.halved_at:  # requests that were in flight together say no together, and count once
            self.halved_at = now
            self.limit = max(1.0, self.limit / 2)
            self.misses += 1
            after = after or min(LONGEST_REST, 0.1 * 2**self.misses)
        if after:
            self.free_at = max(self.free_at, now + min(after, self.patience))

    def missed(self, began: float, now: float) -> None:
        """Notes that the address is out of reach: it is left out for a while, longer each time."""
        if began >= self.free_at:
            self.misses += 1
            self.free_at = now + min(LONGEST_REST, self.patience, 0.25 * 2**self.misses)
