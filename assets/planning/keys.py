"""The recipe key that decides about a rejection, as fine as there is one.

Steps declare the part of the recipe that decides about their rows, such as `generation.self_instruct`. Here it becomes
the key in that part, such as `generation.self_instruct.blacklist`. Only keys that the types of the recipe have are
named, so a new method is named finely where it uses the same reasons and keys as others, and as a whole elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pydantic import BaseModel

from assets.curation.decontamination import SHARE
from assets.curation.diversity import RULES
from assets.enhancement.equal_responses import REASON as EQUAL_RESPONSES
from assets.enhancement.measuring import MeasureFilter, label
from assets.generation.candidates import NOT_CHOSEN
from assets.prompting.unwanted import UNWANTED
from assets.recipe.types import Recipe
from assets.steps import names
from assets.steps.step import Step

OF_METHODS = {
    "too short": "words",
    "too long": "words",
    "blacklisted word": "blacklist",
    "ROUGE-L": "rouge_l",
    "surplus": "most",
    "instruction cut off": "instruction.max_new_tokens",
    "task cut off": "task.max_new_tokens",
    "no whole sentence": "response.max_new_tokens",
    "judged equal": "judge",
    "score": "least_score",
    "no score": "rating",
    NOT_CHOSEN: "candidates",
}
"""Keys of methods by the start of the reason. A method without such a key is named as a whole."""


def with_finer_keys(recipe: Recipe, step: Step) -> Step:
    """The step with a key for each reason that has one of its own."""
    found = {start: key for start, key in _finer(recipe, step) if has_key(recipe, key)}
    return replace(step, remedies={**step.remedies, **found}) if found else step


def has_key(recipe: Recipe, key: str) -> bool:
    """Whether the types of the recipe have this key, where the parts above it are set. A name counts in a mapping."""
    at: object = recipe
    for name in key.split("."):
        if isinstance(at, BaseModel):
            if name not in type(at).model_fields:
                return False
            at = getattr(at, name)
        elif isinstance(at, dict):
            at = at.get(name)
        elif at is not None:
            return False
    return True


def _finer(recipe: Recipe, step: Step) -> Iterator[tuple[str, str]]:
    """Starts of reasons with keys, some of which the recipe may not have."""
    of_step, _, arm = step.asset.partition("/")
    whole = step.remedies.get("", "")
    if whole.startswith("generation."):
        yield from _of_method(recipe, whole)
    elif of_step == names.enhanced_instructions("").rstrip("/"):
        yield from _of_filters(recipe, arm)
    elif of_step == names.diverse_instructions("").rstrip("/") and (settings := recipe.curation.diversity):
        rule = RULES[settings.rule]
        yield rule.reason, f"curation.diversity.{next(iter(rule.keys))}"
    elif of_step == names.training_set("").rstrip("/") and (compared := recipe.curation.decontamination):
        yield f"{compared.ngram} words in a row", "curation.decontamination.ngram"
        yield SHARE, "curation.decontamination.share"
        yield "similar to a benchmark item", "curation.decontamination.similarity"
    elif step.asset == names.FRAGMENTS:
        yield "", "enhancement.fragments"
        yield "nothing extracted", "enhancement.fragments.extraction"


def _of_method(recipe: Recipe, whole: str) -> Iterator[tuple[str, str]]:
    settings = recipe.part(whole)
    for start, key in OF_METHODS.items():
        if start == "surplus" and getattr(settings, "answers", "plain") != "plain":
            continue  # the instances of an instruction may be surplus too
        if key == "least_score" and getattr(settings, "keep", None):
            key = "keep"
        yield start, f"{whole}.{key}"


def _of_filters(recipe: Recipe, arm: str) -> Iterator[tuple[str, str]]:
    heuristics = "enhancement.heuristics"
    yield EQUAL_RESPONSES, f"{heuristics}.equal_responses"
    own = recipe.enhancement.heuristics
    for name in {**UNWANTED, **((own and own.unwanted) or {})}:
        yield f"{name} in the ", f"{heuristics}.unwanted.{name}"
    one, used = recipe.arms[arm], recipe.arms[arm].filters
    filters: list[tuple[str, MeasureFilter | None]] = [
        ("perplexity", recipe.enhancement.perplexity if "perplexity" in used else None),
        ("alignment", recipe.alignment(arm)),
    ]
    for key, settings in filters:
        if settings is None:
            continue
        name, own_measure = label(settings), key == "alignment" and one.measure
        yield name, f"arms.{arm}.keep" if one.keep else f"enhancement.{key}.keep"
        yield f"{name} too high", f"enhancement.{key}.at_most"
        yield f"{name} too low", f"enhancement.{key}.at_least"
        yield f"no {name}", f"arms.{arm}.measure" if own_measure else f"enhancement.{key}.measure"
