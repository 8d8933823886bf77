"""Nobody recomputes the numbers of a leaderboard by hand, so an error in a metric would stay unnoticed. These tests
compare each metric with values counted by hand and with the values of published libraries."""

from __future__ import annotations

import unicodedata

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.stem.porter import PorterStemmer
from nltk.tokenize import wordpunct_tokenize
from nltk.translate.meteor_score import single_meteor_score
from rouge_score.rouge_scorer import RougeScorer

from assets.evaluation.answering import score as score_by
from assets.evaluation.benchmarks.longform import compare
from assets.evaluation.benchmarks.metrics import METRICS, meteor_exact_stem, rouge_l
from warehouse.core.identity import digest, record_id
from warehouse.results.result import Result
from warehouse.schema.records import Score

TEXTS = st.text(max_size=40) | st.text(alphabet="a cats.", max_size=40)
PAIRS = [
    ("the cat sat", "the cat sat"),
    ("The cats sat on the mat.", "A cat is sitting on the mat"),
    ("on the mat sat the cat", "the cat sat on the mat"),
    ("pesto", "Crush the basil with salt, then add oil."),
    ("Crush the basil, crush the garlic; add the oil.", "Crush garlic and basil, adding oil slowly."),
    ("", "the cat sat"),
    ("the cat sat", ""),
    ("... !!", "the cat sat"),
]
PACKAGE = RougeScorer(["rougeL"], use_stemmer=True)
SCRIPTS = (
    "茶是一种饮料，它很好喝。",
    "私は毎朝お茶を飲みます。",
    "ชาเป็นเครื่องดื่มที่คนไทยชอบ",
    "दिल्ली भारत की राजधानी है।",
    "القاهرة هي عاصمة مصر؟",
    "Москва — столица России.",
    "서울은 한국의 수도입니다.",
)


class NoSynonyms:
    def synsets(self, word: str) -> list[object]:
        return []


def meteor(matches: int, chunks: int, predicted: int, expected: int) -> float:
    """The published formula (https://aclanthology.org/W05-0909, section 2.2) with nltk's parameters."""
    precision, recall = matches / predicted, matches / expected
    mean = precision * recall / (0.9 * precision + 0.1 * recall)
    return mean * (1 - 0.5 * (chunks / matches) ** 3)


def nltk_meteor(prediction: str, expected: str) -> float:
    words = (wordpunct_tokenize(text) for text in (expected, prediction))
    return float(single_meteor_score(*words, stemmer=PorterStemmer(), wordnet=NoSynonyms()))


@pytest.mark.parametrize(
    ("prediction", "expected", "counts"),
    [
        ("the cat sat", "the cat sat", (3, 1, 3, 3)),
        ("The CAT sat", "the cat sat", (3, 1, 3, 3)),
        ("the cat", "the cat sat", (2, 1, 2, 3)),
        ("the cat sat down there", "the cat sat", (3, 1, 5, 3)),
        ("sat the cat", "the cat sat", (3, 2, 3, 3)),
        ("the dog sat", "the cat sat", (2, 2, 3, 3)),
        ("the cats sat", "the cat sat", (3, 1, 3, 3)),
        ("the cat sat.", "the cat sat", (3, 1, 4, 3)),
    ],
)
def test_meteor_follows_its_formula_of_matches_chunks_and_words(
    prediction: str, expected: str, counts: tuple[int, int, int, int]
) -> None:
    assert meteor_exact_stem(prediction, expected) == pytest.approx(meteor(*counts), abs=1e-12)


def test_meteor_does_not_match_synonyms() -> None:
    assert meteor_exact_stem("automobile", "car") == 0.0


@pytest.mark.parametrize(("prediction", "expected"), PAIRS)
def test_meteor_equals_nltk_without_wordnet(prediction: str, expected: str) -> None:
    assert meteor_exact_stem(prediction, expected) == nltk_meteor(prediction, expected)


@pytest.mark.parametrize(
    ("prediction", "expected", "value"),
    [
        # F = 2 * longest common subsequence / (words in the prediction + words in the reference).
        ("the cat sat", "the cat sat", 1.0),
        ("the cat", "the cat sat", 2 * 2 / 5),
        ("sat the cat", "the cat sat", 2 * 2 / 6),
        ("The cats were sitting.", "the cat was sitting", 2 * 3 / 8),
        ("dog", "cat", 0.0),
    ],
)
def test_rouge_l_is_the_f_measure_over_stems(prediction: str, expected: str, value: float) -> None:
    assert rouge_l(prediction, expected) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize(("prediction", "expected"), PAIRS)
def test_rouge_l_equals_the_rouge_score_package(prediction: str, expected: str) -> None:
    assert rouge_l(prediction, expected) == PACKAGE.score(expected, prediction)["rougeL"].fmeasure


@pytest.mark.parametrize("text", [*SCRIPTS, *("+", "😀", "...", "\u1112\u1161\u11ab", "Cafe\u0301"), PAIRS[1][0]])
def test_rouge_l_of_a_text_with_itself_is_one_in_any_script(text: str) -> None:
    assert rouge_l(text, text) == rouge_l(unicodedata.normalize("NFD", text), f" {text.upper()}\n") == 1.0


