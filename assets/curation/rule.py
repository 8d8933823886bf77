"""A diversity rule: one way to drop pairs whose instructions are alike. Each file of the folder rules declares one.

The file has the function that decides, and `RULE`, which says what the rule needs and what its decisions mean. The
recipe then chooses it by name with `curation.diversity.rule`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import update_wrapper
from inspect import signature
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assets.curation.embeddings import vectors_of
from assets.curation.near import NOTHING_NEAR, Near, near_among
from assets.prompting.prompts import with_input
from assets.recipe.parts import Part
from assets.recipe.types import Diversity
from assets.steps.step import Build
from resources.tools.tools import Tools
from warehouse.results.result import Result
from warehouse.results.selection import Selection
from warehouse.schema.records import Pair

Values = Mapping[str, Any]
"""The rule's keys of curation.diversity, with defaults where the recipe gives none."""


@dataclass(frozen=True)
class Nearest:
    """For one row: the most similar kept row (None if there is none), the similarity, and whether the row is kept."""

    index: int | None
    similarity: float
    kept: bool


@dataclass(frozen=True)
class Candidates:
    """The rows that a rule decides about, and the recipe's seed.

    `texts` are the instructions with their inputs, `responses` what answers them, `vectors` (rows, dimensions) the unit
    embeddings of the instructions; a rule that does not embed gets 0 dimensions. `order` has the rows' indexes, best
    quality first. `near` are the rows that are alike, for a rule that reads them.
    """

    texts: Sequence[str]
    responses: Sequence[str]
    vectors: NDArray[np.float32]
    order: Sequence[int]
    seed: int
    near: Near


@dataclass(frozen=True)
class Rule:
    """One diversity rule.

    `settings` declares the keys of curation.diversity that it reads; one without a default has to be in the recipe.
    `takes_at_most` names the key that limits how many rows it keeps, if there is one. `decide` gives one Nearest per
    row. A dropped row gets `reason`, and every row the threshold `cut` (None where the rule has none). `measures` says
    in words what the score of a row is.

    `embeds`: it needs embeddings. `compared`: of these, it needs only which are alike (see neighbours.py), and no
    vectors. `duplicates`: a dropped row is a duplicate of its nearest kept row. `seeded`: its
    decisions depend on the recipe's seed.
    """

    name: str
    settings: type[Part]
    reason: str
    measures: str
    decide: Callable[[Candidates, Values], list[Nearest]]
    cut: Callable[[Values], float] | None = None
    takes_at_most: str | None = None
    embeds: bool = True
    compared: bool = False
    duplicates: bool = True
    seeded: bool = False

    @property
    def keys(self) -> dict[str, Any]:
        """The keys that it reads, with their defaults; None for one that has none."""
        return {key: None if one.is_required() else one.default for key, one in self.settings.model_fields.items()}

    @property
    def required(self) -> tuple[str, ...]:
        """The keys that the recipe must give."""
        return tuple(key for key, one in self.settings.model_fields.items() if one.is_required())

    def values(self, settings: Diversity) -> dict[str, Any]:
        """The rule's keys as `settings` has them, or their defaults."""
        given = {key: getattr(settings, key) for key in self.keys}
        return {key: default if given[key] is None else given[key] for key, default in self.keys.items()}

    def builder(self, settings: Diversity, highest_first: bool, seed: int, measure: str | None = None) -> Build:
        """The build of a step whose inputs are `pairs`, and where it uses them `embeddings_*` or `neighbours`, and
        either `perplexities_*` or `alignments_*`, with the values of `measure`."""

        def build(tools: Tools, pairs: pl.DataFrame, **frames: pl.DataFrame) -> Result:
            embedded = _together(frames, "embeddings_", "neighbours")
            quality = _together(frames, "perplexities_", "alignments_")
            if quality is not None:
                quality = quality.filter(pl.col("measure") == measure)
            return self.diversify(pairs, embedded, quality, settings, highest_first, seed)

        parameters = signature(build)
        # Unwrapped it is the rule's own function, so that the code digest starts at the rule's file.
        update_wrapper(build, self.decide)
        build.__signature__ = parameters  # type: ignore[attr-defined]
        return build

    def diversify(
        self,
        pairs: pl.DataFrame,
        embedded: pl.DataFrame | None,
        quality: pl.DataFrame | None,
        settings: Diversity,
        highest_first: bool = False,
        seed: int = 0,
    ) -> Result:
        """One decision per pair; pairs with a low value of `quality` (columns pair, value) come first, or with a high.

        `embedded` has the embeddings of the instructions (columns embedded, vector), for a rule that compares them
        itself their neighbours (embedded, near, cosines); None for a rule that does not embed. Raises ValueError where
        vectors differ in length.
        """
        selection, ids = Selection(Pair, pairs), pairs["id"].to_list()
        place_of = {} if embedded is None else {row: place for place, row in enumerate(embedded["embedded"])}
        places = []
        for place, row in enumerate(ids):
            if embedded is None or row in place_of:
                places.append(place)
            else:
                selection.fail(place, "its instruction could not be embedded")
        if not places:
            return selection.result()
        known = [ids[place] for place in places]
        vectors, near = np.empty((len(known), 0), dtype=np.float32), NOTHING_NEAR
        if embedded is not None and self.compared:
            near = near_among(embedded, known)
        elif embedded is not None:
            vectors = vectors_of(embedded["vector"].gather([place_of[row] for row in known]))
        rows, values = pairs[places], self.values(settings)
        texts = [with_input(*row) for row in rows.select("instruction", "input").iter_rows()]
        order = _best_first(known, quality, highest_first)
        candidates = Candidates(texts, rows["response"].to_list(), vectors, order, seed, near)
        cut = self.cut(values) if self.cut else None
        for place, nearest in zip(places, self.decide(candidates, values), strict=True):
            similarity = None if nearest.index is None else nearest.similarity
            if nearest.kept or nearest.index is None:
                # The first row has nothing to be similar to.
                selection.keep(place, score=similarity, cut=cut)
            elif self.duplicates:
                selection.duplicate(place, known[nearest.index], self.reason, score=similarity, cut=cut)
            else:
                selection.reject(place, self.reason, score=similarity, cut=cut, of=known[nearest.index])
        return selection.result()


def _together(frames: Mapping[str, pl.DataFrame], *prefixes: str) -> pl.DataFrame | None:
    """The frames of all methods whose parameter starts with one of `prefixes`; None where there are none."""
    found = [frame for name, frame in frames.items() if name.startswith(prefixes)]
    return pl.concat(found) if found else None


def _best_first(rows: Sequence[str], quality: pl.DataFrame | None, highest_first: bool) -> list[int]:
    """Indexes of the `rows`, which are ids; rows without a value come last, and equal ones stay in their order."""
    order = list(range(len(rows)))
    if quality is not None:
        sign = -1 if highest_first else 1
        known = quality.drop_nulls("value")
        value = dict(zip(known["pair"], known["value"], strict=True))
        order.sort(key=lambda index: (sign * value.get(rows[index], sign * float("inf")), index))
    return order
