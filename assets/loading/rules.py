"""Checks that the recipe's types alone cannot make: names that exist, roles that do not overlap, only open materials.

One of them: nothing may need the weights of a model at an endpoint, because an endpoint only answers prompts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations

from rich.pretty import pretty_repr

from assets.curation.diversity import RULES
from assets.evaluation.benchmark import benchmarks
from assets.generation.method import method_in
from assets.loading.choices import choice_faults
from assets.loading.drawing import drawing_faults
from assets.loading.filters import filter_faults
from assets.loading.methods import method_faults
from assets.loading.sizes import contradictions
from assets.loading.trainings import training_faults
from assets.openness.licences import restrictions
from assets.openness.rules import idle_exceptions, violations
from assets.prompting.alignment import reads_model
from assets.recipe.declarations import declarations, key_path
from assets.recipe.selections import Selection
from assets.recipe.types import Diversity, Recipe
from assets.recipe.values import BASE, UNPINNED
from assets.sources.partition import slices_overlap
from resources.fetching.addresses import Address
from warehouse.core.texts import nearest, shortened

NAMES = "it must name"
"""How the problem with a name that refers to nothing begins."""
NO_WEIGHTS = "it is at an endpoint, which gives no access to its weights"
FETCHED = "use an address that starts with pypi:, path: or hf:"


@dataclass(frozen=True)
class Problem:
    """One problem in a recipe: the key's path, the value found there, and what is accepted."""

    path: str
    found: object
    accepted: str

    def __str__(self) -> str:
        found = "nothing" if self.found is None else _shown(self.found)
        return f"{shortened(self.path, 200)}: found {found}; {self.accepted}"


def _shown(value: object) -> str:
    """A value for a message, cut: a recipe may hold texts and lists of any length."""
    if isinstance(value, int) and value.bit_length() > 1_000:
        # Python writes no whole number of more than some 4,300 digits.
        return "a number of hundreds of digits"
    return shortened(pretty_repr(value, max_width=10_000, max_length=10, max_string=150, max_depth=4), 300)


def problems(recipe: Recipe) -> Iterator[Problem]:
    """Every contradiction within a recipe whose types are valid."""
    yield from _names(recipe)
    yield from _same_models(recipe)
    yield from _endpoints(recipe)
    yield from _overlaps(recipe)
    yield from (Problem(*fault) for fault in method_faults(recipe))
    yield from _benchmarks(recipe)
    yield from _curation(recipe)
    yield from (Problem(*fault) for fault in filter_faults(recipe))
    yield from _arms(recipe)
    yield from (Problem(*fault) for fault in contradictions(recipe))
    yield from (Problem(*fault) for fault in choice_faults(recipe))
    yield from (Problem(*fault) for fault in training_faults(recipe))
    yield from (Problem(*fault) for fault in drawing_faults(recipe))
    yield from _shared_names(recipe)
    yield from _policy(recipe)
    yield from _openness(recipe)


def _names(recipe: Recipe) -> Iterator[Problem]:
    for path, selections in _selections(recipe):
        for index, selection in enumerate(selections):
            yield from _known(f"{path}.{index}.source", selection.source, recipe.sources, "a source")
    yield from _known("generation.model", recipe.generation.model, recipe.models, "a model")
    yield from _known("training.base", recipe.training.base, recipe.models, "a model")
    yield from _known("evaluation.baseline", recipe.evaluation.baseline, [BASE, *recipe.arms], f"an arm or {BASE!r}")
    if recipe.curation.diversity and (embedder := recipe.curation.diversity.embedder):
        yield from _known("curation.diversity.embedder", embedder, recipe.models, "a model")
    if recipe.enhancement.alignment and (embedder := recipe.enhancement.alignment.embedder):
        yield from _known("enhancement.alignment.embedder", embedder, recipe.models, "a model")


