"""What models, and people who filled in a form, write for "there is no input"."""

from __future__ import annotations

import re

from assets.recipe.rendering import NO_INPUT

ABSENT = frozenset(
    {
        *(text.strip("<>[]") for text in NO_INPUT), "none", "nil", "no-input", "no_input", "not applicable",
        "no additional input", "no input necessary", "no input is needed", "no input is required", "no input provided",
        "input not required", "not required", "not needed",
    }
)  # fmt: skip
"""Texts that mean that there is nothing, in lower case (ours). "NA" and "null" are left out: they may be meant."""

_AROUND = re.compile(r"\A[\s<\[({\"'“‘`*_]+|[\s>\])}\"'”’`*_.!…-]+\Z")
_DASHES = ("-", "–", "—", "…", "...")


def given(text: str) -> str:
    """The stripped text, or "" where it only says that there is nothing, such as "N/A", "<noinput>" or "None."."""
    text = text.strip()
    return "" if text in _DASHES or _AROUND.sub("", text).lower() in ABSENT else text
