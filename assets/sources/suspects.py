"""Tell at once which of many texts may hold one of the known runs of units: only those need to be compared in full.

A text may be named that holds no run, but no text is left out that holds one. Every run starts with some words of
letters a to z and digits, and a text that holds the run holds these words in a row too. Words are compared by hashes, a
column of texts at a time (ours). A run that has no such word, as in Chinese, makes all texts that are not plain ASCII
suspect; a run of signs alone makes all texts suspect.

Worked example: with the run (crush, the, basil), "Crush the basil!" is suspect, and "The basil, crushed" is not.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl
from numpy.typing import NDArray

from warehouse.core.words import folded

_WORD = r"[a-z0-9]+"
_LONGEST = 5
"""How many words of a run are looked up at most."""

_BLOCK = 20_000
_FACTOR = np.uint64(0x9E3779B97F4A7C15)

Hashes = NDArray[np.uint64]


class Suspects:
    """Known runs of units, as `units` and `run_units` give them (see warehouse/core/comparing.py)."""

    def __init__(self, runs: Iterable[Sequence[str]]) -> None:
        starts: dict[int, set[tuple[str, ...]]] = {}
        self._signs = self._foreign = False
        for run in runs:
            text = " ".join(run)
            if words := tuple(re.findall(_WORD, text)[:_LONGEST]):
                starts.setdefault(len(words), set()).add(words)
            elif text.isascii():
                self._signs = True
            else:
                self._foreign = True
        self._starts = {size: _start_hashes(sorted(known), size) for size, known in sorted(starts.items())}

    def among(self, texts: pl.DataFrame) -> pl.Series:
        """For each row whether one of its texts is suspect; every column of `texts` has text."""
        if self._signs:
            return pl.repeat(True, len(texts), eager=True)
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            found = [*threads.map(self._suspect, texts.iter_slices(_BLOCK))]
        return pl.Series(np.concatenate([np.zeros(0, dtype=bool), *found]))

    def _suspect(self, texts: pl.DataFrame) -> NDArray[np.bool_]:
        found = np.zeros(len(texts), dtype=bool)
        for column in texts.iter_columns():
            found |= self._suspect_in(column)
        return found

    def _suspect_in(self, texts: pl.Series) -> NDArray[np.bool_]:
        foreign = (texts.str.len_bytes() != texts.str.len_chars()).to_numpy()
        found = foreign & self._foreign
        if foreign.any():
            texts = pl.Series([folded(text) if it else text for text, it in zip(texts, foreign, strict=True)])
        words = texts.str.to_lowercase().str.extract_all(_WORD)
        row_of_word = np.repeat(np.arange(len(texts)), words.list.len().to_numpy())
        for size, hashes in _hashes(words.explode().drop_nulls(), max(self._starts, default=0)):
            if size in self._starts:
                # A run of words that goes on into the next text is one too many, and does no harm.
                found[row_of_word[: len(hashes)][pl.Series(hashes).is_in(self._starts[size]).to_numpy()]] = True
        return found


def _start_hashes(starts: Sequence[tuple[str, ...]], size: int) -> pl.Series:
    """The hash of each of the `starts` of `size` words."""
    *_, (_, hashes) = _hashes(pl.Series([word for words in starts for word in words]), size)
    return pl.Series(hashes[::size])


def _hashes(words: pl.Series, most: int) -> Iterator[tuple[int, Hashes]]:
    """(size, the hashes of all runs of so many words), from one word to `most`."""
    single = words.hash().to_numpy()
    found = single
    for size in range(1, most + 1):
        yield size, found
        found = found[:-1] * _FACTOR + single[size:]
