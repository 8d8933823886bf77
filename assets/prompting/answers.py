"""What becomes of a pair once the model has written its instruction or its answer, whichever method asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assets.prompting.parsing import whole_sentences
from resources.models.calls import Completion, TokenLoss, Vector
from warehouse.core.identity import Parent
from warehouse.core.texts import normalized
from warehouse.results.result import Gate


def unanswered(
    gate: Gate, row: Mapping[str, object], answer: Completion | TokenLoss | Vector, parents: Sequence[Parent]
) -> bool:
    """Whether the model gave no answer; `row` has then failed, or is rejected where the model has no room for it."""
    if answer.error:
        gate.fail(row, answer.error, parents)
    elif refusal := getattr(answer, "refusal", None):
        gate.reject(row, refusal, parents)
    else:
        return False
    return True


def unwritten(gate: Gate, row: Mapping[str, str], completion: Completion, parents: Sequence[Parent]) -> bool:
    """Whether the model wrote no whole instruction into `row`, which has then failed or is rejected.

    A text without a letter or digit says nothing (ours, here and in an answer).
    """
    if unanswered(gate, row, completion, parents):
        return True
    if not normalized(row["instruction"]):
        gate.reject(row, "no instruction", parents)
    elif not completion.complete:
        gate.reject(row, "instruction cut off", parents)
    else:
        return False
    return True


def decide_answer(gate: Gate, pair: Mapping[str, str], completion: Completion, parents: Sequence[Parent]) -> str:
    """Keeps `pair` (all but its response) with the completion as response, or says why not; the response, "" for none.

    A response that was cut off ends at its last whole sentence (ours); one without any is rejected.
    """
    row = {**pair, "response": whole_sentences(completion.text, completion.complete)}
    made_of = [*parents, (completion.call, "call")]
    if unanswered(gate, row, completion, made_of):
        return ""
    if not normalized(row["response"]):
        gate.reject(row, "no whole sentence", made_of)
        return ""
    gate.keep(row, made_of)
    return row["response"]
