"""Contradictions between the filters of a recipe and the arms that use them."""

from __future__ import annotations

from collections.abc import Iterator

from assets.enhancement.measuring import MeasureFilter, limits
from assets.prompting.alignment import IFD, SIMILARITY
from assets.recipe.types import Recipe

Fault = tuple[str, object, str]
"""(the key's path, the value found there, what is accepted)."""


def filter_faults(recipe: Recipe) -> Iterator[Fault]:
    """Every contradiction, about fragments, measures and the filters of arms."""
    yield from _fragments(recipe)
    for key in ("perplexity", "alignment"):
        settings: MeasureFilter | None = getattr(recipe.enhancement, key)
        if settings is not None:
            yield from _measures(f"enhancement.{key}", settings)
    yield from _embedder(recipe)
    yield from _arms(recipe)


def _fragments(recipe: Recipe) -> Iterator[Fault]:
    fragments, backward = recipe.enhancement.fragments, recipe.generation.backward_model
    if backward and backward.fragments and not fragments:
        yield "enhancement.fragments", None, "generation.backward_model.fragments needs its settings"
    if fragments and "model" in fragments.levels and not fragments.extraction:
        yield "enhancement.fragments.extraction", None, "the level model needs it; set its max_new_tokens"
    if fragments and fragments.per_document > len(fragments.levels):
        accepted = f"it must be at most {len(fragments.levels)}, the number of enhancement.fragments.levels"
        yield "enhancement.fragments.per_document", fragments.per_document, accepted


def _measures(path: str, settings: MeasureFilter) -> Iterator[Fault]:
    least, most = limits(settings)
    if not settings.keep and (least, most) == (None, None):
        yield path, None, "it needs keep, at_most or at_least: without one it drops nothing"
    if least is not None and most is not None and least >= most:
        default = f", the default of {IFD}" if settings.at_most is None else ""
        yield f"{path}.at_least", least, f"it must be below at_most, {most:g}{default}"


def _embedder(recipe: Recipe) -> Iterator[Fault]:
    used = [settings for name in recipe.arms if (settings := recipe.alignment(name))]
    if any(settings.measure == SIMILARITY and not settings.embedder for settings in used):
        accepted = f"the measure {SIMILARITY} needs it, or curation.diversity.embedder; name a model"
        yield "enhancement.alignment.embedder", None, accepted
    embedder = recipe.enhancement.alignment.embedder if recipe.enhancement.alignment else None
    if embedder and not any(settings.measure == SIMILARITY for settings in used):
        yield "enhancement.alignment.embedder", embedder, f"only the measure {SIMILARITY} uses it, and no arm has it"


def _arms(recipe: Recipe) -> Iterator[Fault]:
    settings = {
        "heuristics": ("enhancement.heuristics", recipe.enhancement.heuristics),
        "perplexity": ("enhancement.perplexity", recipe.enhancement.perplexity),
        "alignment": ("enhancement.alignment", recipe.enhancement.alignment),
        "diversity": ("curation.diversity", recipe.curation.diversity),
    }
    for name, arm in recipe.arms.items():
        measured = [one for one in ("perplexity", "alignment") if one in arm.filters]
        if arm.keep and not measured:
            yield f"arms.{name}.keep", arm.keep, f"it needs perplexity or alignment among arms.{name}.filters"
        if arm.keep and len(measured) > 1:
            accepted = f"both perplexity and alignment are among arms.{name}.filters; remove one of them"
            yield f"arms.{name}.keep", arm.keep, accepted
        if arm.shares and (arm.shares.keys() != set(arm.methods) or abs(sum(arm.shares.values()) - 1) > 1e-9):
            accepted = f"it must give each of {', '.join(arm.methods)} a share, and they must add up to 1"
            yield f"arms.{name}.shares", arm.shares, accepted
        if arm.measure and "alignment" not in arm.filters:
            yield f"arms.{name}.measure", arm.measure, f"it needs alignment among arms.{name}.filters"
        for index, rule in enumerate(arm.filters):
            path, setting = settings[rule]
            if setting is None:
                yield f"arms.{name}.filters.{index}", rule, f"{path} is needed to apply it"
