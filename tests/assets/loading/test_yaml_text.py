"""A recipe file is read in bounded time, whatever is in it, and an error says where without repeating the file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.loading.file import MOST_BYTES, RecipeError, load_recipe
from assets.loading.yaml_text import YamlError, read_yaml


def bomb(item: str, levels: int = 30) -> str:
    """Each level is ten times the one before: thirty lines that stand for 10^30 values."""
    lines = ["l0: &l0 {x: 1}"]
    for level in range(1, levels):
        below = ",".join([f"*l{level - 1}"] * 10)
        lines.append(f"l{level}: &l{level} {item.format(below=below, level=level)}")
    return "\n".join(lines)


@pytest.mark.parametrize(
    "item", ["[{below}]", "{{a: [{below}]}}", "{{<<: [{below}], y{level}: 1}}"], ids=["lists", "maps", "merges"]
)
def test_a_bomb_of_aliases_is_refused_before_it_grows(item: str) -> None:
    with pytest.raises(YamlError) as refused:
        read_yaml(bomb(item))
    assert str(refused.value) == ("it stands for more than 100,000 keys and values; write less, or use fewer aliases")


def test_merge_keys_give_what_yaml_says() -> None:
    text = (
        "base: &base {x: 1, y: 2}\nother: &other {y: 3, z: 4}\nboth: {<<: [*base, *other], x: 5}\nagain: {<<: *base}\n"
    )
    document = read_yaml(text)
    assert document.value["both"] == {"x": 5, "y": 2, "z": 4}
    assert document.value["again"] == {"x": 1, "y": 2}
    assert document.shared == {"base", "other", "both", "again"}


def test_a_key_that_is_given_twice_beside_a_merge_is_an_error() -> None:
    with pytest.raises(YamlError) as refused:
        read_yaml("base: &base {x: 1}\nboth: {<<: *base, x: 2, x: 3}\n")
    assert str(refused.value) == "the key 'x' is given twice (line 2, column 25)"


def test_every_key_and_item_has_its_line_and_column() -> None:
    assert read_yaml("a: 1\nb:\n  - c: 2\n    d: 3\n  - 4\ne: {f: 5, g: 6}\n").positions == {
        ("a",): (1, 1),
        ("b",): (2, 1),
        ("b", "0"): (3, 5),
        ("b", "0", "c"): (3, 5),
        ("b", "0", "d"): (4, 5),
        ("b", "1"): (5, 5),
        ("e",): (6, 1),
        ("e", "f"): (6, 5),
        ("e", "g"): (6, 11),
    }


def test_a_time_of_day_is_a_text_and_not_a_number_in_base_60() -> None:
    assert read_yaml("a: 12:30\nb: 1:02.5\nc: 0x10\nd: 1.5e+3\ne: 1_000\n").value == {
        "a": "12:30",
        "b": "1:02.5",
        "c": 16,
        "d": 1500.0,
        "e": 1000,
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &a [*a]\n", "a value contains itself (line 1, column 4)"),
        ("a: b: c\n", "mapping values are not allowed here (line 1, column 5)"),
        ("root:x:0:0: secret\nsecret\nmore: [\n", "could not find expected ':' (line 3, column 1)"),
        ("a: 1\n---\nb: 2\n", "but found another document (line 2, column 1)"),
        ("[" * 5000, "it is nested too deeply"),
        ("a: " + "9" * 5000, "Exceeds the limit (4300 digits) for integer string conversion: value has 5000 digits"),
    ],
    ids=["loop", "colon", "another file", "two documents", "deep", "long number"],
)
def test_an_error_says_where_and_does_not_repeat_the_text(text: str, message: str) -> None:
    with pytest.raises(YamlError) as refused:
        read_yaml(text)
    assert message in str(refused.value)
    assert "secret" not in str(refused.value)


@given(st.text(alphabet="ab:{}[]*&<!-?|>'\"#%@,\n \t0123456789.", max_size=60))
def test_any_text_is_read_or_is_an_error(text: str) -> None:
    try:
        read_yaml(text)
    except YamlError as error:
        assert str(error)


def written(folder: Path, text: str) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(path: Path) -> str:
    with pytest.raises(RecipeError) as refused:
        load_recipe(path)
    return str(refused.value).removeprefix(f"{path}: ")


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "recipe.yaml"
    os.mkfifo(pipe)
    assert refusal(pipe) == "it cannot be read as UTF-8 text: it is a folder, a pipe or a device and not a file"


def test_extending_a_pipe_is_refused_too(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert refusal(written(tmp_path, "extends: pipe\n")) == (
        "extends pipe: it cannot be read as UTF-8 text: it is a folder, a pipe or a device and not a file"
    )


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = written(tmp_path, "#" * (MOST_BYTES + 1))
    assert refusal(path) == "it has 1,048,577 bytes, but a recipe has at most 1,048,576"


def test_another_file_that_is_extended_by_mistake_is_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "passwords").write_text("root:x:0:0:secret\n", encoding="utf-8")
    message = refusal(written(tmp_path, "extends: passwords\n"))
    assert message == "extends passwords: a recipe is a mapping of keys to values; found a text"


def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path) -> None:
    assert refusal(written(tmp_path, 'extends: "a\\0b"\n')) == (
        "1 problem\n  extends: found 'a\\x00b'; it must be starter, or the path of another recipe (line 1, column 1)"
    )


def test_a_long_chain_of_recipes_is_refused(tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / f"{number}.yaml").write_text(f"extends: {number + 1}.yaml\n", encoding="utf-8")
    with pytest.raises(RecipeError, match="at most 16 recipes in a row"):
        load_recipe(tmp_path / "0.yaml")


def test_problems_are_listed_all_at_once_with_the_lines_of_their_own_files(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("extends: starter\nretries: many\n", encoding="utf-8")
    text = "extends: base.yaml\nseed: -1\ntraining:\n  ran: 3\n"
    assert refusal(written(tmp_path, text)).split("\n") == [
        "3 problems",
        "  seed: found -1; it must be greater than or equal to 0 (line 2, column 1)",
        "  retries: found 'many'; it must be a whole number (base.yaml, line 2, column 1)",
        "  training.ran: found 3; there is no such key; did you mean 'rank'? (known: alpha, base, batch_size, "
        "checkpoint_every, dropout, epochs, last_layers, learning_rate, max_tokens, method, micro_batch, precision, "
        "rank, scheduler, seeds, target_modules, truncation, validation, warmup, weight_decay) (line 4, column 3)",
    ]


def test_long_values_and_many_problems_are_cut(tmp_path: Path) -> None:
    message = refusal(written(tmp_path, f"extends: starter\nseed: {'x' * 100_000}\n"))
    assert len(message) < 400
    many = "extends: starter\n" + "".join(f"unknown_{number}: 1\n" for number in range(500))
    lines = refusal(written(tmp_path, many)).split("\n")
    assert (lines[0], len(lines), lines[-1]) == ("500 problems", 52, "  and 450 more")
    assert "a number of hundreds of digits" in refusal(written(tmp_path, "extends: starter\nseed: 0x" + "f" * 5000))


def test_a_top_level_key_may_hold_what_aliases_share(tmp_path: Path) -> None:
    short = "extends: starter\nshort: &short {max_new_tokens: 8}\n"
    text = f"{short}generation:\n  self_training:\n    response: {{<<: *short}}\n"
    assert load_recipe(written(tmp_path, text)).generation.settings("self_training").response.max_new_tokens == 8
    unused = refusal(written(tmp_path, short))
    assert unused.startswith("1 problem\n  short: found {'max_new_tokens': 8}; there is no such key; ")
