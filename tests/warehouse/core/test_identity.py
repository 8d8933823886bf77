"""All ids in the warehouse come from these few functions. If one of them changed, every record would get a new id and
no build would recognise an earlier one. So the hashes are checked byte for byte, not only by their properties."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.core.identity import canonical, digest, digest_of_texts, record_id, row_seed

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
CONTENT = st.dictionaries(st.text(max_size=4), JSON, max_size=4)
PARENTS = st.lists(st.tuples(st.text(max_size=4), st.text(max_size=4)), max_size=5)


def test_canonical_text_is_json_with_sorted_keys_no_blanks_and_text_as_it_is() -> None:
    assert canonical({"b": [1, 2.5, None], "a": "é\n"}) == '{"a":"é\\n","b":[1,2.5,null]}'


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_json_cannot_say_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical({"loss": [number]})
    with pytest.raises(ValueError, match="not JSON compliant"):
        record_id("pair", {"loss": number})


def test_a_value_that_json_cannot_say_is_refused() -> None:
    with pytest.raises(TypeError):
        canonical({"words": {"a", "b"}})


def test_a_digest_is_the_first_128_bits_of_sha_256() -> None:
    assert digest({"a": 1}) == hashlib.sha256(b'{"a":1}').hexdigest()[:32]


def test_a_record_id_hashes_kind_content_and_parents_in_this_very_form() -> None:
    text = '{"content":{"text":"Genoa"},"kind":"document","parents":[["p1","item"],["p2","source"]]}'
    expected = hashlib.sha256(text.encode()).hexdigest()[:32]
    assert record_id("document", {"text": "Genoa"}, [("p2", "source"), ("p1", "item")]) == expected


@given(content=CONTENT, parents=PARENTS)
def test_equal_content_has_an_equal_id_whatever_the_order_of_its_keys(
    content: dict[str, object], parents: list[tuple[str, str]]
) -> None:
    again = dict(reversed(content.items()))
    assert record_id("pair", again, parents) == record_id("pair", content, parents)


@given(content=CONTENT, parents=PARENTS, data=st.data())
def test_the_order_of_parents_and_naming_one_twice_are_irrelevant(
    content: dict[str, object], parents: list[tuple[str, str]], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(parents + parents[:1]))
    assert record_id("pair", content, shuffled) == record_id("pair", content, parents)


def test_the_role_of_a_parent_is_part_of_the_id() -> None:
    as_document = record_id("pair", {"text": "x"}, [("p", "document")])
    assert as_document != record_id("pair", {"text": "x"}, [("p", "fragment")])
    assert as_document != record_id("pair", {"text": "x"})


def test_two_parents_that_swap_roles_make_another_id() -> None:
    one = record_id("pair", {}, [("p", "document"), ("q", "fragment")])
    assert one != record_id("pair", {}, [("q", "document"), ("p", "fragment")])


@given(content=CONTENT, parents=PARENTS)
def test_kinds_separate_ids(content: dict[str, object], parents: list[tuple[str, str]]) -> None:
    assert record_id("pair", content, parents) != record_id("document", content, parents)


@given(content=CONTENT, other=JSON)
def test_other_content_is_another_id(content: dict[str, object], other: object) -> None:
    changed, base = {**content, "field": other}, {**content, "field": "x"}
    assert (record_id("pair", changed) == record_id("pair", base)) == (other == "x")


@given(parts=st.lists(st.text() | st.integers() | st.none(), max_size=4))
def test_a_row_seed_fits_into_63_bits(parts: list[object]) -> None:
    assert 0 <= row_seed(*parts) < 2**63


def test_a_row_seed_uses_the_whole_range() -> None:
    seeds = [row_seed(7, "row", number) for number in range(200)]
    assert len(set(seeds)) == 200
    assert min(seeds) < 2**57
    assert max(seeds) > 2**63 - 2**57


def test_a_row_seed_is_the_top_63_bits_of_the_digest_of_its_parts_as_text() -> None:
    whole = hashlib.sha256(b'["2308","answer","abc"]').digest()
    assert row_seed(2308, "answer", "abc") == int.from_bytes(whole[:8], "big") >> 1


def test_where_one_part_of_a_seed_ends_matters() -> None:
    assert len({row_seed("a", "b"), row_seed("ab"), row_seed("a", "b", ""), row_seed("b", "a")}) == 4


@given(st.lists(st.text()))
def test_texts_in_turn_have_the_digest_of_their_list(texts: list[str]) -> None:
    """A list of a million ids is hashed without being in memory."""
    assert digest_of_texts(iter(texts)) == digest(texts)
