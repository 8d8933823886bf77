"""A recipe may be right key by key and wrong as a whole: roles that overlap, methods without what they need."""

from __future__ import annotations

from recipes import ABSENT, complaints, parsed, put, starter

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
