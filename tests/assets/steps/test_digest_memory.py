"""Digests of code are remembered between processes. If a memory outlived an edit, wrong rows would stay fresh; one that
is damaged must not stop a build."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from assets.steps.digest_memory import FILE, DigestMemory, state_of
from resources.tools.locations import CACHE

MADE = {"assets/main.py": "12"}


@pytest.fixture(autouse=True)
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE, str(tmp_path / "cache"))
    return tmp_path / "cache" / FILE


@pytest.fixture
def code(project: Path) -> Path:
    (project / "other.py").write_text("LIMIT = 1")
    main = project / "assets" / "main.py"
    main.write_text("LIMIT = 2")
    return main


def computing(made: list[str]) -> Callable[[], dict[str, str]]:
    return lambda: made.append("made") or MADE  # type: ignore[func-returns-value]


def asked_anew(code: Path, made: list[str], *asked: str) -> dict[str, str]:
    """What another process gets."""
    return DigestMemory(lambda: state_of(code.parents[1], ["other.py"])).digests([*asked], computing(made))


def test_what_was_asked_before_is_not_computed_again(code: Path) -> None:
    made: list[str] = []
    assert [asked_anew(code, made, name) for name in ("a", "a", "b", "a", "b")] == [MADE] * 5
    assert len(made) == 2


@pytest.mark.parametrize("edited", ["assets/main.py", "other.py", "assets/new.py"])
def test_after_an_edit_everything_is_computed_again(code: Path, edited: str) -> None:
    made: list[str] = []
    asked_anew(code, made, "a")
    (code.parents[1] / edited).write_text("LIMIT = 3")
    asked_anew(code, made, "a")
    assert len(made) == 2


def test_what_was_computed_while_the_code_was_edited_is_not_remembered(code: Path, memory: Path) -> None:
    remembering = DigestMemory(lambda: state_of(code.parents[1], ["other.py"]))
    code.write_text("LIMIT = 3")
    assert remembering.digests(["a"], lambda: MADE) == MADE
    assert not memory.exists()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"state": "x"}', "null"])
def test_a_damaged_memory_counts_as_none(code: Path, memory: Path, content: str) -> None:
    made: list[str] = []
    asked_anew(code, made, "a")
    memory.write_text(content)
    assert asked_anew(code, made, "a") == MADE
    assert len(made) == 2


def test_where_nothing_can_be_written_the_digests_are_computed_each_time(code: Path, memory: Path) -> None:
    memory.parent.write_text("a file in the place of the folder")
    made: list[str] = []
    assert [asked_anew(code, made, "a") for _ in range(2)] == [MADE] * 2
    assert len(made) == 2
