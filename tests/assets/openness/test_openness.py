"""A closed ancestor must be found at any depth and reported with the chain that leads to it. Nothing open may be
refused, or people would work around the check. The search is compared with a simple one on random declarations."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from assets.openness.rules import Terms, Violation, idle_exceptions, violations
from warehouse.lineage.material import Material

TERMS = Terms(("Apache-2.0", "CC0-1.0"))
CLOSED = "gpt-4 is a closed model of OpenAI, whose terms forbid models made to compete (https://openai.com/policies/)"


def model(name: str, *made_from: str, licence: str = "Apache-2.0", origin: str | None = "human") -> Material:
    return Material("model", name, licence, origin, made_from, f"path:{name}", "0" * 64)


def ancestor(name: str, *made_from: str, licence: str = "CC0-1.0", origin: str | None = "mixed") -> Material:
    return Material("ancestor", name, licence, origin, made_from)


def found(used: Material, *others: Material, terms: Terms = TERMS) -> list[str]:
    return [str(one) for one in violations([used], {one.name: one for one in others}, terms)]


def test_a_source_with_only_open_ancestors_is_accepted() -> None:
    texts = replace(model("texts", "human_texts"), role="source", origin="model:writer")
    assert found(texts, model("writer", "human_texts"), ancestor("human_texts", origin="human")) == []


def test_a_closed_model_is_refused_as_author_and_as_parent() -> None:
    assert found(model("tuned", "gpt-4")) == [f"tuned → gpt-4 is not open: made_from is 'gpt-4', but {CLOSED}"]
    assert found(model("texts", origin="model:gpt-4")) == [
        f"texts → gpt-4 is not open: origin is 'model:gpt-4', but {CLOSED}"
    ]


def test_a_closed_origin_is_found_through_fine_tunes_and_data_sets() -> None:
    chat, mix = ancestor("chat", "mix"), ancestor("mix", "pairs")
    (one,) = violations(
        [model("tuned", "base")],
        {one.name: one for one in (ancestor("base", "chat"), chat, mix, ancestor("pairs", origin="model:gpt-4"))},
        TERMS,
    )
    assert one == Violation(("tuned", "base", "chat", "mix", "pairs", "gpt-4"), "origin", "model:gpt-4", CLOSED)


def test_the_model_that_wrote_a_source_is_checked() -> None:
    texts = replace(model("texts"), role="source", origin="model:writer")
    writer = ancestor("writer", licence="llama3.1")
    assert found(texts, writer) == [
        "texts → writer is not open: licence is 'llama3.1', but llama3.1 makes models that are trained on outputs "
        "carry the name Llama and Meta's use policy (https://www.llama.com/llama3_1/license/)"
    ]


def test_what_is_not_declared_counts_as_not_open() -> None:
    assert found(model("tuned", "somebody/base")) == [
        "tuned → somebody/base is not open: made_from is 'somebody/base', but nothing is known of somebody/base, and "
        "unknown counts as not open; declare it under ancestors"
    ]


def test_models_and_sources_need_an_address_a_hash_and_an_origin() -> None:
    bare = Material("source", "rows", "CC0-1.0", None)
    pinned = "what is used must be pinned, and unknown counts as not open"
    assert found(bare) == [
        f"rows is not open: address is nothing, but {pinned}",
        f"rows is not open: sha256 is nothing, but {pinned}",
        "rows is not open: origin is nothing, but it must say human, mixed or model:NAME; unknown is not open",
    ]
    assert found(model("rows", origin="model:")) == [
        "rows is not open: origin is 'model:', but it must say human, mixed or model:NAME; unknown is not open"
    ]


def test_a_closed_origin_is_recognised_by_name_or_address_despite_the_declaration() -> None:
    page = "https://huggingface.co/datasets/stingning/ultrachat"
    assert found(model("tuned", "ultrachat"), ancestor("ultrachat", origin="human")) == [
        f"tuned → ultrachat is not open: name is 'ultrachat', but ultrachat was written by ChatGPT of OpenAI ({page})"
    ]
    rows = replace(model("rows"), address="hf:datasets/stingning/ultrachat@main#train_0.jsonl")
    assert found(rows) == [
        "rows is not open: address is 'hf:datasets/stingning/ultrachat@main#train_0.jsonl', but 'ultrachat' was "
        f"written by ChatGPT of OpenAI ({page})"
    ]


def test_each_violation_is_listed_once_with_a_shortest_chain() -> None:
    bad = ancestor("bad", licence="unknown")
    others = (ancestor("long", "longer"), ancestor("longer", "bad"), ancestor("short", "bad"), bad)
    (one,) = violations([model("tuned", "long", "short")], {one.name: one for one in others}, TERMS)
    assert one.chain == ("tuned", "short", "bad")


def test_cyclic_declarations_are_allowed() -> None:
    assert found(model("one", "two"), ancestor("two", "three"), ancestor("three", "two", "one")) == []


def test_an_exception_covers_an_ancestor_with_its_own_ancestors_but_no_other_path_to_these() -> None:
    others = (ancestor("mix", "pairs"), ancestor("pairs", origin="model:gpt-4"))
    excepting = replace(TERMS, exceptions={"mix": "a reason"})
    assert found(model("tuned", "mix"), *others, terms=excepting) == []
    assert found(model("tuned", "mix", "pairs"), *others, terms=excepting) == [
        f"tuned → pairs → gpt-4 is not open: origin is 'model:gpt-4', but {CLOSED}"
    ]


def test_models_and_sources_cannot_be_exceptions() -> None:
    tuned = model("tuned", licence="unknown")
    assert found(tuned, terms=replace(TERMS, exceptions={"tuned": "a reason"})) == found(tuned)


def test_two_declarations_with_the_same_name_are_both_checked() -> None:
    twice = [model("tuned", licence="unknown"), model("tuned", licence="ISC"), model("tuned", licence="ISC")]
    assert [one.found for one in violations(twice, {"tuned": twice[1]}, TERMS)] == ["unknown", "ISC"]


def test_an_exception_is_idle_if_nothing_more_is_refused_without_it() -> None:
    declared = {
        one.name: one
        for one in (ancestor("mix", "pairs"), ancestor("pairs", origin="model:gpt-4"), ancestor("fine", origin="human"))
    }
    reasons = dict.fromkeys(("mix", "pairs", "fine", "absent"), "a reason")
    used = [model("tuned", "mix", "fine")]
    assert idle_exceptions(used, declared, replace(TERMS, exceptions=reasons)) == ["mix", "pairs", "fine", "absent"]
    assert idle_exceptions(used, declared, replace(TERMS, exceptions={"mix": "a reason"})) == []


NAMES = [f"n{index}" for index in range(7)]
LICENCES = ["Apache-2.0", "apache-2.0 OR llama3", "CC0-1.0 AND unknown", "gemma"]
ENDS = ["human", "mixed", "model:gpt-4", "model:nobody"]


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[Material], dict[str, Material], Terms]:
    origins = st.sampled_from([*ENDS[:2], *ENDS[:2], *ENDS, *(f"model:{name}" for name in NAMES)])
    entries = [
        Material(
            "model" if index < 2 else "ancestor",
            name,
            draw(st.sampled_from([*LICENCES[:2], *LICENCES])),
            draw(origins),
            tuple(draw(st.lists(st.sampled_from([*NAMES, "claude-2"]), max_size=2, unique=True))),
            "path:x",
            "0" * 64,
        )
        for index, name in enumerate(NAMES)
    ]
    excepted = draw(st.lists(st.sampled_from(NAMES), max_size=2, unique=True))
    return entries[:2], {one.name: one for one in entries}, replace(TERMS, exceptions=dict.fromkeys(excepted, "why"))


def names_in(entry: Material) -> set[str]:
    author = {entry.origin.removeprefix("model:")} if (entry.origin or "").startswith("model:") else set()
    return {*entry.made_from, *author}


@given(graphs())
def test_exactly_the_wrong_declarations_that_can_be_reached_are_refused(
    graph: tuple[list[Material], dict[str, Material], Terms],
) -> None:
    used, declared, terms = graph
    reached = {one.name for one in used}
    # As many rounds as there are names reach everything that can be reached.
    for _ in NAMES:
        parents = {name for one in reached for name in names_in(declared[one]) if name in declared}
        reached |= {name for name in parents if declared[name].role == "model" or name not in terms.exceptions}
    wrong_keys = {
        (name, key)
        for name in reached
        for key, is_wrong in (
            ("licence", declared[name].licence in LICENCES[2:]),
            ("origin", declared[name].origin in ENDS[2:]),
            ("made_from", "claude-2" in declared[name].made_from),
        )
        if is_wrong
    }
    found = violations(used, declared, terms)
    places = [([name for name in one.chain if name in declared][-1], one.key) for one in found]
    assert sorted(places) == sorted(wrong_keys)
    for one in found:
        steps = list(zip(one.chain, one.chain[1:], strict=False))
        assert all(after in names_in(declared[before]) for before, after in steps)
        assert one.chain[0] in {entry.name for entry in used}
