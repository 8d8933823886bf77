"""How many training examples are cut because they are too long: counted in each training, and shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from warehouse.results.result import WARNINGS

CUT = "examples cut at max_tokens"
"""The key of a version's notes for their number."""


def cut_notes(sizes: Sequence[int], most: int, key: str) -> dict[str, Any]:
    """How many training examples of `sizes` tokens are cut at `most`, the setting max_tokens of `key`.

    Nothing for no sizes, which a plan has: it counts no tokens."""
    cut = sum(size > most for size in sizes)
    notes: dict[str, Any] = {CUT: cut}
    if cut:
        notes[WARNINGS] = [
            f"{cut} of {len(sizes)} training examples are cut at {key}.max_tokens ({most}; the longest has "
            f"{max(sizes)}), and no end of turn is learned from them; {key}.truncation: reject leaves them out"
        ]
    return notes
