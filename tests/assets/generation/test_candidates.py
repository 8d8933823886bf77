"""One of several candidates is chosen by a measure. These tests check which one, that every other stays on record with
its score, that a failure of the model is no poor candidate, and that one more costs only its own calls."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from assets.generation.candidates import NOT_CHOSEN, Candidate, choose, seeds
from assets.planning.graph import steps
from assets.prompting.alignment import NOTHING
from assets.prompting.pairs import pair
from assets.recipe.filters import Heuristics
from assets.recipe.parts import CandidatesPart
from resources.models.calls import Prompt, TokenLoss
from tests.support.building import build, edit, planned, query
from tests.support.recipes import complaints, parsed, put, starter
from warehouse.core.identity import digest, row_seed
from warehouse.results.result import Gate, Result
from warehouse.results.validation import validated
from warehouse.schema.records import Pair

TEXT = "Pesto is a sauce from Genoa."


def candidate(instruction: str) -> Candidate:
    return Candidate(pair("m", instruction, response=TEXT), ((digest(["call", instruction]), "call"),))


class Reader:
    """Loses 3 nats per token on any text after an empty turn, and else what its script says of the question."""

    def __init__(self, **losses: float | str) -> None:
        self.script, self.asked = losses, 0

    def losses(self, texts: Sequence[tuple[Prompt, str]], ends: bool = False) -> list[TokenLoss]:
        self.asked += len(texts)
        return [self._loss(prompt, text) for prompt, text in texts]

    def _loss(self, prompt: Prompt, text: str) -> TokenLoss:
        call = digest(["loss", prompt.messages, text])
        if prompt == NOTHING:
            return TokenLoss(3.0, 5, call)
        found = self.script[prompt.messages[-1][1]]
        if found == "refused":
            return TokenLoss(0.0, 0, call, refusal="too long")
        return TokenLoss(0.0, 0, call, error=found) if isinstance(found, str) else TokenLoss(found, 5, call)


def chosen(settings: CandidatesPart, reader: Reader, *groups: list[str], rules: Heuristics | None = None) -> Result:
    gate = Gate(Pair, sum(map(len, groups)))
    choose(gate, [[candidate(one) for one in group] for group in groups], settings, reader, rules)
    return validated(gate.result())


def rows(result: Result) -> list[tuple[Any, ...]]:
    """(instruction, outcome, reason, score, cut) of every candidate."""
    kept = dict(zip(result.kept["id"], result.kept["instruction"], strict=True))
    dropped = {
        row: str(content).split('"instruction":"')[1].split('"')[0]
        for row, content in zip(result.dropped["id"], result.dropped["content"], strict=True)
    }
    return [
        ((kept | dropped)[row["record"]], row["outcome"], row["reason"], row["score"], row["cut"])
        for row in result.decisions.iter_rows(named=True)
    ]


def test_the_highest_gain_is_kept_and_the_others_stay_with_their_scores() -> None:
    result = chosen(CandidatesPart(candidates=3), Reader(A=2.5, B=2.0, C=2.75, D=3.25), ["A", "B", "C"], ["D"])
    assert rows(result) == [
        ("B", "kept", None, 1.0, None),
        ("D", "kept", None, -0.25, None),
        ("A", "rejected", NOT_CHOSEN, 0.5, 1.0),
        ("C", "rejected", NOT_CHOSEN, 0.25, 1.0),
    ]
    rejected = result.decisions.filter(outcome="rejected")
    assert rejected["duplicate_of"].unique().to_list() == [result.kept["id"][0]]
    assert set(result.edges.filter(child=result.kept["id"][0])["role"]) == {"call", "choice"}


def test_of_equal_scores_the_first_is_kept() -> None:
    result = chosen(CandidatesPart(candidates=2), Reader(A=2.5, B=2.5), ["A", "B"])
    assert rows(result)[0][:2] == ("A", "kept")


def test_a_single_candidate_is_not_measured() -> None:
    reader = Reader()
    result = chosen(CandidatesPart(), reader, ["A"], [], ["B"])
    assert rows(result) == [("A", "kept", None, None, None), ("B", "kept", None, None, None)]
    assert reader.asked == 0
    assert set(result.edges["role"]) == {"call"}


def test_the_first_is_chosen_without_a_measure() -> None:
    reader = Reader()
    result = chosen(CandidatesPart(candidates=2, choose="first"), reader, ["A", "B"])
    assert rows(result) == [("A", "kept", None, None, None), ("B", "rejected", NOT_CHOSEN, None, None)]
    assert reader.asked == 0


RULES = CandidatesPart(candidates=3, choose="rules")


def test_rules_choose_the_first_candidate_that_breaks_none() -> None:
    reader = Reader()
    heuristics = Heuristics(instruction_words=(3, 9), unwanted={"shouting": ("[A-Z]{4}",)})
    said = chosen(RULES, reader, ["Pesto?", "What is PESTO?", "What is Pesto?", "Name the sauce."], rules=heuristics)
    assert rows(said) == [
        ("What is Pesto?", "kept", None, 1.0, None),
        ("Pesto?", "rejected", NOT_CHOSEN, 0.0, 1.0),
        ("What is PESTO?", "rejected", NOT_CHOSEN, 0.0, 1.0),
        ("Name the sauce.", "rejected", NOT_CHOSEN, 1.0, 1.0),
    ]
    assert reader.asked == 0


def test_where_every_candidate_breaks_a_rule_the_first_is_kept() -> None:
    assert rows(chosen(RULES, Reader(), ["Pesto?", "Rye?"], rules=Heuristics())) == [
        ("Pesto?", "kept", None, 0.0, None),
        ("Rye?", "rejected", NOT_CHOSEN, 0.0, 0.0),
    ]


def test_a_method_depends_on_the_rules_only_where_they_choose() -> None:
    key = "enhancement.heuristics"

    def slice_(settings: dict[str, Any]) -> Any:
        values = put(starter(), "generation.self_training", starter()["generation"]["self_training"] | settings)
        return next(step.slice for step in steps(parsed(values)) if step.asset == "raw_self_training")

    assert key not in slice_({}) | slice_({"candidates": 4}) | slice_({"choose": "rules"})
    assert slice_({}) == slice_({"candidates": 1, "choose": "gain"})
    rules = slice_({"candidates": 4, "choose": "rules"})
    assert rules[key]["response_words"] == [8, 120]
    assert rules.keys() - slice_({}).keys() == {key}


def test_a_candidate_at_which_the_model_failed_has_failed_and_one_without_a_value_comes_last() -> None:
    reader = Reader(A="out of memory", B="refused", C=3.5)
    assert rows(chosen(CandidatesPart(candidates=3), reader, ["A", "B", "C"])) == [
        ("C", "kept", None, -0.5, None),
        ("A", "failed", "out of memory", None, None),
        ("B", "rejected", NOT_CHOSEN, None, -0.5),
    ]
    assert rows(chosen(CandidatesPart(candidates=3), reader, ["A", "B"])) == [
        ("B", "kept", None, None, None),
        ("A", "failed", "out of memory", None, None),
    ]


def test_a_rating_chooses_by_the_expected_score() -> None:
    class Rater(Reader):
        def _loss(self, prompt: Prompt, text: str) -> TokenLoss:
            likely = "5" if "\nB\n" in prompt.messages[-1][1] else "2"
            return TokenLoss(0.0 if text == likely else 50.0, 1, digest([prompt.messages, text]))

    result = chosen(CandidatesPart(candidates=2, choose="rating"), Rater(), ["A", "B"])
    assert [(one, outcome, score) for one, outcome, _, score, _ in rows(result)] == [
        ("B", "kept", pytest.approx(5)),
        ("A", "rejected", pytest.approx(2)),
    ]


def test_the_first_candidate_is_drawn_as_a_single_one() -> None:
    assert seeds(1, 7, "m", "text") == [row_seed(7, "m", "text")]
    assert seeds(3, 7, "m", "text")[:2] == seeds(2, 7, "m", "text")
    assert len(set(seeds(50, 7, "m", "text"))) == 50


@pytest.mark.parametrize(
    ("method", "key"),
    [
        ("instruction_generation", "instruction"),
        ("extract_then_generate", "instruction"),
        ("self_training", "response"),
    ],
)
def test_candidates_that_would_all_be_equal_are_refused(method: str, key: str) -> None:
    path = f"generation.{method}"
    assert complaints((f"{path}.candidates", 4), (f"{path}.{key}.temperature", 0.0)) == [
        f"{path}.candidates: found 4; at temperature 0 all are equal; raise {path}.{key}.temperature"
    ]


def test_instructions_of_back_translation_that_would_all_be_equal_are_refused() -> None:
    greedy = {"candidates": 2, "instruction": {"max_new_tokens": 8, "temperature": 0}, "rating": {"max_new_tokens": 8}}
    assert complaints(("generation.back_translation", greedy | {"iterations": 1})) == [
        "generation.back_translation.candidates: found 2; at temperature 0 all are equal; "
        "raise generation.back_translation.instruction.temperature"
    ]


@pytest.mark.parametrize("method", ["instruction_generation", "self_training"])
def test_one_more_candidate_costs_only_its_own_calls(own: tuple[Path, Path], method: str) -> None:
    recipe, data = own
    asset, texts = f"raw_{method}", query(data, f"SELECT id FROM raw_{method}").height

    def outcomes() -> dict[str, int]:
        found = query(
            data,
            "SELECT coalesce(reason, outcome) AS what, count(*) AS rows FROM lineage.decisions "
            f"JOIN lineage.current USING (asset, version) WHERE asset = '{asset}' GROUP BY 1",
        )
        return dict(found.rows())

    edit(recipe, lambda values: values["generation"][method].update(candidates=2))
    plan = planned(recipe, data, selection=asset)[asset]
    log, failures = build(recipe, data, asset)
    assert failures == []
    assert 0 < log.computed[asset] <= (plan.calls or 0)
    two = outcomes()
    assert sum(two.values()) == 2 * 12
    assert two["kept"] >= texts  # more candidates, more of them complete
    assert two[NOT_CHOSEN] > 0
    first = set(query(data, "SELECT key FROM memo.calls")["key"])

    edit(recipe, lambda values: values["generation"][method].update(candidates=3))
    log, failures = build(recipe, data, asset)
    assert failures == []
    three = outcomes()
    assert sum(three.values()) == 3 * 12
    assert first <= set(query(data, "SELECT key FROM memo.calls")["key"])
    # A completion each, and the loss after its instruction; a text of its own also needs the loss after nothing.
    assert log.computed[asset] <= 12 * (2 if method == "instruction_generation" else 3)
