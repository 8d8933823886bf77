"""Benchmark text among the seeds would make every score worthless, and a row that disappears without a reason could not
be audited. So these tests check reasons, numbers and roles on exact rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.loading.file import load_recipe
from assets.recipe.mapping import MappingError
from assets.recipe.selections import BenchmarkSelection, DocumentSelection, SeedSelection, Selection
from assets.recipe.types import Recipe
from assets.sources import benchmark_items, documents, seed_tasks
from assets.sources.partition import in_slice, place, row_identity
from assets.sources.seeding import NEXT, select
from tests.support.tiny import ROOT, SHARED
from warehouse.core.errors import UserError
from warehouse.lineage.withdrawals import NONE
from warehouse.results.result import Check, Gate, Result
from warehouse.results.shortage import Loss, TooFewRows

STARTER = ROOT / "recipe.yaml"
DATA = SHARED / "data"
SOURCE = "5" * 32
SEED = 7
FIELDS = {"instruction": "What is {title}?", "response": "{text}"}
DOCUMENT = {"title": "{title}", "text": "{text}"}
ITEM = {"instruction": "Tell me about {title}.", "reference": "{text}"}

Row = dict[str, Any]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Callable[[str], tuple[str, Path]]]:
    """Writes rows as a source file, and returns the function that finds it."""

    def written(*rows: Row) -> Callable[[str], tuple[str, Path]]:
        return source_file(tmp_path / "rows.jsonl", rows)

    return written


def source_file(path: Path, rows: Sequence[Row]) -> Callable[[str], tuple[str, Path]]:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return lambda name: (SOURCE, path)


def article(number: int, words: int = 5) -> Row:
    return {"title": f"Thing {number}", "text": " ".join([f"text{number}", *["word"] * (words - 1)])}


def in_order(rows: Sequence[Row]) -> list[Row]:
    """Rows in the order in which they are sampled."""
    return sorted(rows, key=lambda row: place(row_identity(row), str(SEED)))


def outcomes(gate: Gate) -> list[tuple[Any, ...]]:
    return gate.result().decisions.select("outcome", "reason", "score", "cut").rows()


def seeds(count: int, **more: Any) -> SeedSelection:
    return SeedSelection(source="wiki", count=count, fields=FIELDS, **more)


def test_rows_become_seed_tasks_in_the_order_of_their_hashes(write: Any) -> None:
    rows = [article(number) for number in range(6)]
    gate = select(seed_tasks.ROLE, [seeds(6)], write(*rows), SEED)
    result = gate.result()
    assert result.kept.drop("id").to_dicts() == [
        {"source": "wiki", "instruction": f"What is {row['title']}?", "input": "", "response": row["text"]}
        for row in in_order(rows)
    ]
    assert result.edges.rows() == [(row_id, SOURCE, "source") for row_id in result.kept["id"]]
    assert result.counts() == {("kept", ""): 6}


def test_rows_become_documents_and_benchmark_items_with_their_own_columns(write: Any) -> None:
    row = article(1)
    document = DocumentSelection(source="wiki", count=1, fields={"text": "{text}"})
    item = BenchmarkSelection(source="wiki", count=1, benchmark="longform", fields=ITEM)
    kept = select(documents.ROLE, [document], write(row), SEED).result().kept
    assert kept.drop("id").to_dicts() == [{"source": "wiki", "title": "", "text": row["text"]}]
    kept = select(benchmark_items.ROLE, [item], write(row), SEED).result().kept
    assert kept.drop("id").to_dicts() == [
        {
            "benchmark": "longform",
            "instruction": "Tell me about Thing 1.",
            "input": "",
            "reference": row["text"],
            "details": "",
        }
    ]


def test_rows_that_are_too_short_or_too_long_are_rejected_with_their_number_of_words(write: Any) -> None:
    rows = [article(1, 2), article(2, 3), article(3, 5), article(4, 6)]
    gate = select(seed_tasks.ROLE, [seeds(2, words=(3, 5))], write(*rows), SEED)
    assert {row["response"] for row in gate.result().kept.to_dicts()} == {rows[1]["text"], rows[2]["text"]}
    assert sorted(outcomes(gate), key=str)[2:] == [
        ("rejected", "response too long", 6.0, 5.0),
        ("rejected", "response too short", 2.0, 3.0),
    ]


def test_only_the_words_of_the_main_text_are_counted(write: Any) -> None:
    document = DocumentSelection(source="wiki", count=1, words=(2, 2), fields=DOCUMENT)
    gate = select(documents.ROLE, [document], write({"title": "a b c d", "text": "two words"}), SEED)
    assert outcomes(gate) == [("kept", None, None, None)]


def test_a_row_without_a_needed_field_is_quarantined_as_it_was_read(write: Any) -> None:
    broken = {"title": "Thing 2", "text": " "}
    gate = select(seed_tasks.ROLE, [seeds(1)], write(article(1), broken), SEED)
    result = gate.result()
    assert outcomes(gate) == [
        ("kept", None, None, None),
        ("quarantined", "field 'text' is absent or empty", None, None),
    ]
    assert [json.loads(content) for content in result.dropped["content"]] == [{"row": broken}]
    assert sorted(result.edges["child"]) == sorted(result.decisions["record"])


def test_rows_beyond_the_count_are_rejected_as_not_sampled(write: Any) -> None:
    rows = [article(number) for number in range(5)]
    gate = select(seed_tasks.ROLE, [seeds(2)], write(*rows), SEED)
    assert [row["response"] for row in gate.result().kept.to_dicts()] == [row["text"] for row in in_order(rows)[:2]]
    assert outcomes(gate)[2:] == [("rejected", "not sampled", None, None)] * 3


def test_rows_far_behind_the_sample_are_counted_and_not_put_on_record(write: Any) -> None:
    """A large source would otherwise be copied into the warehouse as a whole."""
    rows = [article(number) for number in range(300)]
    gate = select(seed_tasks.ROLE, [seeds(2)], write(*rows), SEED)
    result = gate.result()
    assert result.counts() == {("kept", ""): 2, ("rejected", "not sampled"): 298}
    assert result.counted == {("rejected", "not sampled"): 300 - 2 - NEXT}
    on_record = [*result.kept["response"], *(json.loads(text)["response"] for text in result.dropped["content"])]
    assert on_record == [row["text"] for row in in_order(rows)[: 2 + NEXT]]
    assert result.incoming == result.rows == 300


def test_a_source_of_equal_rows_is_read_until_enough_of_them_differ(write: Any) -> None:
    """Equal rows are one record: however many come first, the sample has its count."""
    rows = [article(1)] * 500 + [article(2)] * 500 + [article(3)]
    result = select(seed_tasks.ROLE, [seeds(3)], write(*rows), SEED).result()
    assert set(result.kept["response"]) == {article(number)["text"] for number in (1, 2, 3)}
    assert result.rows == result.incoming == 1001


def test_a_sample_does_not_depend_on_the_order_of_the_source(write: Any) -> None:
    rows = [article(number, number % 7 + 1) for number in range(400)]
    found = [
        select(seed_tasks.ROLE, [seeds(20, words=(3, 6))], write(*some), SEED).result() for some in (rows, rows[::-1])
    ]
    assert found[0].kept.equals(found[1].kept)
    assert found[0].decisions.equals(found[1].decisions)
    assert found[0].counted == found[1].counted


def test_a_larger_count_begins_with_the_smaller_sample(write: Any) -> None:
    find = write(*(article(number) for number in range(400)))
    few, many = (select(seed_tasks.ROLE, [seeds(count)], find, SEED).result().kept for count in (20, 150))
    assert many[:20].equals(few)


def test_rows_outside_the_slice_are_counted(write: Any) -> None:
    rows = [article(number) for number in range(40)]
    inside = [row for row in rows if in_slice(row_identity(row), (0, 50), str(SEED))]
    gate = select(seed_tasks.ROLE, [seeds(len(inside), slice=(0, 50))], write(*rows), SEED)
    result = gate.result()
    assert {row["response"] for row in result.kept.to_dicts()} == {row["text"] for row in inside}
    assert result.counts() == {
        ("kept", ""): len(inside),
        ("rejected", "outside the slice"): 40 - len(inside),
    }
    assert result.counted == {("rejected", "outside the slice"): 40 - len(inside)}


def test_what_the_caller_refuses_is_rejected_with_the_callers_reason(write: Any) -> None:
    def refused(row: Mapping[str, str]) -> str | None:
        return "about Thing 1" if "Thing 1" in row["instruction"] else None

    gate = select(seed_tasks.ROLE, [seeds(1)], write(article(1), article(2)), SEED, refused)
    assert outcomes(gate) == [("kept", None, None, None), ("rejected", "about Thing 1", None, None)]
    assert gate.result().kept["response"].to_list() == [article(2)["text"]]


def test_too_few_rows_are_an_error_that_says_what_to_change(write: Any) -> None:
    """Each reason comes with the key that decides it, and the largest is first."""
    rows = [article(1), article(2), article(3, 2), article(4, 2), article(5) | {"text": ""}]
    with pytest.raises(TooFewRows) as refused:
        select(seed_tasks.ROLE, [seeds(3, words=(5, 9))], write(*rows), SEED)
    assert refused.value.losses == (
        Loss(2, "response too short", "seed_tasks.0.words"),
        Loss(1, "field 'text' is absent or empty", "seed_tasks.0.fields"),
    )
    assert str(refused.value) == (
        "seed_tasks.0 has 2 rows of 'wiki', but 3 are needed; removed were: 2 'response too short' "
        "(seed_tasks.0.words), 1 \"field 'text' is absent or empty\" (seed_tasks.0.fields); change one of these keys, "
        "or lower seed_tasks.0.count"
    )


def test_only_the_rows_of_the_selection_with_too_few_are_counted(write: Any) -> None:
    rows = [article(number) for number in range(20)]
    first, second = seeds(2, slice=(0, 50)), seeds(20, slice=(50, 100))
    with pytest.raises(TooFewRows) as refused:
        select(seed_tasks.ROLE, [first, second], write(*rows), SEED)
    (loss,) = refused.value.losses
    assert (loss.reason, loss.key) == ("outside the slice", "seed_tasks.1.slice")
    assert refused.value.problem == f"seed_tasks.1 has {20 - loss.rows} rows of 'wiki', but 20 are needed"


def test_a_field_that_no_row_has_is_an_error_about_the_mapping(write: Any) -> None:
    selection = SeedSelection(source="wiki", count=1, fields={"instruction": "{titel}", "response": "{text}"})
    with pytest.raises(MappingError, match="names 'titel', which no row of the source has; nearest: title"):
        select(seed_tasks.ROLE, [selection], write(article(1)), SEED)


def test_equal_rows_count_once_towards_the_count(write: Any) -> None:
    rows = [article(1), article(1), article(2)]
    gate = select(seed_tasks.ROLE, [seeds(2)], write(*rows), SEED)
    assert set(gate.result().kept["response"]) == {article(1)["text"], article(2)["text"]}
    assert gate.result().counts() == {("kept", ""): 2, ("duplicate", "same content"): 1}


def test_equal_rows_alone_are_too_few(write: Any) -> None:
    with pytest.raises(UserError, match=r"seed_tasks.0 has 1 rows of 'wiki', but 2 are needed; .* 1 'same content'"):
        select(seed_tasks.ROLE, [seeds(2)], write(article(1), article(1)), SEED)


def test_every_row_of_every_selection_has_one_outcome(write: Any) -> None:
    rows = [article(number, number % 9 + 1) for number in range(30)]
    selections = [seeds(2, slice=(0, 50), words=(3, 8)), seeds(2, slice=(50, 100), words=(1, 6))]
    result = select(seed_tasks.ROLE, selections, write(*rows), SEED).result()
    assert result.decisions["record"].n_unique() == len(result.decisions)
    assert result.incoming == result.rows == 60
    assert len(result.kept) == 4


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[str, Path]]:
    path = tmp_path_factory.mktemp("many") / "rows.jsonl"
    return source_file(path, [article(number) for number in range(500)])


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(), cuts=st.tuples(st.integers(10, 45), st.integers(55, 90)))
def test_roles_with_disjoint_slices_never_share_a_row(
    many: Callable[[str], tuple[str, Path]], seed: int, cuts: tuple[int, int]
) -> None:
    rows = [article(number) for number in range(500)]
    roles: list[tuple[Any, type[Selection], dict[str, Any], tuple[int, int]]] = [
        (seed_tasks.ROLE, SeedSelection, {"fields": FIELDS}, (0, cuts[0])),
        (documents.ROLE, DocumentSelection, {"fields": DOCUMENT}, cuts),
        (
            benchmark_items.ROLE,
            BenchmarkSelection,
            {"fields": ITEM, "benchmark": "longform"},
            (cuts[1], 100),
        ),
    ]
    sampled: list[str] = []
    for role, kind, more, slice_ in roles:
        count = sum(in_slice(row_identity(row), slice_, str(seed)) for row in rows)
        selection = kind(source="wiki", slice=slice_, count=count, **more)
        sampled += select(role, [selection], many, seed).result().kept[role.main].to_list()
    assert sorted(sampled) == sorted(row["text"] for row in rows)


def items(*texts: tuple[str, str]) -> pl.DataFrame:
    return pl.DataFrame(texts, schema=["instruction", "reference"], orient="row")


def recipe_with(part: str, selection: Selection) -> Recipe:
    return load_recipe(STARTER).model_copy(update={part: (selection,)})


def run(module: Any, recipe: Recipe, find: Any, frames: dict[str, pl.DataFrame]) -> Result:
    tools = SimpleNamespace(source_file=find, withdrawals=lambda: NONE, refuse_withdrawn=lambda paths: None)
    result: Result = module.step(recipe).run(tools, frames)
    return result


SAME = {"title": "Thing 9", "text": "A SAUCE -- of basil and olive oil; from Genoa"}
ITEMS = items(("Tell me about pesto.", "A sauce of basil and olive oil, from Genoa."))


def test_a_seed_whose_response_is_a_benchmark_reference_is_rejected(write: Any) -> None:
    recipe = recipe_with("seed_tasks", _seeds_of_starter(2))
    result = run(seed_tasks, recipe, write(article(1), SAME, article(2)), {"benchmark_items": ITEMS})
    assert result.counts() == {("kept", ""): 2, ("rejected", "text of a benchmark item"): 1}
    assert json.loads(result.dropped["content"][0])["response"] == SAME["text"]
    assert result.checks == (Check("leakage", True, {"rows": 2, "benchmark items": 1, "rows that hold text of it": 0}),)


def test_a_seed_whose_instruction_is_a_benchmark_instruction_is_rejected(write: Any) -> None:
    asked = items(("what is thing 1", "something else"))
    result = run(
        seed_tasks,
        recipe_with("seed_tasks", _seeds_of_starter(1)),
        write(article(1), article(2)),
        {"benchmark_items": asked},
    )
    assert result.kept["instruction"].to_list() == ["What is Thing 2?"]
    assert ("rejected", "text of a benchmark item") in result.counts()


def test_a_document_whose_text_is_a_benchmark_reference_is_rejected(write: Any) -> None:
    selection = DocumentSelection(source="wikipedia_leads", count=2, fields=DOCUMENT)
    result = run(
        documents,
        recipe_with("documents", selection),
        write(article(1), SAME, article(2)),
        {"benchmark_items": ITEMS},
    )
    assert result.counts() == {("kept", ""): 2, ("rejected", "text of a benchmark item"): 1}
    assert SAME["text"] not in result.kept["text"].to_list()
    assert result.checks == (Check("leakage", True, {"rows": 2, "benchmark items": 1, "rows that hold text of it": 0}),)


def test_benchmark_items_are_built_without_the_other_roles(write: Any) -> None:
    selection = BenchmarkSelection(source="wikipedia_leads", count=1, benchmark="longform", fields=ITEM)
    result = run(benchmark_items, recipe_with("benchmark_items", selection), write(SAME), {})
    assert result.kept.drop("id").to_dicts() == [
        {
            "benchmark": "longform",
            "instruction": "Tell me about Thing 9.",
            "input": "",
            "reference": SAME["text"],
            "details": "",
        }
    ]


def _seeds_of_starter(count: int) -> SeedSelection:
    return SeedSelection(source="wikipedia_leads", count=count, fields=FIELDS)


@pytest.mark.skipif(not DATA.is_dir(), reason="the sample files, which are not part of the project, are absent")
@pytest.mark.parametrize(
    ("name", "count", "fields", "first"),
    [
        (
            "self_instruct_seed_tasks.jsonl",
            175,
            {
                "instruction": "{instruction}",
                "input": "{instances.0.input?}",
                "response": "{instances.0.output}",
            },
            ("What is the relation between the given pairs?", "Night : Day :: Right : Left"),
        ),
        (
            "dolly_151.jsonl",
            151,
            {"instruction": "{instruction}", "input": "{context?}", "response": "{response}"},
            ("Why is Citizen Kane considered the Best Film?", ""),
        ),
        (
            "python_faq.jsonl",
            173,
            {"instruction": "{instruction}", "response": "{response}"},
            ("Why does Python use indentation for grouping of statements?", ""),
        ),
    ],
)
def test_a_public_file_becomes_seed_tasks_by_its_mapping_alone(
    name: str, count: int, fields: dict[str, str], first: tuple[str, str]
) -> None:
    selection = SeedSelection.model_validate({"source": "wiki", "count": count, "fields": fields})
    result = select(seed_tasks.ROLE, [selection], lambda _: (SOURCE, DATA / name), SEED).result()
    assert result.counts() == {("kept", ""): count}
    assert first in result.kept.select("instruction", "input").rows()
    assert result.kept["response"].str.len_chars().min() > 0