@pytest.mark.parametrize("text", SCRIPTS)
def test_both_metrics_compare_words_in_any_script(text: str) -> None:
    half = text[: len(text) // 2]
    for name in METRICS:
        assert 0.0 < METRICS[name](half, text) < METRICS[name](text, text)
        assert METRICS[name]("basil", text) == 0.0


def test_words_of_chinese_and_hindi_are_counted() -> None:
    # ICU: 茶 是 一种 饮料 and 水 是 一种 饮料; METEOR counts the full stop as well.
    assert rouge_l("茶是一种饮料。", "水是一种饮料。") == 0.75
    assert meteor_exact_stem("茶是一种饮料。", "水是一种饮料。") == pytest.approx(meteor(4, 1, 5, 5))
    assert rouge_l("दिल्ली राजधानी है।", "मुंबई राजधानी है।") == pytest.approx(2 / 3)
    assert meteor_exact_stem("काली", "केला") == rouge_l("काली", "केला") == 0.0


ASCII = st.text(alphabet=st.characters(max_codepoint=127), max_size=40).filter(lambda text: any(map(str.isalnum, text)))


@given(prediction=ASCII, expected=ASCII | st.sampled_from([text for pair in PAIRS for text in pair]))
def test_english_scores_are_those_of_the_packages(prediction: str, expected: str) -> None:
    assert rouge_l(prediction, expected) == PACKAGE.score(expected, prediction)["rougeL"].fmeasure
    assert meteor_exact_stem(prediction, expected) == nltk_meteor(prediction, expected)


def test_metrics_give_the_documented_example() -> None:
    assert round(meteor_exact_stem("the cat sat", "the cat sat"), 3) == 0.981
    assert rouge_l("the cat sat", "the cat sat") == 1.0


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("prediction", ["", " ", "\n"])
def test_an_empty_prediction_scores_zero(name: str, prediction: str) -> None:
    assert METRICS[name](prediction, "the cat sat") == 0.0
    assert METRICS[name](prediction, "") == 0.0


def test_meteor_depends_on_which_text_is_the_reference() -> None:
    # METEOR gives recall nine times the weight of precision.
    assert meteor_exact_stem("the cat", "the cat sat") < meteor_exact_stem("the cat sat", "the cat")


@pytest.mark.parametrize("name", METRICS)
@settings(deadline=None)
@given(prediction=TEXTS, expected=TEXTS)
def test_any_metric_value_is_between_0_and_1(name: str, prediction: str, expected: str) -> None:
    value = METRICS[name](prediction, expected)
    assert isinstance(value, float)
    assert 0.0 <= value <= 1.0


ITEMS = pl.DataFrame({"id": [digest("item 0"), digest("item 1")], "reference": ["the cat sat", "crush the basil"]})


def score(predictions: pl.DataFrame, items: pl.DataFrame) -> Result:
    return score_by(predictions, items, list(METRICS), compare)


def predictions(arm: str, *texts: str) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "id": digest([arm, number]),
                "benchmark": "longform",
                "arm": arm,
                "seed": 1,
                "item": ITEMS["id"][number],
                "text": text,
            }
            for number, text in enumerate(texts)
        ],
        schema=dict.fromkeys(["id", "benchmark", "arm", "item", "text"], pl.String) | {"seed": pl.Int64},
    )


def test_every_prediction_is_scored_by_every_metric() -> None:
    result = score(predictions("self_instruct", "the cat sat", ""), ITEMS)
    assert result.model is Score
    assert result.kept.drop("id").rows() == [
        ("longform", "self_instruct", 1, digest("item 0"), "meteor_exact_stem", pytest.approx(meteor(3, 1, 3, 3))),
        ("longform", "self_instruct", 1, digest("item 0"), "rouge_l", 1.0),
        ("longform", "self_instruct", 1, digest("item 1"), "meteor_exact_stem", 0.0),
        ("longform", "self_instruct", 1, digest("item 1"), "rouge_l", 0.0),
    ]
    assert result.counts() == {("kept", ""): 4}


def test_a_score_has_edges_to_its_prediction_and_its_item() -> None:
    result = score(predictions("self_instruct", "the cat sat"), ITEMS)
    parents = [(digest(["self_instruct", 0]), "prediction"), (digest("item 0"), "item")]
    assert result.edges.rows() == [(child, *parent) for child in result.kept["id"] for parent in parents]
    content = {
        "benchmark": "longform",
        "arm": "self_instruct",
        "seed": 1,
        "item": digest("item 0"),
        "metric": "rouge_l",
        "value": 1.0,
    }
    assert result.kept["id"][1] == record_id("score", content, parents)


def test_a_prediction_is_compared_with_the_reference_of_the_same_item() -> None:
    result = score(predictions("self_instruct", "crush the basil", "crush the basil"), ITEMS.reverse())
    by_rouge = result.kept.filter(pl.col("metric") == "rouge_l")
    assert by_rouge["value"].to_list() == pytest.approx([1 / 3, 1.0])


def test_no_predictions_give_no_scores() -> None:
    assert len(score(predictions("self_instruct"), ITEMS).decisions) == 0
