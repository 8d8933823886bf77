"""The asset graph of a recipe, as steps in pipeline order."""

from __future__ import annotations

from graphlib import TopologicalSorter

from assets.curation import diversity, embeddings, quality, training_set
from assets.enhancement import filtering, fragments, measuring
from assets.evaluation import leaderboard
from assets.evaluation.benchmark import benchmarks
from assets.generation.method import method_in, methods
from assets.planning.drawing import with_drawing
from assets.planning.keys import with_finer_keys
from assets.recipe.types import Arm, Recipe
from assets.recipe.values import BASE
from assets.sources import benchmark_items, documents, seed_tasks
from assets.steps.names import FRAGMENTS
from assets.steps.step import Step
from assets.training import backward_model, student


def steps(recipe: Recipe) -> list[Step]:
    """Every step of the recipe; each comes after the steps that it reads."""
    found = [
        *_sources(recipe),
        *_generation(recipe),
        *_measures(recipe),
        *(step for name in recipe.arms for step in _arm(recipe, name)),
        *_scores(recipe, BASE),
        leaderboard.step(recipe),
    ]
    return [with_finer_keys(recipe, step) for step in _in_order(*with_drawing(recipe, found))]


def _in_order(*found: Step) -> list[Step]:
    """The steps in the given order, except that each comes after those that it reads: an arm may read another's."""
    waiting, placed = list(found), list[Step]()
    while waiting:
        known = {step.asset for step in placed}
        ready = next((step for step in waiting if known.issuperset(step.inputs.values())), waiting[0])
        waiting.remove(ready)
        placed.append(ready)
    return placed


def _sources(recipe: Recipe) -> list[Step]:
    found = [benchmark_items.step(recipe), seed_tasks.step(recipe)]
    if recipe.documents:
        found.append(documents.step(recipe))
    return found


def _generation(recipe: Recipe) -> list[Step]:
    found = []
    if recipe.generation.backward_model:
        found.append(backward_model.step(recipe, recipe.generation.backward_model))
    used = [method_in(recipe, name) for name in recipe.methods]
    if recipe.enhancement.fragments and any(FRAGMENTS in method.inputs for method in used):
        found.append(fragments.step(recipe, recipe.enhancement.fragments))
    making = {step.asset: step for step in (method.step(recipe) for method in used)}
    order = TopologicalSorter(
        {asset: [name for name in step.inputs if name in making] for asset, step in making.items()}
    )
    return [*found, *(making[asset] for asset in order.static_order())]


def _measures(recipe: Recipe) -> list[Step]:
    """Measurements of a method's pairs, for the methods whose arms need them."""
    found = []
    settings = recipe.curation.diversity
    embedder = settings.embedder if settings else None
    by_similarity = recipe.curation.decontamination and recipe.curation.decontamination.similarity
    for method in recipe.methods:
        used = [arm for arm in recipe.arms.values() if method in arm.methods]
        filters = {rule for arm in used for rule in arm.filters}
        if "perplexity" in filters and recipe.enhancement.perplexity:
            found.append(measuring.perplexity_step(recipe, recipe.enhancement.perplexity, method))
        if aligned := measuring.alignment_step(recipe, method):
            found.append(aligned)
        by_diversity = "diversity" in filters and settings is not None and diversity.RULES[settings.rule].embeds
        if embedder and (by_diversity or (by_similarity and used)):
            found.append(embeddings.step(recipe, embedder, method))
    if embedder and by_similarity:
        found.append(embeddings.benchmarks_step(recipe, embedder))
    return found


def _sharing(recipe: Recipe, arm: Arm) -> list[str]:
    """The methods of an arm whose pairs may share responses, by the names that the pairs have."""
    own = [recipe.generation.method(name) for name in arm.methods]
    return [name for name in dict.fromkeys(own) if methods()[name].shares_responses]


def _arm(recipe: Recipe, name: str) -> list[Step]:
    arm = recipe.arms[name]
    return [
        filtering.step(recipe, name, arm, _sharing(recipe, arm)),
        *diversity.comparing(recipe, name, arm),
        diversity.step(recipe, name, arm),
        training_set.step(recipe, name),
        quality.step(recipe, name),
        student.step(recipe, name),
        *_scores(recipe, name),
    ]


def _scores(recipe: Recipe, arm: str) -> list[Step]:
    return [
        step
        for name in recipe.benchmarks
        for step in benchmarks()[name].steps(recipe.evaluation.settings(name), recipe, arm)
    ]
