"""The languages of pairs: of every pair the language of its two texts, the shares of a training set, and the pairs in
other languages than those that a recipe wants.

py3langid (https://github.com/adbar/py3langid, BSD-3-Clause) names the most likely of 139 languages by its ISO 639 code;
its model is part of the package. Ours: a text is "unknown" where no language reaches LEAST_PROBABILITY, as in most
texts of one or two words, and in numbers and code; a pair has the language of both of its texts, or that of the other
where one is unknown, or both where they differ ("en → de"); and only the MOST most frequent are named, the rest is
"other".

Worked example: ("How do I make Pesto?", "Crush the basil. Add oil.") is "en", of which the response alone is sure.
("Explain in a few sentences how Pesto is made.", "Pesto ist eine Soße aus Genua.") is "en → de", and ("Lima", "42") is
"unknown".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

import polars as pl

from assets.prompting.prompts import with_input

LEAST_PROBABILITY = 0.7
MOST = 5
UNKNOWN, OTHER = "unknown", "other"
NO_LANGUAGE = "zxx"
PREFIX = "language: "
"""How the name of a measure begins whose value is the share of a language."""


def language_of(text: str) -> str:
    """The ISO 639 code of the language, or "unknown"."""
    language, probability = _identifier().classify(text)
    return UNKNOWN if probability < LEAST_PROBABILITY or language == NO_LANGUAGE else str(language)


def language_of_pair(instruction: str, response: str) -> str:
    """The language of both texts, as the module says."""
    return _joined(_known_languages(instruction, response))


def _known_languages(instruction: str, response: str) -> list[str]:
    return list(dict.fromkeys(one for text in (instruction, response) if (one := language_of(text)) != UNKNOWN))


def _joined(found: Sequence[str]) -> str:
    return " → ".join(found) or UNKNOWN


def languages(pairs: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The share of each language among the pairs (columns instruction, input, response), the most frequent first."""
    counted = Counter(
        language_of_pair(with_input(pair["instruction"], pair["input"]), pair["response"]) for pair in pairs
    )
    ordered = sorted(counted.items(), key=lambda one: (-one[1], one[0]))
    shares = {language: count / len(pairs) for language, count in ordered[:MOST]}
    rest = sum(count for _, count in ordered[MOST:])
    return shares | ({OTHER: rest / len(pairs)} if rest else {})


def foreign(pairs: pl.DataFrame, wanted: Collection[str]) -> dict[str, str]:
    """The reason to reject a pair (columns id, instruction, input, response), by its id: its language, where one of its
    two texts is known to be in none of the `wanted` languages. Nothing is wanted where none is named."""
    reasons: dict[str, str] = {}
    for pair in pairs.iter_rows(named=True) if wanted else ():
        found = _known_languages(with_input(pair["instruction"], pair["input"]), pair["response"])
        if not set(found) <= set(wanted):
            reasons[pair["id"]] = f"{PREFIX}{_joined(found)}"
    return reasons


def languages_shown(values: Mapping[str, float]) -> str:
    """The measured languages among `values` (in percent, by the name of the measure) as text, "" where none was."""
    shares = {name.removeprefix(PREFIX): value for name, value in values.items() if name.startswith(PREFIX)}
    return ", ".join(f"{language} {_percent(value)}" for language, value in shares.items())


def _percent(value: float) -> str:
    return "< 1 %" if value < 1 else f"{value:.0f} %"


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # its model takes a second to load

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
