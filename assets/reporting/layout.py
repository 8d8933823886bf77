"""Tables that fit the terminal. Names are shortened in the middle, never at the end that tells them apart, and columns
that do not fit stand in a table of their own below."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import count
from textwrap import wrap

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from warehouse.core.texts import shortened_name
from warehouse.core.visible import visible

GAP = 2
"""Spaces between two columns."""

LEAST_WIDTH = 60
"""Below this many columns tables are cut (our choice)."""

MOST_LINES = 3
"""The most lines of the title of a column (our choice)."""

Cell = str | Text


def table(*columns: str, left: int) -> Table:
    """An empty table without lines; the first `left` columns are aligned left, all others right."""
    made = Table(*columns, box=None, pad_edge=False)
    for place, column in enumerate(made.columns):
        column.overflow = "fold"
        column.justify = "left" if place < left else "right"
    return made


def matrix(
    title: str,
    columns: Sequence[str],
    rows: Iterable[tuple[str, Sequence[Cell]]],
    width: int,
    left: Collection[str] = (),
) -> Iterator[RenderableType]:
    """Named rows with a cell for each column, as tables of at most `width` characters with blank lines between them.

    Each table repeats the names of the rows that have something in it. Titles of columns are broken at their spaces.
    The columns in `left` are aligned left, all others right.
    """
    lines = [(visible(name), [_text(cell) for cell in cells]) for name, cells in rows]
    widths = [
        _width(column, max((cells[place].cell_len for _, cells in lines), default=0))
        for place, column in enumerate(columns)
    ]
    room = max(LEAST_WIDTH, width)
    named = max([len(title), *(len(name) for name, _ in lines)])
    named = min(named, room - GAP - max(widths, default=0))
    for number, places in enumerate(_groups(widths, room - named)):
        made = Table(box=None, pad_edge=False)
        made.add_column(title, width=named, no_wrap=True, vertical="bottom")
        for place in places:
            made.add_column(
                Text("\n".join(wrap(columns[place], widths[place]))),
                width=widths[place],
                vertical="bottom",
                justify="left" if columns[place] in left else "right",
            )
        for name, cells in lines:
            here = [cells[place] for place in places]
            if any(here):
                made.add_row(Text(shortened_name(name, named)), *here)
        if number:
            yield Text("")
        yield made


def _groups(widths: Sequence[int], room: int) -> list[list[int]]:
    """The places of columns that fit beside each other, in order."""
    groups: list[list[int]] = []
    left = 0
    for place, width in enumerate(widths):
        if not groups or left < GAP + width:
            groups.append([])
            left = room
        groups[-1].append(place)
        left -= GAP + width
    return groups


def _width(title: str, cells: int) -> int:
    """The least width of a column with cells of `cells` characters in which its title has at most MOST_LINES."""
    least = max([cells, 1, *map(len, title.split())])
    return next(width for width in count(least) if len(wrap(title, width)) <= MOST_LINES)


def _text(cell: Cell) -> Text:
    """A text of a row or a name may look like rich's markup."""
    return cell if isinstance(cell, Text) else Text(cell)
