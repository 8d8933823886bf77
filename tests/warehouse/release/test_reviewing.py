"""A decision by a person stands beside the rules for good. So who, when and why are always on record, and what cannot
be applied is refused with its reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.building import query, store
from warehouse.lineage.reviews import read_reviews
from warehouse.release.reviewing import NotReviewed, review

RAW = "raw_self_instruct"


def row(data: Path, outcome: str = "kept", asset: str = RAW) -> str:
    found = query(data, f"SELECT record FROM lineage.outcomes WHERE asset = '{asset}' AND outcome = '{outcome}'")
    return str(found["record"][0])


def test_a_review_has_who_when_why_and_where_the_row_was_made(own: tuple[Path, Path]) -> None:
    _, data = own
    database, kept = store(data).database, row(data)
    review(database, kept, "reject", " Ann ", " too vague ")
    review(database, kept, "edit", "Bob", "clearer", {"instruction": "what is a river ?"})
    with database.read() as connection:
        first, second = read_reviews(connection).history
        assert read_reviews(connection).entries == (second,)
    assert (first.record, first.verdict, first.reviewer, first.reason) == (kept, "reject", "Ann", "too vague")
    assert first.makers == second.makers == (RAW,)
    assert first.content is None
    says = query(data, f"SELECT * EXCLUDE (id) FROM records.pair WHERE id = '{kept}'").row(0, named=True)
    assert second.content == says | {"instruction": "what is a river ?"}
    assert first.reviewed_at < second.reviewed_at
    review(database, kept, "clear", "Ann", "agreed otherwise")
    with database.read() as connection:
        found = read_reviews(connection)
    assert (found.entries, len(found.history)) == ((), 3)


def test_what_cannot_be_applied_is_refused_and_not_recorded(own: tuple[Path, Path]) -> None:
    _, data = own
    database, kept = store(data).database, row(data)
    document = row(data, asset="documents")

    def refused(*args: object, message: str) -> None:
        with pytest.raises(NotReviewed) as error:
            review(database, *args)  # type: ignore[arg-type]
        assert str(error.value) == message

    refused(kept, "delete", "Ann", "x", message="a review is one of accept, reject, edit, clear; found 'delete'")
    who = "a review needs the name of who decides, found none; both are kept with the decision"
    refused(kept, "reject", " ", "x", message=who)
    refused(kept, "reject", "Ann", "", message=who.replace("the name of who decides", "a reason"))
    refused("f" * 32, "reject", "Ann", "x", message=f"no record has the id '{'f' * 32}'")
    refused(
        document,
        "reject",
        "Ann",
        "x",
        message=f"{document[:9]} is a document; people decide about pairs only: withdraw a row of a source",
    )
    refused(kept, "clear", "Ann", "x", message=f"nobody has decided about {kept[:9]}, so there is nothing to take back")
    refused(kept, "edit", "Ann", "x", {}, message="the edit changes nothing: accept the row instead")
    with pytest.raises(NotReviewed, match="the edited row cannot be kept: instruction breaks"):
        review(database, kept, "edit", "Ann", "x", {"instruction": ""})
    assert len(query(data, "FROM lineage.reviews")) == 0