def _endpoints(recipe: Recipe) -> Iterator[Problem]:
    for name, source in recipe.sources.items():
        if Address.parse(source.address).is_endpoint:
            yield Problem(f"sources.{name}.address", source.address, f"an endpoint has no texts; {FETCHED}")
    served = {name for name, model in recipe.models.items() if Address.parse(model.address).is_endpoint}
    for name in sorted(recipe.endpoint.fleet.keys() - served):
        yield Problem("endpoint.fleet", name, f"it must name a model behind a server; {nearest(name, served)}")
    for name in sorted(served):
        sha256 = recipe.models[name].sha256
        if sha256 == UNPINNED or len(set(sha256)) == 1:
            accepted = "this is a placeholder; it must be the sha256 of the weights that the endpoint serves"
            yield Problem(f"models.{name}.sha256", sha256, accepted)
    generation = recipe.generation
    measured = any("perplexity" in arm.filters for arm in recipe.arms.values())
    aligned = [settings for name in recipe.arms if (settings := recipe.alignment(name))]
    uses = {
        "generation.backward_model": generation.backward_model,
        **{
            recipe.generation.path(name): True
            for name in recipe.methods
            if method_in(recipe, name).needs_weights(recipe.generation.settings(name))
        },
        "enhancement.perplexity": recipe.enhancement.perplexity if measured else None,
        "enhancement.alignment": any(reads_model(settings.measure) for settings in aligned),
    }
    needed_by = ", ".join(path for path, used in uses.items() if used)
    if generation.model in served and needed_by:
        yield Problem("generation.model", generation.model, _no_weights(needed_by))
    if recipe.training.base in served:
        yield Problem("training.base", recipe.training.base, _no_weights("the students"))


def _no_weights(needed_by: str) -> str:
    return f"{NO_WEIGHTS}; {needed_by} would need them; {FETCHED}"


def _same_models(recipe: Recipe) -> Iterator[Problem]:
    """A model is identified by its bytes, so the same bytes under two names would have two descriptions."""
    for (first, one), (second, other) in combinations(recipe.models.items(), 2):
        address, other_address = Address.parse(one.address), Address.parse(other.address)
        equal = address == other_address if one.sha256 == UNPINNED else address.path == other_address.path
        if one.sha256 == other.sha256 and equal:
            accepted = f"it is the same model as models.{first}; declare it once and use that name"
            yield Problem(f"models.{second}", second, accepted)


def _overlaps(recipe: Recipe) -> Iterator[Problem]:
    slices = [
        (f"{path}.{index}.slice", selection)
        for path, selections in _selections(recipe)
        for index, selection in enumerate(selections)
    ]
    for (first, one), (second, other) in combinations(slices, 2):
        if one.source == other.source and slices_overlap(one.slice, other.slice):
            yield Problem(
                second,
                list(other.slice),
                f"it overlaps {first} {list(one.slice)} of the same source {other.source!r}: "
                "roles that share a source need disjoint slices, such as [0, 20] and [20, 100]",
            )


def _curation(recipe: Recipe) -> Iterator[Problem]:
    curation = recipe.curation
    budgets = {"rows": curation.rows, "response_tokens": curation.response_tokens}
    if None not in budgets.values() or not any(budgets.values()):
        found = budgets if curation.rows else None
        yield Problem("curation", found, "set either rows or response_tokens, the size of every training set")
    for name, arm in recipe.arms.items():
        if arm.rows and arm.response_tokens:
            found = {"rows": arm.rows, "response_tokens": arm.response_tokens}
            yield Problem(f"arms.{name}", found, "set only one of them")
    if curation.diversity:
        yield from _diversity(curation.diversity)
    decontamination = curation.decontamination
    if decontamination and not (decontamination.ngram or decontamination.share or decontamination.similarity):
        yield Problem("curation.decontamination", None, "it needs ngram, share or similarity")
    if decontamination and decontamination.similarity and not (curation.diversity and curation.diversity.embedder):
        yield Problem(
            "curation.decontamination.similarity",
            decontamination.similarity,
            "it needs the embedder of curation.diversity",
        )


