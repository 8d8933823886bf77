"""Selections: which rows of a source the recipe takes, and how they are mapped to fields."""

from __future__ import annotations

from assets.recipe.parts import Part
from assets.recipe.values import (
    AbsentTexts,
    BenchmarkFields,
    Count,
    DocumentFields,
    Fields,
    Name,
    PathText,
    SeedFields,
    Slice,
    Where,
    Words,
)


class Join(Part):
    """How rows find their parent in the same source: the path `parent` of a row is the path `id` of its parent."""

    parent: PathText
    id: PathText


class Selection(Part):
    """Rows of a source, mapped to fields, for one role.

    `slice` is the range of the source, in percent of its rows by hash, that the role draws from; disjoint
    slices share no row. The role takes `count` rows whose main text has `words` (least, most) words.

    `where` says which rows are chosen (assets/recipe/conditions.py). `each` is the path of a list whose items become
    rows. With `join`, templates read the parent of a row as `{parent.…}`. Values that are one of `absent` count as
    absent; by default those of NO_INPUT (assets/recipe/mapping.py) do so in the field `input`.
    """

    source: str
    slice: Slice = (0, 100)
    count: Count
    words: Words = (1, 100_000)
    fields: Fields
    where: Where | None = None
    each: PathText | None = None
    join: Join | None = None
    absent: AbsentTexts | None = None


class SeedSelection(Selection):
    """Seed pairs: the fields `instruction` and `response`, and `input` where there is one."""

    fields: SeedFields


class DocumentSelection(Selection):
    """Documents: the field `text`, and `title` where there is one."""

    fields: DocumentFields


class BenchmarkSelection(Selection):
    """Items of a benchmark: the field `instruction`, and those of `input`, `reference` and `details` that it needs.

    `details` is the whole published item as JSON (`{*:json}`), for benchmarks that do not compare with a text. For one
    that has `parts: details` it names the part that the item belongs to."""

    benchmark: Name
    fields: BenchmarkFields
