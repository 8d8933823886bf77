"""Markdown around texts that nobody here wrote: they are shown as they stand, and nothing in them is acted on."""

from __future__ import annotations

import re


def code_block(text: str, language: str = "") -> str:
    """A text as a block of code that it cannot end: the fence is longer than any run of backticks in the text.

    Worked example: `code_block("a ``` b")` is the text between two lines of four backticks.
    """
    fence = "`" * max(3, 1 + max((len(ticks) for ticks in re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{text.removesuffix(chr(10))}\n{fence}"
