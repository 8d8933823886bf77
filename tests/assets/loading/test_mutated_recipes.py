"""Recipes come damaged in ways that nobody thinks of: each is loaded, or refused with one clear error, and at once.

The long form is `python -m pytest tests/assets/loading/test_mutated_recipes.py --mutations 100000`.
"""

from __future__ import annotations

import copy
import random
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from assets.loading.file import RecipeError, load_recipe
from tests.support.tiny import ROOT

RECIPES = (ROOT / "recipe.yaml", *sorted((ROOT / "recipes").rglob("*.yaml")))
SECONDS_PER_RECIPE = 10
LONGEST_MESSAGE = 40_000

FRAGMENTS: tuple[bytes, ...] = (
    *(b"\x00", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", "\u202e".encode(), b"\r", b"\n\n", b"\t", b'"', b"'", b"%"),
    *(b"{", b"}", b"[", b"]", b"{{", b"*a", b"&a ", b"<<: ", b"!!python/name:os.system", b"---\n", b"1:2:3", b"|"),
    *(b"null", b"true", b".nan", b"9" * 5000, b"0x" + b"f" * 5000, b"a" * 70_000, b"[" * 2000, b"2023-02-30"),
)
VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 2**70, 10**400, 0.5, -0.0, float("nan"), float("inf"), [], {}, [[]], [None], {"": ""}),
    *("", " ", "a\0b", "{", "{x.y[z}", "base", "../../etc/passwd", "hf:a/b", "pypi:a==1#b", "x" * 10_000),
    {"a": {"a": {}}},
)


def test_a_mutated_recipe_is_loaded_or_refused(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    rng, counts = random.Random(7), Counter[str]()
    written = {recipe: yaml.safe_load(recipe.read_text(encoding="utf-8")) for recipe in RECIPES}
    path = tmp_path / "recipe.yaml"
    cases = pytestconfig.getoption("--mutations")
    for case in range(cases):
        recipe = rng.choice(RECIPES)
        path.write_bytes(_damaged(recipe.read_bytes(), rng) if case % 2 else _altered(written[recipe], rng))
        signal.alarm(SECONDS_PER_RECIPE)
        try:
            load_recipe(path)
            counts["loaded"] += 1
        except RecipeError as error:
            counts["refused"] += 1
            assert 0 < len(str(error)) < LONGEST_MESSAGE, f"case {case}: {str(error)[:500]}"
        finally:
            signal.alarm(0)
    assert counts.total() == cases
    assert counts["refused"] > cases / 2


def _damaged(content: bytes, rng: random.Random) -> bytes:
    """One to four random changes: a byte, a cut, a repeated part, an inserted fragment."""
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(content) + 1)
        end = min(len(content), at + rng.randint(1, 40))
        changes = [
            content[:at] + bytes([rng.randrange(256)]) + content[at + 1 :],
            content[:at] + content[end:],
            content[:at] + content[at:end] * 2 + content[end:],
            content[:at] + rng.choice(FRAGMENTS) + content[at:],
            content[:at],
        ]
        content = rng.choice(changes)
    return content


def _altered(values: Any, rng: random.Random) -> bytes:
    """The values with one to three replaced, removed or added."""
    values = copy.deepcopy(values)
    for _ in range(rng.randint(1, 3)):
        if not (places := list(_places(values))):
            break
        container, key = rng.choice(places)
        kind = rng.randrange(4)
        if kind == 0:
            del container[key]
        elif kind == 1 and isinstance(container, dict):
            container[rng.choice(["x", "", "sources", "a.b", 7])] = rng.choice(VALUES)
        elif kind == 2 and isinstance(container, list):
            container.append(rng.choice([*VALUES, container[key]]))
        else:
            container[key] = rng.choice(VALUES)
    return yaml.safe_dump(values, allow_unicode=True).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, key
        if isinstance(inner, dict | list):
            yield from _places(inner)
