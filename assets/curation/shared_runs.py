"""Find the benchmark text of which a row has a large share: reworded copies, which share no long run of words.

The share of a text is the part of its runs of RUN words that stand in the row, each run counted once. It is 1 for a
copy, whatever stands around it, and falls with every word that was changed. Texts of fewer than LEAST_RUNS runs are
left out, since a few common phrases would make up a large share of them. The measure is the containment of Broder (On
the resemblance and containment of documents, 1997, https://doi.org/10.1109/SEQUEN.1997.666900). RUN and LEAST_RUNS are
ours.

Worked example, with runs of two words: "crush the basil with salt" has the runs crush the, the basil, basil with and
with salt. "First crush the basil with oil" has three of them, a share of 0.75.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable

from assets.curation.runs import runs

RUN = 5
LEAST_RUNS = 4


class SharedRuns:
    """The runs of benchmark texts, each text with the id of its item."""

    def __init__(self, texts: Iterable[tuple[str, str]], run: int = RUN, least: int = LEAST_RUNS) -> None:
        self._run = run
        self._items: list[str] = []
        self._sizes: list[int] = []
        places = defaultdict[tuple[str, ...], list[int]](list)
        for item, text in texts:
            found = {*runs(text, run)}
            if len(found) >= least:
                for one in found:
                    places[one].append(len(self._items))
                self._items.append(item)
                self._sizes.append(len(found))
        self._places = dict(places)
        self._units = frozenset(unit for one in self._places for unit in one)

    @property
    def runs(self) -> Collection[tuple[str, ...]]:
        """All runs: a text that holds none of them shares nothing."""
        return self._places.keys()

    def largest(self, text: str) -> tuple[str, float] | None:
        """The item of which the text has the largest share, and the share in [0, 1]; None where it shares no run."""
        counts: Counter[int] = Counter()
        for one in {*runs(text, self._run, self._units)}:
            counts.update(self._places.get(one, ()))
        if not counts:
            return None
        # Of equal shares, the first text decides.
        best = max(counts, key=lambda place: (counts[place] / self._sizes[place], -place))
        return self._items[best], counts[best] / self._sizes[best]
