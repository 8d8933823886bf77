"""How well an instruction and a response belong together, by the losses of a model or by their embeddings.

All losses are mean token losses in nats. y is the response, x the instruction with its input.

- `response_given_instruction`, the perplexity exp(L(y|x)): the filter of arXiv 2308.12711, section 3, which gives no
  formula. Across texts it ranks easy texts first, whatever their instruction. Between instructions for one text it
  ranks as the gain does.
- `response_alone` and `instruction_given_response`: exp(L(y)) over the bare text, and exp(L(x|y)) in the prompt of the
  backward model. The second ranks usual instructions first.
- `ifd`, instruction-following difficulty (arXiv 2308.12032, section 2.2): L(y|x) / L(y|nothing). Both losses are
  measured in the chat template, the second after an empty user turn, as the published code does it with its own
  template. As a ratio it rates a help of the same size higher in an easy text than in a hard one.
- `gain` (ours): L(y|nothing) - L(y|x), in the chat template and with the end of the turn. It is the pointwise mutual
  information of x and y per token of y, as the model sees it: how much the instruction helps to predict the response.
  The end of the turn counts because instructions ask for short or long answers.
- `similarity`: the cosine of the sentence embeddings of x and y. It favours instructions that repeat words of the text.
- `random`: a hash of the texts, from 0 to 1: a control that measures nothing.

Worked example: if a response has a mean loss of 3.3 nats after an empty turn and 2.5 after its instruction, its gain is
0.8 and its IFD 0.76. After an instruction that belongs to another text its loss is 3.2: gain 0.1, IFD 0.97.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from assets.prompting.prompts import answer, instruction_for, with_input
from resources.models.calls import Prompt, Reader, TokenLoss, Vector
from warehouse.core.identity import row_seed

GAIN, IFD, RANDOM, SIMILARITY = "gain", "ifd", "random", "similarity"
NOTHING = Prompt.ask("")
"""An empty user turn: what a response is measured after where it has no instruction."""

PairTexts = Mapping[str, str]
"""A pair's instruction, input and response."""

Embed = Callable[[Sequence[str]], Sequence[Vector]]


@dataclass(frozen=True)
class Measured:
    """The `value` of a measure for a pair, None where it can never have one; `tokens` are those whose loss is measured.

    `calls` are the ids of the model calls. `error` is set where a model failed, so that a later build may measure it,
    and `refusal` where the model cannot read the texts.
    """

    value: float | None
    tokens: int = 0
    calls: tuple[str, ...] = ()
    error: str | None = None
    refusal: str | None = None


def reads_model(measure: str) -> bool:
    """Whether the measure needs the losses of a model."""
    return measure not in (SIMILARITY, RANDOM)


def prefers_high(measure: str) -> bool:
    """Whether pairs with high values of the measure are the better ones."""
    return measure in (GAIN, IFD, RANDOM, SIMILARITY)


def measured(measure: str, pairs: Sequence[PairTexts], reader: Reader, embed: Embed) -> list[Measured]:
    """The measure of each pair, in order."""
    if measure == GAIN:
        return gains(pairs, reader)
    if measure == IFD:
        return _compared(pairs, reader, _ratio)
    if measure == SIMILARITY:
        return _similarities(pairs, embed)
    if measure == RANDOM:
        return [
            Measured(row_seed(0, RANDOM, one["instruction"], one["input"], one["response"]) / 2**63) for one in pairs
        ]
    return [
        Measured(_perplexity(loss), loss.tokens, (loss.call,), loss.error, loss.refusal)
        for loss in reader.losses([measured_text(measure, one) for one in pairs])
    ]


def measured_text(measure: str, pair: PairTexts) -> tuple[Prompt, str]:
    """(the prompt, the text whose loss is measured) of a perplexity."""
    if measure == "response_given_instruction":
        return answer(pair["instruction"], pair["input"]), pair["response"]
    if measure == "response_alone":
        return Prompt(), pair["response"]
    return instruction_for(pair["response"]), with_input(pair["instruction"], pair["input"])


def gains(pairs: Sequence[PairTexts], reader: Reader) -> list[Measured]:
    """The gain of each pair, in order."""
    return _compared(pairs, reader, lambda given, alone: alone.mean - given.mean, ends=True)


def _compared(
    pairs: Sequence[PairTexts],
    reader: Reader,
    compare: Callable[[TokenLoss, TokenLoss], float | None],
    ends: bool = False,
) -> list[Measured]:
    """What `compare` makes of the losses of each response after its instruction and after nothing."""
    asked = [(answer(one["instruction"], one["input"]), one["response"]) for one in pairs]
    losses = reader.losses([*asked, *((NOTHING, one["response"]) for one in pairs)], ends)
    found = []
    for given, alone in zip(losses[: len(pairs)], losses[len(pairs) :], strict=True):
        error = given.error or alone.error
        refusal = given.refusal or alone.refusal
        value = None if error or refusal else compare(given, alone)
        found.append(Measured(value, given.tokens, (given.call, alone.call), error, refusal))
    return found


def _perplexity(loss: TokenLoss) -> float | None:
    if loss.error or loss.refusal:
        return None
    try:
        return math.exp(loss.mean)
    except OverflowError:
        return None


def _ratio(given: TokenLoss, alone: TokenLoss) -> float | None:
    return given.mean / alone.mean if given.mean > 0 and alone.mean > 0 else None


def _similarities(pairs: Sequence[PairTexts], embed: Embed) -> list[Measured]:
    asked = [with_input(one["instruction"], one["input"]) for one in pairs]
    vectors = embed([*asked, *(one["response"] for one in pairs)])
    found = []
    for own, other in zip(vectors[: len(pairs)], vectors[len(pairs) :], strict=True):
        error = own.error or other.error
        value = None if error else float(np.dot(own.values.astype(np.float64), other.values.astype(np.float64)))
        found.append(Measured(value, 0, (own.call, other.call), error))
    return found