def _diversity(diversity: Diversity) -> Iterator[Problem]:
    rule = RULES[diversity.rule]
    if rule.embeds and not diversity.embedder:
        yield Problem("curation.diversity.embedder", None, f"the rule {diversity.rule} needs it; name a model")
    for key in rule.required:
        if getattr(diversity, key) is None:
            what = ": the number of rows that it keeps" if key == rule.takes_at_most else ""
            yield Problem(f"curation.diversity.{key}", None, f"the rule {diversity.rule} needs it{what}")
    if rule.compared and (values := rule.values(diversity))["similarity"] < values["floor"]:
        accepted = f"it must not be below the floor {values['floor']}, above which pairs are measured; lower the floor"
        yield Problem("curation.diversity.similarity", values["similarity"], accepted)
    for other in sorted({key for one in RULES.values() for key in one.keys} - rule.keys.keys()):
        if (found := getattr(diversity, other)) is not None:
            known = ", ".join(rule.keys)
            yield Problem(f"curation.diversity.{other}", found, f"the rule {diversity.rule} uses only {known}")


def _benchmarks(recipe: Recipe) -> Iterator[Problem]:
    if not recipe.benchmarks:
        yield Problem("evaluation", None, f"it needs at least one benchmark of {', '.join(benchmarks())}")
    own = [name for name in recipe.benchmarks if benchmarks()[name].fields is not None]
    for index, selection in enumerate(recipe.benchmark_items):
        path = f"benchmark_items.{index}"
        if selection.benchmark not in own:
            accepted = f"it must name a benchmark of evaluation that has items; {nearest(selection.benchmark, own)}"
            yield Problem(f"{path}.benchmark", selection.benchmark, accepted)
            continue
        for field in benchmarks()[selection.benchmark].fields or ():
            if field not in selection.fields:
                yield Problem(
                    f"{path}.fields.{field}", None, f"evaluation.{selection.benchmark} needs a template for it"
                )
    for name in recipe.benchmarks:
        settings = recipe.evaluation.settings(name)
        if name in own and name not in {selection.benchmark for selection in recipe.benchmark_items}:
            yield Problem("benchmark_items", None, f"evaluation.{name} needs a selection with the benchmark {name!r}")
        for key, model in benchmarks()[name].models(settings):
            yield from _known(f"evaluation.{name}.{key}", model, recipe.models, "a model")
        for key, found, accepted in benchmarks()[name].faults(settings, recipe):
            yield Problem(f"evaluation.{name}.{key}".rstrip("."), found, accepted)


def _arms(recipe: Recipe) -> Iterator[Problem]:
    if BASE in recipe.arms:
        yield Problem(f"arms.{BASE}", BASE, "this name is reserved for the untouched base; use another name")


def _shared_names(recipe: Recipe) -> Iterator[Problem]:
    taken = {name: f"models.{name}" for name in recipe.models}
    for key, parts in (("sources", recipe.sources), ("ancestors", recipe.ancestors)):
        for name in parts:
            path = f"{key}.{name}"
            if taken.setdefault(name, path) != path:
                accepted = f"{taken[name]} has the same name, and origins refer to names; use another name"
                yield Problem(path, name, accepted)


def _policy(recipe: Recipe) -> Iterator[Problem]:
    for index, licence in enumerate(recipe.policy.licences):
        for restriction in restrictions(licence, recipe.policy.commercial):
            accepted = f"{restriction}; policy.commercial would have to be false"
            yield Problem(f"policy.licences.{index}", licence, accepted)
    for name in recipe.policy.exceptions:
        if name in recipe.models or name in recipe.sources:
            yield Problem(
                f"policy.exceptions.{name}", name, "only ancestors can be exceptions, not what is used itself"
            )
        else:
            yield from _known(f"policy.exceptions.{name}", name, recipe.ancestors, "an ancestor")


def _openness(recipe: Recipe) -> Iterator[Problem]:
    used, declared, terms = declarations(recipe)
    for violation in violations(used, declared, terms):
        yield Problem(key_path(violation, declared), violation.found, violation.reason)
    for name in idle_exceptions(used, declared, terms):
        if name in recipe.ancestors:
            yield Problem(
                f"policy.exceptions.{name}", name, "it has no effect: nothing would be refused without it; remove it"
            )


def _selections(recipe: Recipe) -> Iterator[tuple[str, tuple[Selection, ...]]]:
    yield "benchmark_items", recipe.benchmark_items
    yield "seed_tasks", recipe.seed_tasks
    yield "documents", recipe.documents


def _known(path: str, name: str, names: Iterable[str], what: str) -> Iterator[Problem]:
    if name not in names:
        yield Problem(path, name, f"it must name {what} of the recipe; {nearest(name, names)}")
