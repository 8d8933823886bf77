"""An error about too few rows says which rules removed the others, so that the user knows which key to change."""

from __future__ import annotations

from warehouse.results.shortage import Loss, TooFewRows, deciding_key, largest_first, losses_of


def test_losses_of_the_same_rule_are_added_up_and_the_largest_is_first() -> None:
    losses = [Loss(2, "too long", "a.words"), Loss(3, "no answer", "a.tokens"), Loss(2, "too long", "a.words")]
    assert largest_first(losses) == (Loss(4, "too long", "a.words"), Loss(3, "no answer", "a.tokens"))


def test_the_message_lists_five_reasons_and_counts_the_rest() -> None:
    losses = [Loss(10 - number, f"reason {number}", f"key.{number}" if number else "") for number in range(7)]
    assert str(TooFewRows("it has 1 row, 2 are needed", "lower it", losses)) == (
        "it has 1 row, 2 are needed; removed were: 10 'reason 0', 9 'reason 1' (key.1), 8 'reason 2' (key.2), "
        "7 'reason 3' (key.3), 6 'reason 4' (key.4), 9 for 2 other reasons; lower it"
    )


def test_without_losses_the_message_has_no_list_and_later_ones_are_added() -> None:
    few = TooFewRows("it has 1 row", "lower it")
    assert str(few) == "it has 1 row; lower it"
    assert (
        str(few.with_losses([Loss(3, "cut off", "tokens")]))
        == "it has 1 row; removed were: 3 'cut off' (tokens); lower it"
    )


def test_where_most_rows_failed_the_advice_is_to_build_again() -> None:
    losses = [Loss(24, "answers HTTP 500", "retries"), Loss(2, "too short", "words")]
    assert str(TooFewRows("it has 1 row", "generate more", losses)) == (
        "it has 1 row; removed were: 24 'answers HTTP 500' (retries), 2 'too short' (words); "
        "mend what failed and build again"
    )


def test_the_longest_fitting_start_decides_the_key() -> None:
    remedies = {"": "rules", "too": "words", "too short": "words.0"}
    assert [deciding_key(remedies, "rejected", reason) for reason in ("too short", "too long", "other")] == [
        "words.0",
        "words",
        "rules",
    ]
    assert deciding_key({"too": "words"}, "rejected", "other") == ""


def test_kept_rows_are_no_loss_and_failed_rows_may_be_tried_again() -> None:
    counts = {("kept", ""): 5, ("failed", "too slow"): 2, ("rejected", "too slow"): 1}
    assert losses_of(counts, {"too": "words"}) == [Loss(2, "too slow", "retries"), Loss(1, "too slow", "words")]
