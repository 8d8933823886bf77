"""Runs of consecutive words, by which texts are compared.

In scripts without spaces between words a run is one of characters (ours): 2 Chinese or Japanese characters count as a
word, or 3 Thai, Lao, Khmer or Burmese ones. So 26 Chinese characters are 13 words.

Worked example: the runs of 3 words of "Crush the basil, well!" are (crush, the, basil) and (the, basil, well).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator
from itertools import accumulate

from warehouse.core.comparing import run_units
from warehouse.core.words import is_spaceless


def runs(text: str, words: int | None, known: Collection[str] | None = None) -> Iterator[tuple[str, ...]]:
    """Every run of `words` words of a text, in lower case and without punctuation; none if `words` is None.

    If the `known` units are given, runs with any other unit may be left out.
    """
    if words is None:
        return
    found = run_units(text)
    if not is_spaceless(text):
        start = 0
        for place, unit in enumerate(found):
            # A run with a word that no item has is told by this word, without looking it up as a whole.
            if known is not None and unit not in known:
                start = place + 1
            elif place + 1 - start >= words:
                yield tuple(found[place + 1 - words : place + 1])
        return
    # Up to each unit, how much the text holds, in sixths of a word.
    until = [0, *accumulate(map(_sixths, found))]
    end = 0
    for start in range(len(found)):
        while end < len(found) and until[end] - until[start] < 6 * words:
            end += 1
        if until[end] - until[start] >= 6 * words:
            yield tuple(found[start:end])


def _sixths(unit: str) -> int:
    if not is_spaceless(unit):
        return 6
    return 3 if unicodedata.east_asian_width(unit[0]) == "W" else 2
