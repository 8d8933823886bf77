"""The whole graph that a recipe describes, as steps in pipeline order."""

from __future__ import annotations

from assets.curation import diversity, embeddings, training_set
from assets.enhancement import extract_then_generate, filtering, fragments, perplexity
from assets.evaluation import leaderboard, longform
from assets.generation import backward_model, instruction_generation, self_instruct, self_training
from assets.recipe import BASE, Recipe
from assets.recipe_values import METHODS
from assets.sources import benchmark_items, documents, seed_tasks
from assets.step import Step
from assets.training import student


def steps(recipe: Recipe) -> list[Step]:
    """Every step of the recipe's graph, each after the steps that it reads."""
    return [
        *_sources(recipe),
        *_generation(recipe),
        *_measures(recipe),
        *(step for name in recipe.arms for step in _arm(recipe, name)),
        longform.predictions_step(recipe, BASE),
        longform.scores_step(recipe, BASE),
        leaderboard.step(recipe),
    ]


def _sources(recipe: Recipe) -> list[Step]:
    found = [benchmark_items.step(recipe), seed_tasks.step(recipe)]
    if recipe.documents:
        found.append(documents.step(recipe))
    return found


def _generation(recipe: Recipe) -> list[Step]:
    settings, found = recipe.generation, []
    if settings.self_training:
        found.append(self_training.step(recipe, settings.self_training))
    if settings.self_instruct:
        found.append(self_instruct.step(recipe, settings.self_instruct))
    if settings.backward_model:
        found.append(backward_model.step(recipe, settings.backward_model))
    if settings.instruction_generation:
        found.append(instruction_generation.step(recipe, settings.instruction_generation))
    if settings.extract_then_generate and recipe.enhancement.fragments:
        found.append(fragments.step(recipe, recipe.enhancement.fragments))
        found.append(extract_then_generate.step(recipe, settings.extract_then_generate))
    return found


def _measures(recipe: Recipe) -> list[Step]:
    """What is measured about a method's pairs, for the methods whose arms ask for it."""
    found = []
    for method in METHODS:
        filters = {rule for arm in recipe.arms.values() if method in arm.methods for rule in arm.filters}
        if "perplexity" in filters and recipe.enhancement.perplexity:
            found.append(perplexity.step(recipe, recipe.enhancement.perplexity, method))
        if "diversity" in filters and recipe.curation.diversity:
            found.append(embeddings.step(recipe, recipe.curation.diversity, method))
    return found


def _arm(recipe: Recipe, name: str) -> list[Step]:
    arm = recipe.arms[name]
    return [
        filtering.step(recipe, name, arm),
        diversity.step(recipe, name, arm),
        training_set.step(recipe, name),
        student.step(recipe, name),
        longform.predictions_step(recipe, name),
        longform.scores_step(recipe, name),
    ]
