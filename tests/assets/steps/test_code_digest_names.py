"""Python has many ways to use and to bind a name. If the digest misses one, code may change the rows of a step that
stays fresh."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.digesting import changed

USES = """
    import math
    from functools import cache

    CUT = 1
    A, (B, *C) = 1, (2, 3)
    D = E = 1
    F: int = 1
    G = (H := 1) + 1
    WAY = 1
    THING = 1
    TABLE = {thing: thing for thing in "ab"}

    def decorate(function):
        return function

    class Base:
        size = 1

    def used(text=CUT):
        return text

    @decorate
    def decorated():
        return 1

    class Derived(Base):
        width = THING
        def area(self):
            return self.width * WAY

    def shown(thing):
        match thing:
            case Base():
                return f"{F:>{D}}"

    async def late():
        return [n for n in C if (m := n) > G]

    def typed(x: "text") -> Base:
        global E
        return math.floor(cache(x))
"""


@pytest.mark.parametrize(
    ("imported", "old", "new", "counts"),
    [
        ("used", "CUT = 1", "CUT = 2", True),
        ("decorated", "return function", "return None", True),
        ("decorated", "@decorate", "@cache", True),
        ("Derived", "size = 1", "size = 2", True),
        ("Derived", "THING = 1", "THING = 2", True),
        ("Derived", "WAY = 1", "WAY = 2", True),
        ("Derived", "CUT = 1", "CUT = 2", False),
        ("shown", "F: int = 1", "F: int = 2", True),
        ("shown", "D = E = 1", "D = E = 2", True),
        ("shown", "size = 1", "size = 2", True),
        ("shown", '"ab"', '"abc"', False),
        ("late", "(2, 3)", "(2, 4)", True),
        ("late", "(H := 1) + 1", "(H := 1) + 2", True),
        ("late", "F: int = 1", "F: int = 2", False),
        ("H", "(H := 1)", "(H := 2)", True),
        ("A", "A, (B, *C) = 1", "A, (B, *C) = 2", True),
        ("E", "D = E = 1", "D = E = 2", True),
        ("F", "F: int = 1", "F: int = 2", True),
        ("typed", "import math", "import cmath as math", True),
        ("typed", "import cache", "import lru_cache as cache", True),
        ("typed", "size = 1", "size = 2", True),
        ("used", "import math", "import cmath as math", False),
        ("used", "import cache", "import lru_cache as cache", False),
    ],
)
def test_everything_that_a_name_uses_counts(project: Path, imported: str, old: str, new: str, counts: bool) -> None:
    files = {"main": f"from assets.other import {imported}", "other": USES}
    assert changed(project, files, "other", old, new) == ({"assets/other.py"} if counts else set())


BOUND_TWICE = """
    ROWS = 1
    ROWS = ROWS + 2
    OTHER = 3

    def ask():
        return 4

    def ask():
        return 5

    def tell():
        return 6
"""


@pytest.mark.parametrize(
    ("imported", "old", "new", "counts"),
    [
        ("ROWS", "ROWS = 1", "ROWS = 7", True),
        ("ROWS", "+ 2", "+ 7", True),
        ("ROWS", "OTHER = 3", "OTHER = 7", False),
        ("ask", "return 4", "return 7", True),
        ("ask", "return 5", "return 7", True),
        ("ask", "return 6", "return 7", False),
    ],
)
def test_both_bindings_of_a_name_count(project: Path, imported: str, old: str, new: str, counts: bool) -> None:
    files = {"main": f"from assets.other import {imported}", "other": BOUND_TWICE}
    assert changed(project, files, "other", old, new) == ({"assets/other.py"} if counts else set())


def test_the_order_of_statements_counts(project: Path) -> None:
    files = {"main": "from assets.other import ROWS", "other": "ROWS = 1\nROWS = 2\n"}
    assert changed(project, files, "other", "ROWS = 1\nROWS = 2\n", "ROWS = 2\nROWS = 1\n") == {"assets/other.py"}


@pytest.mark.parametrize(
    "statement",
    [
        "if MORE:\n    ROWS = 7",
        "try:\n    ROWS = 7\nexcept ValueError:\n    pass",
        "for ROWS in range(7):\n    pass",
        "with open('7') as ROWS:\n    pass",
        "while ROWS < 7:\n    ROWS += 1",
        "ROWS += 7",
        "(ROWS := 7)",
        "TABLE['ROWS'] = 7",
        "TABLE.rows = 7",
        "TABLE['ROWS'] = EXTRA = 7",
        "EXTRA, TABLE['ROWS'] = 1, 7",
        "TABLE['ROWS']: int = 7",
        "TABLE.update(rows=7)",
        "assert MORE == 7",
        "match MORE:\n    case 7:\n        ROWS = 1",
    ],
)
def test_a_statement_that_may_change_any_value_counts_for_all_names(project: Path, statement: str) -> None:
    files = {
        "main": "from assets.other import f",
        "other": f"MORE = 1\nTABLE = {{}}\nROWS = 3\n{statement}\ndef f():\n    return TABLE\n",
    }
    assert changed(project, files, "other", "7", "8") == {"assets/other.py"}


def test_names_used_by_such_a_statement_count(project: Path) -> None:
    files = {
        "main": "from assets.other import f",
        "other": "from assets.far import more\ndef grown():\n    return more()\ndef f():\n    return 1\ngrown()\n",
        "far": "def more():\n    return 2\n",
    }
    assert changed(project, files, "far", "return 2", "return 3") == {"assets/far.py"}
    assert changed(project, files, "other", "return more()", "return -more()") == {"assets/other.py"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("import g as f", "import h as f"),
        ("from assets.other import g as f", "from assets.another import g as f"),
        ("import assets.other as x, assets.another as y", "import assets.other as y, assets.another as x"),
        ("from math import floor as number", "from math import ceil as number"),
    ],
)
def test_an_import_that_binds_a_name_to_another_object_counts(project: Path, old: str, new: str) -> None:
    functions = "def g():\n    return 1\ndef h():\n    return 2\n"
    files = {
        "main": "from assets.middle import build",
        "middle": "from assets.other import g as f\nimport assets.other as x, assets.another as y\n"
        "from math import floor as number\ndef build():\n    return f(), x.g(), y.h(), number(0.5)\n",
        "other": functions,
        "another": functions,
    }
    assert "assets/middle.py" in changed(project, files, "middle", old, new)


def test_an_unused_import_does_not_count(project: Path) -> None:
    files = {"main": "from assets.other import f", "other": "import math\ndef f():\n    return 1\n"}
    assert changed(project, files, "other", "import math", "import cmath, math") == set()
    assert changed(project, files, "other", "import math", "") == set()
