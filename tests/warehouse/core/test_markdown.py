"""Cards and reviews show texts of models and strangers in Markdown. Read as Markdown again, a cell must have exactly
its text: no markup, no HTML, no other cell, no broken table."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from warehouse.core.markdown import cell, table
from warehouse.core.texts import on_one_line
from warehouse.core.visible import visible

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
MARKED = st.text(alphabet="ab1 \\`*_[]()<>|#~@&;!-.:/\n\x1b", max_size=40)


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a_b <i> | *c*", r"a_b &lt;i&gt; \| \*c\*"),
        ("_thin_ __init__", r"\_thin\_ \_\_init\_\_"),
        ("R@1 ~~x~~ #7", r"R\@1 \~\~x\~\~ \#7"),
        ("two\nlines\x1b", r"two lines\\x1b"),
        (3, "3"),
    ],
)
def test_what_marks_something_is_escaped(text: object, escaped: str) -> None:
    assert cell(text) == escaped


@given(text=MARKED)
@example(text="![x](http://example.com) <!-- -->")
@example(text="&amp; &#64;")
def test_a_cell_is_read_as_its_text(text: str) -> None:
    read = READER.render(table(("a", "b"), [(text, "end")]))
    shown = " ".join(visible(on_one_line(text)).split())
    (found, end) = re.findall(r"<td>(.*?)</td>", read, flags=re.DOTALL)
    assert (" ".join(html.unescape(found).split()), end) == (shown, "end")
    assert "<" not in found
