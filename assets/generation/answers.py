"""What becomes of a pair once the model has answered its instruction, whichever method asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assets.generation.parsing import whole_sentences
from resources.calls import Completion
from warehouse.identity import Parent
from warehouse.result import Gate


def decide_answer(gate: Gate, pair: Mapping[str, str], completion: Completion, parents: Sequence[Parent]) -> None:
    """Keeps `pair` (all but its response) with the completion as response, or says why not.

    A response that was cut off ends at its last whole sentence (ours); one without any is rejected.
    """
    row = {**pair, "response": whole_sentences(completion.text, completion.complete)}
    made_of = [*parents, (completion.call, "call")]
    if completion.error:
        gate.fail(row, completion.error, made_of)
    elif not row["response"]:
        gate.reject(row, "no whole sentence", made_of)
    else:
        gate.keep(row, made_of)
