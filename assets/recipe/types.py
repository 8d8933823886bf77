"""The recipe's types: the description of a dataset as one frozen value. Unknown keys are errors.

Where the paper (arXiv 2308.12711) does not give a number, the default is our choice, and the docstring says so.
"""

from __future__ import annotations

from functools import reduce
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from assets.recipe.filters import AlignmentFilter, Fragments, Heuristics, PerplexityFilter
from assets.recipe.materials import AncestorPart, ModelPart, PolicyPart, SourcePart
from assets.recipe.parts import Part, ValidatedTrainingPart
from assets.recipe.selections import BenchmarkSelection, DocumentSelection, SeedSelection
from assets.recipe.values import (
    BASE,
    FILTERS,
    AlignmentMeasure,
    BaseUrl,
    Count,
    FilterNames,
    Levels,
    MethodNames,
    Name,
    Probability,
    Seed,
)


class Diversity(Part):
    """How rows with similar instructions are dropped: by which rule, with which embedder.

    The full recipe has the keys of all rules too, as each file of assets/curation/rules declares them. The default rule
    is our choice."""

    rule: str = "greedy"
    embedder: str | None = None


class Decontamination(Part):
    """How training rows are compared with all benchmark items. Rows with equal texts are always dropped.

    A row is also dropped if it shares `ngram` consecutive words with an item (13: arXiv 2005.14165), if one of its
    texts has at least the `share` of an item's text, by runs of 5 words, or if the cosine of its instruction to that of
    an item exceeds `similarity`, by the embedder of `curation.diversity`."""

    ngram: Count | None = 13
    # A slice leaves it out at its default, so that the key alone makes nothing stale.
    share: Annotated[Probability | None, Field(exclude_if=lambda value: value is None)] = None
    similarity: Probability | None = None


class BackwardModel(ValidatedTrainingPart):
    """How the backward model is trained.

    It is trained on whole responses. With `fragments` it is also trained on fragments of these levels of each response,
    as extract-then-generate asks it for (ours). They are cut as `enhancement.fragments` says, which it then needs."""

    # A slice leaves it out at its default, so that the key alone makes nothing stale.
    fragments: Annotated[tuple[Literal["keywords", "sentence"], ...], Field(exclude_if=lambda value: not value)] = ()


