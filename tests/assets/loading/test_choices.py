"""A path that needs another key finds nothing in any row. So the recipe is refused, with the key that is missing."""

from __future__ import annotations

from tests.support.recipes import complaints, parsed, put, starter

JOIN = {"parent": "parent_id", "id": "message_id"}
ASKED = {"instruction": "{parent.text}", "response": "{text}"}
NOT_READ = "no template and no condition reads the parent, as {parent.text} does; remove it or use it"


def test_a_path_from_an_item_needs_each() -> None:
    fields = {"instruction": "{value}", "response": "{[next][from=gpt].value}"}
    assert complaints(("seed_tasks.0.fields", fields)) == [
        "seed_tasks.0.each: found nothing; {[next][from=gpt].value} starts from an item of a list, which each must name"
    ]
    parsed(put(put(starter(), "seed_tasks.0.fields", fields), "seed_tasks.0.each", "turns[from=human]"))


def test_a_join_that_no_path_reads_is_refused() -> None:
    assert complaints(("seed_tasks.0.join", JOIN)) == [f"seed_tasks.0.join: found {JOIN}; {NOT_READ}"]
    parsed(put(put(starter(), "seed_tasks.0.join", JOIN), "seed_tasks.0.where", {"parent.lang": "en"}))


def test_join_and_each_are_not_used_together() -> None:
    keys = (("seed_tasks.0.join", JOIN), ("seed_tasks.0.fields", ASKED), ("seed_tasks.0.each", "turns"))
    assert complaints(*keys) == [f"seed_tasks.0.join: found {JOIN}; it cannot be used together with each"]


def test_a_source_is_joined_in_one_way() -> None:
    other = {"parent": "reply_to", "id": "message_id"}
    shared = {"source": starter()["documents"][0]["source"], "slice": [0, 10], "fields": ASKED}
    found = complaints(
        ("seed_tasks.0", {**starter()["seed_tasks"][0], **shared, "slice": [0, 5], "join": JOIN}),
        ("seed_tasks.1", {**starter()["seed_tasks"][1], **shared, "slice": [5, 10], "join": other}),
    )
    assert found == [
        f"seed_tasks.1.join: found {other}; rows of 'wikipedia_leads' are joined otherwise in seed_tasks.0.join;"
        " use the same keys"
    ]


def test_each_names_a_field() -> None:
    assert complaints(("seed_tasks.0.each", "[next]")) == [
        "seed_tasks.0.each: found '[next]'; it must begin with the name of a field"
    ]
    (line,) = complaints(("seed_tasks.0.each", "a..b"))
    assert line.startswith("seed_tasks.0.each: found 'a..b'; 'a..b' is no path; write names without blanks")


def test_a_wrong_condition_is_one_problem_at_its_key() -> None:
    (line,) = complaints(("seed_tasks.0.where", {"score": {"atleast": 4}}))
    assert line == (
        "seed_tasks.0.where: found {'score': {'atleast': 4}}; score: there is no operator 'atleast'; did you mean"
        " 'at_least'? (known: at_least, at_most, contains, not, present); a field inside it is written score.atleast"
    )
