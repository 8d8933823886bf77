"""Markdown around texts that nobody here wrote: they are shown as they stand, and nothing in them is acted on."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

from warehouse.core.texts import on_one_line
from warehouse.core.visible import visible

# An underscore inside a word, as in most names here, marks nothing.
_MARKS = re.compile(r"[\\`*\[\]|#~@]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")


def cell(text: object) -> str:
    """A text for a cell of a table or a line: on one line, without anything that Markdown or HTML would act on.

    Worked example: `cell("a_b <i> | *c*")` is the text `a_b &lt;i&gt; \\| \\*c\\*`.
    """
    return _MARKS.sub(r"\\\g<0>", html.escape(visible(on_one_line(str(text))), quote=False))


def table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table, with a line break at its end; cells are escaped."""
    lines = [titles, ["---"] * len(titles), *([cell(one) for one in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def code_block(text: str, language: str = "") -> str:
    """A text as a block of code that it cannot end: the fence is longer than any run of backticks in the text.

    Worked example: `code_block("a ``` b")` is the text between two lines of four backticks.
    """
    fence = "`" * max(3, 1 + max((len(ticks) for ticks in re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{text.removesuffix(chr(10))}\n{fence}"
