"""Near duplicates: skip a pair whose text shares most of its runs of words with that of a kept one.

MinHash proposes pairs of texts by their runs of 5 words, as NearDup does (Lee et al. 2022, arXiv 2107.06499, section
4.2). Two things are ours. Proposed texts are compared by the Jaccard index of their runs, counted exactly; NearDup
measures their edit similarity. And rows are visited best first and compared with kept ones only, so that each dropped
row has a kept one beside it. A text without any run counts as one run.

The cost grows with the number of texts, not with its square. In return a near duplicate is missed with a probability of
at most MISSED.

Worked example: "crush the basil well" and "crush the basil now" have 2 runs of 2 words in common, of 4 in all: 0.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from assets.curation.rule import Candidates, Nearest, Rule
from assets.curation.runs import runs
from assets.recipe.parts import Part
from assets.recipe.values import Count
from warehouse.core.comparing import run_units

HASHES = 128
MISSED = 1e-4
"""The highest probability that a near duplicate exactly at the threshold is not proposed (ours)."""

Compared = Literal["instruction", "response", "pair"]


def near_duplicates(texts: Sequence[str], order: Sequence[int], threshold: float, words: int) -> list[Nearest]:
    """The decision about each of `texts`, visited in `order`; one result per text.

    A row is dropped if its Jaccard index with a kept one is `threshold` or more.
    """
    from rensa import RMinHash, RMinHashLSH

    found: list[Nearest] = [Nearest(None, -1.0, True)] * len(texts)
    signatures = RMinHash.digest_matrix_from_token_sets((_tokens(text, words) for text in texts), HASHES, 0)
    proposing = RMinHashLSH(threshold, HASHES, bands(threshold))
    alike = proposing.query_duplicate_flags_matrix_one_shot(signatures)
    kept: dict[int, set[str]] = {}
    for row in (row for row in order if alike[row]):
        tokens = set(_tokens(texts[row], words))
        signature = RMinHash(HASHES, 0)
        signature.update(sorted(tokens))
        indexes = {other: _jaccard(tokens, kept[other]) for other in sorted(proposing.query(signature))}
        nearest = max(indexes, key=indexes.__getitem__, default=None)
        if nearest is not None:
            found[row] = Nearest(nearest, indexes[nearest], indexes[nearest] < threshold)
        if found[row].kept:
            kept[row] = tokens
            proposing.insert(row, signature)
    return found


def bands(threshold: float) -> int:
    """The fewest bands of HASHES hashes that miss a pair at the threshold with a probability of at most MISSED.

    A band of r hashes is equal for two texts with the Jaccard index J with the probability J^r, so b bands miss them
    with (1 - J^r)^b (Leskovec, Rajaraman, Ullman: Mining of Massive Datasets, section 3.4.2).
    """
    powers = [2**power for power in range(HASHES.bit_length())]
    return next((b for b in powers if (1 - threshold ** (HASHES // b)) ** b <= MISSED), HASHES)


def _tokens(text: str, words: int) -> list[str]:
    if found := [" ".join(run) for run in runs(text, words)]:
        return found
    whole = " ".join(run_units(text))
    return [whole] if whole else []


def _jaccard(a: set[str], b: set[str]) -> float:
    return len(a & b) / len(a | b) if a or b else 0.0


def _compared(rows: Candidates, of: Compared) -> Sequence[str]:
    if of == "pair":
        return [f"{text}\n\n{response}" for text, response in zip(rows.texts, rows.responses, strict=True)]
    return rows.texts if of == "instruction" else rows.responses


class MinHash(Part):
    """`jaccard` is the lowest index of a near duplicate: shared runs of `run` words, divided by all runs of both.

    `of` says which texts are compared: instructions with their inputs, responses, or both together."""

    # With a lower one, more than MISSED would be missed.
    jaccard: Annotated[float, Field(ge=0.1, le=1)] = 0.8
    run: Count = 5
    of: Compared = "pair"


RULE = Rule(
    name="minhash",
    settings=MinHash,
    reason="near duplicate",
    measures="Jaccard index of its runs of words with those of the nearest kept text that MinHash proposes",
    decide=lambda rows, values: near_duplicates(
        _compared(rows, values["of"]), rows.order, values["jaccard"], values["run"]
    ),
    cut=lambda values: values["jaccard"],
    embeds=False,
)
