"""A pair as a row, and the lineage of its columns: every method builds both here."""

from __future__ import annotations

from collections.abc import Sequence

from assets.steps.step import Columns, made


def pair(method: str, instruction: str, input_: str = "", response: str = "", level: str = "") -> dict[str, str]:
    """The content of a Pair record. The order of the keys is fixed: some methods hash the values in this order."""
    return {"method": method, "level": level, "instruction": instruction, "input": input_, "response": response}


def pair_columns(
    *parents: str,
    instruction: Sequence[tuple[str, str]] = (),
    input_: Sequence[tuple[str, str]] = (),
    response: Sequence[tuple[str, str]] = (),
    level: Sequence[tuple[str, str]] = (),
) -> Columns:
    """The columns of Pair, each with the (input, column) pairs that its values are made from.

    The method's name is a constant, so it is made from nothing. `parents` are the inputs whose rows are parents of the
    pair; their ids are part of its id.
    """
    return made(*parents, method=(), level=level, instruction=instruction, input=input_, response=response)
