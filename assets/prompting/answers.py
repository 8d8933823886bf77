"""What happens to a pair once the model has written its instruction or its answer; the same for every method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assets.prompting.unwrapping import unwrapped_answer
from resources.models.calls import Completion, TokenLoss, Vector
from warehouse.core.identity import Parent
from warehouse.core.sentences import whole_sentences
from warehouse.core.texts import has_word
from warehouse.results.result import Gate


def unanswered(gate: Gate, row: Mapping[str, object], answer: Completion, parents: Sequence[Parent]) -> bool:
    """Whether the model gave no answer. Then `row` has failed, or is rejected.

    It is rejected where the prompt is too long, or where the model only thought: its thoughts used up its tokens, or it
    ended after them."""
    if failed(gate, row, answer, parents):
        return True
    if has_word(answer.text):
        return False
    if answer.thought_cut_off:
        gate.reject(row, "thought cut off", parents)
    elif answer.thoughts:
        gate.reject(row, "no answer after the thoughts", parents)
    else:
        return False
    return True


def failed(
    gate: Gate, row: Mapping[str, object], answer: Completion | TokenLoss | Vector, parents: Sequence[Parent]
) -> bool:
    """Whether the model failed or refused to read the prompt. Then `row` has failed or is rejected."""
    if answer.error:
        gate.fail(row, answer.error, parents)
    elif refusal := getattr(answer, "refusal", None):
        gate.reject(row, refusal, parents)
    else:
        return False
    return True


def lacks_instruction(gate: Gate, row: Mapping[str, str], completion: Completion, parents: Sequence[Parent]) -> bool:
    """Whether the model wrote no complete instruction into `row`. Then `row` has failed or is rejected.

    A text without a letter or digit counts as empty (ours); answers have the same rule.
    """
    if unanswered(gate, row, completion, parents):
        return True
    if not has_word(row["instruction"]):
        gate.reject(row, "no instruction", parents)
    elif not completion.complete:
        gate.reject(row, "instruction cut off", parents)
    else:
        return False
    return True


def response_of(completion: Completion) -> str:
    """The response in a completion, without what models wrap around it (see unwrapping.py).

    A response that was cut off ends at its last whole sentence (ours), which is "" where it has none."""
    return whole_sentences(unwrapped_answer(completion.text), completion.complete)


def lacks_answer(gate: Gate, row: Mapping[str, str], completion: Completion, parents: Sequence[Parent]) -> bool:
    """Whether the model wrote no whole sentence into `row` as its response. Then `row` has failed or is rejected."""
    if unanswered(gate, row, completion, parents):
        return True
    if has_word(row["response"]):
        return False
    gate.reject(row, "no whole sentence", parents)
    return True


def decide_answer(gate: Gate, pair: Mapping[str, str], completion: Completion, parents: Sequence[Parent]) -> str:
    """Decide about `pair` with the completion as its response; return the response, or "" where it is not kept.

    Without a whole sentence the pair is rejected.
    """
    row = {**pair, "response": response_of(completion)}
    made_of = [*parents, (completion.call, "call")]
    if lacks_answer(gate, row, completion, made_of):
        return ""
    gate.keep(row, made_of)
    return row["response"]
