"""Any text given as a recipe yields a recipe or one clear error, never a traceback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from assets.loading.file import RecipeError, load_recipe, parse_recipe
from assets.recipe.types import Recipe
from tests.support.recipes import STARTER, parsed, put, read_starter, starter


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a recipe is a mapping of keys to values; found nothing"),
        ("- seed\n", "a recipe is a mapping of keys to values; found a list"),
        ("seed\n", "a recipe is a mapping of keys to values; found a text"),
        ("seed: 1\nseed: 2\n", "this is not YAML: the key 'seed' is given twice (line 2, column 1)"),
        (
            "seed: [1\n",
            "this is not YAML: while parsing a flow sequence (line 1, column 7), expected ',' or ']', "
            "but got '<stream end>' (line 2, column 1)",
        ),
        (
            "text: {{title}}\n",
            "this is not YAML: a key is a mapping or a list; put a text with { or [ in quotes (line 1, column 8)",
        ),
    ],
)
def test_text_that_is_not_a_recipe_is_an_error(text: str, message: str) -> None:
    with pytest.raises(RecipeError) as refused:
        parse_recipe(text)
    assert str(refused.value) == message


def test_a_repeated_nested_key_is_an_error() -> None:
    text = STARTER.read_text(encoding="utf-8").replace("    keep: ", "    keep: 0.1\n    keep: ")
    with pytest.raises(RecipeError, match="the key 'keep' is given twice"):
        parse_recipe(text)


@pytest.mark.parametrize(
    "text",
    [
        "instruction: {{title}}\n",
        "? [1, 2]\n: 3\n",
        "seed: 2023-02-30\n",
        "seed: !!int many\n",
        "seed: !!timestamp soon\n",
        "seed: !!python/object:os.system {}\n",
        "1: 2\nnull: 3\n",
        "seed: &again [*again]\n",
        "\x00",
    ],
    ids=["braces", "list as key", "no such day", "no number", "no time", "code", "numbers as keys", "loop", "zero"],
)
def test_yaml_that_python_cannot_read_is_a_recipe_error_too(text: str) -> None:
    with pytest.raises(RecipeError):
        parse_recipe(text)


def test_the_error_for_a_missing_file_gives_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    with pytest.raises(RecipeError) as refused:
        load_recipe(path)
    assert str(refused.value) == f"{path}: there is no such file; name a recipe with --recipe FILE"


def test_the_error_names_a_folder_or_a_binary_file(tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as refused:
        load_recipe(tmp_path)
    assert str(refused.value).startswith(f"{tmp_path}: it cannot be read as UTF-8 text: ")
    path = tmp_path / "recipe.yaml"
    path.write_bytes(b"seed: \xff\n")
    with pytest.raises(RecipeError) as refused:
        load_recipe(path)
    assert str(refused.value).startswith(f"{path}: it cannot be read as UTF-8 text: ")


def test_an_error_in_a_file_starts_with_its_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(put(starter(), "curation.rows", 0)), encoding="utf-8")
    with pytest.raises(RecipeError) as refused:
        load_recipe(path)
    line = path.read_text(encoding="utf-8").splitlines().index("  rows: 0") + 1
    assert str(refused.value) == (
        f"{path}: 1 problem\n  curation.rows: found 0; it must be greater than or equal to 1 (line {line}, column 3)"
    )


def leaves(value: object, path: str = "") -> Iterator[str]:
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, f"{path}.{key}" if path else str(key))
    else:
        yield path


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.dates()
    | st.sampled_from(["{title}", "{{", "pypi:", "hf:a/b", "base", "model", "human", "self_instruct", "\x7f", "1e3"])
)


@given(changes=st.lists(st.tuples(st.sampled_from(sorted(leaves(read_starter()))), SCALARS), min_size=1, max_size=3))
def test_any_scalar_at_any_key_loads_or_is_a_recipe_error(changes: list[tuple[str, object]]) -> None:
    values = starter()
    for path, value in changes:
        put(values, path, value)
    _loads_or_explains(lambda: parsed(values))


@given(data=st.data())
def test_any_scalar_instead_of_any_part_loads_or_is_a_recipe_error(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(leaves(read_starter()))))
    depth = data.draw(st.integers(1, path.count(".") + 1))
    values = put(starter(), ".".join(path.split(".")[:depth]), data.draw(SCALARS | st.just([]) | st.just({})))
    _loads_or_explains(lambda: parsed(values))


def _loads_or_explains(load: Callable[[], Recipe]) -> None:
    try:
        load()
    except RecipeError as error:
        assert str(error).split("\n")[0].endswith(("1 problem", " problems"))
        assert "pydantic" not in str(error)