class Generation(Part):
    """The methods in use and the model that they call; a method that is left out is not built.

    The full recipe (assets/loading/whole.py) has one more key per method, with the settings that the method declares.
    `variants` are further uses of methods with other settings, by names of the recipe's own; a variant's key `method`
    says of which. Everywhere else its name stands where that of a method may stand.
    """

    model: str
    backward_model: BackwardModel | None = None
    variants: dict[Name, Any] = Field(default_factory=dict)

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods and variants in use, in the order of their names."""
        return tuple(sorted((*_added_keys(self, Generation), *self.variants)))

    def method(self, name: str) -> str:
        """The method that a name stands for: that of a variant, otherwise the one with this name."""
        return str(self.variants[name].method) if name in self.variants else name

    def settings(self, name: str) -> Any:
        """The settings of a method or variant; None where it is left out."""
        return self.variants[name] if name in self.variants else getattr(self, name)

    def with_settings(self, name: str, settings: Part) -> Generation:
        """This value with other settings of a method or variant."""
        own: dict[str, Any] = {name: settings}
        return self.model_copy(update={"variants": self.variants | own} if name in self.variants else own)

    def path(self, name: str) -> str:
        """Where the recipe has the settings of a method or variant."""
        return f"generation.variants.{name}" if name in self.variants else f"generation.{name}"


class Enhancement(Part):
    """The strategies of the paper, and heuristics."""

    fragments: Fragments | None = None
    heuristics: Heuristics = Heuristics()
    perplexity: PerplexityFilter | None = None
    alignment: AlignmentFilter | None = None


class Curation(Part):
    """How pairs become training sets of equal size: all have the same number of `rows` or of `response_tokens`.

    The tokens are those of the student's base model. Its control tokens in a text, such as "<|im_end|>", are always
    read as text; `control_tokens` says whether pairs that hold one are kept (the default) or rejected."""

    diversity: Diversity | None = None
    decontamination: Decontamination | None = None
    rows: Count | None = None
    response_tokens: Count | None = None
    control_tokens: Literal["keep", "reject"] | None = None


class Arm(Part):
    """One variant under comparison: the pairs of these methods that pass these filters.

    For ablations an arm may differ from the others: it uses only the pairs of some extraction `levels`, keeps another
    share by perplexity or alignment, measures the alignment otherwise, or trains on another number of rows or response
    tokens.

    `shares` says how much of the pairs each of its methods gives, before the filters; without it all pairs are used.
    `draw` says in which order pairs are drawn into the training set: in one that all arms share (the default), so that
    arms of the same method have many rows in common, or in the arm's own.
    """

    methods: MethodNames
    shares: dict[Name, Annotated[float, Field(gt=0, lt=1)]] | None = None
    filters: FilterNames = FILTERS
    levels: Levels | None = None
    keep: Probability | None = None
    measure: AlignmentMeasure | None = None
    rows: Count | None = None
    response_tokens: Count | None = None
    draw: Literal["shared", "own"] | None = None


class Student(ValidatedTrainingPart):
    """The student that every arm fine-tunes, `seeds` times: the same base and the same settings for all."""

    base: str
    seeds: Count = 1


class Evaluation(Part):
    """The benchmarks in use; one that is left out is not built.

    The full recipe has one more key per benchmark, with the settings that the benchmark declares. Arms are compared
    with `baseline`, an arm or the untouched base, by a paired bootstrap of `resamples` draws at the confidence level
    `confidence` (ours: 10,000 and 0.95)."""

    baseline: Name = BASE
    resamples: Count = 10_000
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.95

    @property
    def benchmarks(self) -> tuple[str, ...]:
        """The benchmarks in use, in the order of their names."""
        return _added_keys(self, Evaluation)

    def settings(self, benchmark: str) -> Any:
        """The settings of a benchmark; None where it is left out."""
        return getattr(self, benchmark)


class EndpointPart(Part):
    """How models behind servers are asked. No row depends on it, so it is in no version. The defaults are our choices.

    `in_flight` is the most requests that one address answers at the same time; how many it gets follows from how it
    answers. A condition that passes, such as HTTP 429, is waited out for up to `patience` seconds without any answer. A
    request may take `deadline` seconds in total, and its answer may have `answer_bytes` bytes. `fleet` lists, by the
    name of a model, further base URLs that serve the same model under the same name."""

    in_flight: Count = 256
    patience: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 600.0
    deadline: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 600.0
    answer_bytes: Annotated[int, Field(ge=1024, strict=True)] = 4 * 2**20
    fleet: dict[Name, tuple[BaseUrl, ...]] = Field(default_factory=dict)


class Recipe(Part):
    """The whole recipe, except for the settings that methods and benchmarks declare themselves.

    A recipe that is loaded from a file is a FullRecipe (assets/loading/whole.py), which has these too. If a model fails
    at a row, the next builds try that row again, up to `retries` times. At most `chunk` calls of a model on this
    machine are computed and committed as a whole, so a kill costs at most so many (ours: 256); it is in no version."""

    seed: Seed
    retries: Annotated[int, Field(ge=0, strict=True)] = 2
    chunk: Count = 256
    endpoint: EndpointPart = EndpointPart()
    policy: PolicyPart
    models: dict[Name, ModelPart]
    sources: dict[Name, SourcePart]
    ancestors: dict[Name, AncestorPart] = Field(default_factory=dict)
    seed_tasks: Annotated[tuple[SeedSelection, ...], Field(min_length=1)]
    documents: tuple[DocumentSelection, ...] = ()
    benchmark_items: Annotated[tuple[BenchmarkSelection, ...], Field(min_length=1)]
    generation: Generation
    enhancement: Enhancement
    curation: Curation
    arms: Annotated[dict[Name, Arm], Field(min_length=1)]
    training: Student
    evaluation: Evaluation

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that are built, in the order of their names."""
        return self.generation.methods

    @property
    def benchmarks(self) -> tuple[str, ...]:
        """The benchmarks that score the students, in the order of their names."""
        return self.evaluation.benchmarks

    def part(self, path: str) -> Any:
        """The value at a dotted path, such as "generation.self_instruct"."""
        return reduce(lambda at, key: at[key] if isinstance(at, dict) else getattr(at, key), path.split("."), self)

    def slice(self, *paths: str) -> dict[str, Any]:
        """The values at `paths` as plain JSON values: an asset's version is a hash of these and more."""
        return {path: _json_value(self.part(path)) for path in paths}

    def alignment(self, arm: str) -> AlignmentFilter | None:
        """The alignment filter of an arm, with the arm's own measure, share and embedder; None if it has none."""
        one, settings = self.arms[arm], self.enhancement.alignment
        if "alignment" not in one.filters or settings is None:
            return None
        diversity = self.curation.diversity
        own: dict[str, Any] = {"measure": one.measure or settings.measure, "keep": one.keep or settings.keep}
        if own["measure"] == "similarity":
            own["embedder"] = settings.embedder or (diversity.embedder if diversity else None)
        return settings.model_copy(update=own)

    def filters(self, arm: str, *names: str) -> dict[str, Any]:
        """The filters among `names` that an arm has, as part of a slice: a step depends only on its own filters."""
        return {f"arms.{arm}.filters": [name for name in self.arms[arm].filters if name in names]}


def _added_keys(part: Part, base: type[Part]) -> tuple[str, ...]:
    """The keys that are set in `part` and that the class `base` does not have, in alphabetical order."""
    added = type(part).model_fields.keys() - base.model_fields.keys()
    return tuple(sorted(name for name in added if getattr(part, name)))


def _json_value(value: Any) -> Any:
    if isinstance(value, BaseModel):
        # Unset keys are left out, so that a key which a later version adds makes nothing stale.
        return value.model_dump(mode="json", exclude_none=True)
    if isinstance(value, tuple | list):
        return [_json_value(item) for item in value]
    if isinstance(value, dict):
        return {name: _json_value(item) for name, item in value.items()}
    return value
