"""The trainings of a recipe, and settings of a training that contradict each other."""

from __future__ import annotations

from collections.abc import Iterator

from assets.recipe.parts import TrainingPart, ValidatedTrainingPart
from assets.recipe.types import Recipe
from resources.models.calls import ADAPTER_ONLY


def trainings(recipe: Recipe) -> dict[str, tuple[str, TrainingPart]]:
    """The name of the model and the settings of each training, by the path of its key."""
    generation = recipe.generation
    found: dict[str, tuple[str, TrainingPart]] = {"training": (recipe.training.base, recipe.training)}
    if generation.backward_model:
        found["generation.backward_model"] = (generation.model, generation.backward_model)
    for method in recipe.methods:
        settings = generation.settings(method)
        for key in type(settings).model_fields:
            if isinstance(part := getattr(settings, key), TrainingPart):
                found[f"{generation.path(method)}.{key}"] = (generation.model, part)
    return found


def training_faults(recipe: Recipe) -> Iterator[tuple[str, object, str]]:
    """Each contradiction as (path of the key, value found, what is accepted)."""
    for at, (_, settings) in trainings(recipe).items():
        if settings.micro_batch and settings.batch_size % settings.micro_batch:
            accepted = f"a batch is read in equal parts: it must divide batch_size ({settings.batch_size})"
            yield f"{at}.micro_batch", settings.micro_batch, accepted
        for key in ("rank", "alpha") if settings.method == "lora" else ():
            if getattr(settings, key) is None:
                yield f"{at}.{key}", None, "an adapter needs it (method: lora)"
        for key in sorted(ADAPTER_ONLY & settings.model_fields_set) if settings.method == "full" else ():
            if (found := getattr(settings, key)) is not None:
                accepted = "only an adapter has it (method: lora); without one (method: full) remove it"
                yield f"{at}.{key}", list(found) if isinstance(found, tuple) else found, accepted
        validation = settings.validation if isinstance(settings, ValidatedTrainingPart) else None
        if validation and validation >= 1 and not validation.is_integer():
            yield f"{at}.validation", validation, "it must be a share of the rows below 1, or a whole number of rows"
