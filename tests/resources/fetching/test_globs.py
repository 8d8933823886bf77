"""A pattern decides which files a source has. It must mean the same for a folder here, a repository and a wheel, and
the order of the files must not depend on the machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from resources.fetching.addresses import is_pattern
from resources.fetching.globs import files_at, fixed_part, matching, root_of

NAMES = [
    "README.md",
    "data/train-10.jsonl",
    "data/train-2.jsonl",
    "data/test.jsonl",
    "data/.hidden.jsonl",
    "data/deep/train-3.jsonl",
    "data/deep/er/train-4.jsonl",
    ".cache/train-5.jsonl",
    "data/Étude.jsonl",
]
MATCHES = {
    "*.md": ["README.md"],
    "data/train-*.jsonl": ["data/train-10.jsonl", "data/train-2.jsonl"],
    "data/train-?.jsonl": ["data/train-2.jsonl"],
    "data/train-[0-9][0-9].jsonl": ["data/train-10.jsonl"],
    "data/[!t]*.jsonl": ["data/Étude.jsonl"],
    "*/*/*.jsonl": ["data/deep/train-3.jsonl"],
    "**/train-*": [
        "data/deep/er/train-4.jsonl",
        "data/deep/train-3.jsonl",
        "data/train-10.jsonl",
        "data/train-2.jsonl",
    ],
    "data/deep/**": ["data/deep/er/train-4.jsonl", "data/deep/train-3.jsonl"],
    "*.jsonl": [],
}


@pytest.mark.parametrize(("pattern", "names"), MATCHES.items())
def test_a_pattern_matches_the_same_names_in_a_list_and_in_a_folder(
    tmp_path: Path, pattern: str, names: list[str]
) -> None:
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    assert is_pattern(pattern)
    assert matching(pattern, NAMES) == names
    root = fixed_part(pattern)
    found = files_at(tmp_path / pattern)
    assert [f"{root}/{name}".lstrip("/") for name in found] == names
    assert [path.read_text() for path in found.values()] == names
    assert root_of(tmp_path / pattern) == tmp_path / root


def test_only_the_folders_that_can_match_are_looked_at(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/link").symlink_to(tmp_path)
    (tmp_path / "a/x.txt").write_text("x")
    assert list(files_at(tmp_path / "a/*.txt")) == ["x.txt"]


def test_the_order_is_that_of_the_bytes(tmp_path: Path) -> None:
    for name in ("b", "B", "é", "a/z", "a.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    assert list(files_at(tmp_path)) == ["B", "a.txt", "a/z", "b", "é"]
